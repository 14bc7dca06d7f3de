/**
 * What a custom model writes into the server's log, within bounds: a model that logs in a loop must not fill the disk, nor the memory of
 * the thread that answers requests. Its worker counts, so that what nobody will see is never sent.
 */
import { bounded } from "../../../schema/LogSetting.ts"
import type { Log } from "./Mailbox.ts"

/** @category models */
export interface LogBounds {
  /** Lines per second, on average over ten seconds. */
  readonly linesPerSecond: number
  /** Longest line, in characters. */
  readonly maxLength: number
  /** The server's verbose level, which it may change; absent: the minimum level of Effect's log decides. */
  readonly verbosity: Int32Array<SharedArrayBuffer> | undefined
}

const averagedMillis = 10_000

/** @category models */
export class CustomLog {
  private readonly bounds: LogBounds
  private readonly say: (line: Log) => void
  private readonly nowMillis: () => number
  /** Lines that may be written at once. */
  private free: number
  private freeAt: number
  private dropped = 0

  constructor(bounds: LogBounds, say: (line: Log) => void, nowMillis: () => number) {
    this.bounds = bounds
    this.say = say
    this.nowMillis = nowMillis
    this.free = this.most()
    this.freeAt = nowMillis()
  }

  /** A line of this level would be written. */
  wants(level: Log["level"]): boolean {
    const { verbosity } = this.bounds
    if (verbosity === undefined || (level !== "Debug" && level !== "Trace")) return true
    return Atomics.load(verbosity, 0) >= (level === "Debug" ? 1 : 2)
  }

  write(level: Log["level"], text: string): void {
    this.refill()
    if (this.free < 1) {
      this.dropped++
      return
    }
    this.tellDropped()
    this.free--
    this.say({ _tag: "Log", level, text: bounded(text, this.bounds.maxLength) })
  }

  /** Says how many lines were too many, where it has not been said. */
  tellDropped(): void {
    if (this.dropped === 0) return
    const text =
      `${this.dropped} lines of this instance are missing here: it may write ${this.bounds.linesPerSecond} a second ` +
      "(--instance-log-lines)"
    this.dropped = 0
    this.say({ _tag: "Log", level: "Warn", text })
  }

  private most(): number {
    return this.bounds.linesPerSecond * averagedMillis / 1000
  }

  private refill(): void {
    const now = this.nowMillis()
    this.free = Math.min(this.most(), this.free + (now - this.freeAt) * this.bounds.linesPerSecond / 1000)
    this.freeAt = now
  }
}
