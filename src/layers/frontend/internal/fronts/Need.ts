/**
 * When one more front is needed.
 *
 * The main thread costs more than a front for every request, so one front keeps up with it however many small requests come, and what
 * comes together on one wakes threads less often. Fronts are worth having for what they do and main does not: for the bytes of large
 * bodies and answers, and for connections by the hundred.
 */

/** What it asks, and tells. @internal */
export interface Options {
  /** A clock in milliseconds. */
  readonly now: () => number
  /** How many fronts accept connections. */
  readonly fronts: () => number
  /** Connections that they hold. */
  readonly connections: () => number
  /** One more is needed. `moves`: also for the connections that there are. */
  readonly onNeed: (moves: boolean) => void
}

/** Connections that a front holds before another one accepts any. @internal */
export const manyConnections = 256

/** Bytes that a front moves within so many milliseconds before it gets help: some percent of what a thread can. @internal */
export const manyBytes = { bytes: 25 * 1024 * 1024, millis: 250 } as const

/** @internal */
export class Need {
  private readonly options: Options
  private bytes = 0
  private since: number

  constructor(options: Options) {
    this.options = options
    this.since = options.now()
  }

  /** A connection was accepted. */
  joined(): void {
    const { connections, fronts, onNeed } = this.options
    if (connections() > fronts() * manyConnections) onNeed(false)
  }

  /** So many bytes of bodies or answers are on their way, apart from small ones. */
  moved(bytes: number): void {
    const { fronts, now, onNeed } = this.options
    this.bytes += bytes
    if (this.bytes < fronts() * manyBytes.bytes) return
    const began = this.since
    this.bytes = 0
    this.since = now()
    if (this.since - began < manyBytes.millis) onNeed(true)
  }
}
