/** Listens to the heart of a process. */
import type { Readable } from "node:stream"

/** @category models */
export interface Listener {
  /** It has begun to beat. */
  readonly begun: () => void
  /** It has not beaten for so many milliseconds. */
  readonly stopped: (silentMillis: number) => void
  /** Comes by about once a second. */
  readonly resting: () => void
}

const restMillis = 1000

/** A heart that has not begun to beat is waited for at least so long: starting takes its time on a machine that is busy. */
const firstMillis = 30_000

/** @category models */
export class HeartWatch {
  /** Resident bytes that the last beat has told. */
  memoryBytes: number | undefined
  private beatAt = performance.now()
  private checkedAt = performance.now()
  private restedAt = performance.now()
  private readonly timer: NodeJS.Timeout
  private readonly last = Buffer.alloc(8)
  private filled = 0
  private readonly listener: Listener

  constructor(heart: Readable, everyMillis: number, timeoutMillis: number, listener: Listener) {
    this.listener = listener
    heart.on("data", (bytes: Buffer) => this.beat(bytes))
    heart.on("error", () => {})
    this.timer = setInterval(() => {
      const now = performance.now()
      // Where this thread itself stood still, beats lie unread: they are heard before the next look.
      const late = now - this.checkedAt > everyMillis * 2
      this.checkedAt = now
      if (late) this.beatAt = now
      else if (
        now - this.beatAt > (this.memoryBytes === undefined ? Math.max(firstMillis, timeoutMillis) : timeoutMillis)
      ) {
        listener.stopped(now - this.beatAt)
      }
      if (now - this.restedAt < restMillis) return
      this.restedAt = now
      listener.resting()
    }, everyMillis)
    this.timer.unref()
  }

  stop(): void {
    clearInterval(this.timer)
  }

  private beat(bytes: Buffer): void {
    this.beatAt = performance.now()
    for (const byte of bytes) {
      this.last[this.filled++] = byte
      if (this.filled < 8) continue
      this.filled = 0
      const rss = this.last.readDoubleLE()
      if (!Number.isFinite(rss) || rss <= 0) continue
      if (this.memoryBytes === undefined) this.listener.begun()
      this.memoryBytes = rss
    }
  }
}
