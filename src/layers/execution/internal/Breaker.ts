/**
 * The circuit breaker of a version: after too many losses of instances in a short time no more is started until a pause is over,
 * then one on trial. Losses count from the last run that was answered, whichever instance did: a model that answers is left to go on,
 * however often one of its instances has to be replaced.
 *
 * Plain data: whoever holds it knows the time and wakes those who wait.
 */

/** Times are monotonic nanoseconds. @category models */
export interface Options {
  /** Losses within `windowNanos` at which it opens; 0: never. */
  readonly losses: number
  readonly windowNanos: bigint
  readonly pauseNanos: bigint
}

/** 5 losses within a minute, and a pause of half a minute. @category constants */
export const defaults: Options = { losses: 5, windowNanos: 60_000_000_000n, pauseNanos: 30_000_000_000n }

/** Whether an instance may be started: at once, not before a time, or when another has passed its trial or failed. @category models */
export type Admission = "now" | "on trial" | "after the trial" | { readonly at: bigint }

/** @category models */
export class Breaker {
  readonly options: Options
  /** When each loss was that counts, oldest first. */
  private times: Array<bigint> = []
  /** Runs answered before the last loss. */
  private answered = 0
  /** When the pause is over; `undefined` while it is closed. */
  private until: bigint | undefined
  /** The instance that is on trial, by its index. */
  private trial: number | undefined

  constructor(options: Options) {
    this.options = options
  }

  /** It is open: nothing is started, or one instance on trial. */
  get isOpen(): boolean {
    return this.until !== undefined
  }

  /** When the next attempt is; the past while one is on its way. */
  get pausedUntil(): bigint | undefined {
    return this.until
  }

  /** Losses that count now. */
  get count(): number {
    return this.times.length
  }

  isOnTrial(index: number): boolean {
    return this.trial === index
  }

  /**
   * An instance was lost, or could not be started. `answered` are all runs that the instances of the version have answered so far.
   * `true`: it has opened, or opened again after a trial.
   */
  lost(index: number, now: bigint, answered: number): boolean {
    const { losses, pauseNanos, windowNanos } = this.options
    if (answered > this.answered) {
      this.answered = answered
      this.close()
    }
    this.times = this.times.filter((time) => now - time < windowNanos)
    this.times.push(now)
    if (losses === 0 || this.times.length < losses) return this.reopen(index, now + pauseNanos)
    if (this.isOpen) return this.reopen(index, now + pauseNanos)
    this.until = now + pauseNanos
    return true
  }

  /** Whether the instance of an index may be started; one that is told "on trial" must then be started, or be lost. */
  admit(index: number, now: bigint): Admission {
    if (this.until === undefined) return "now"
    if (this.trial !== undefined && this.trial !== index) return "after the trial"
    if (now < this.until) return { at: this.until }
    this.trial = index
    return "on trial"
  }

  /** The instance on trial has proved itself. */
  close(): void {
    this.until = undefined
    this.trial = undefined
    this.times = []
  }

  /** Nobody starts the instance that was to be on trial. */
  dropTrial(index: number): void {
    if (this.trial === index) this.trial = undefined
  }

  private reopen(index: number, until: bigint): boolean {
    if (this.trial !== index) return false
    this.until = until
    this.trial = undefined
    return true
  }
}
