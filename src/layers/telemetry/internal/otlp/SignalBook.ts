/** Counts what becomes of the telemetry of one signal, and tells the log of it without filling it. */
import { Clock, Effect, Latch } from "effect"
import type { Signal, SignalCounts } from "../../../../services/ExportCounts.ts"

/** The log hears of a signal's trouble at most once in so many milliseconds. */
const reportMillis = 60_000

const nouns: Readonly<Record<Signal, string>> = { traces: "spans", metrics: "data points", logs: "log records" }

/** @category models */
export class SignalBook {
  readonly signal: Signal
  exported = 0
  rejected = 0
  failed = 0
  dropped = 0
  queued = 0
  /** The export of the signal ends: what is sent now is sent once. */
  readonly leaving: Latch.Latch = Latch.makeUnsafe(false)
  private lost = 0
  private quietUntil = -Infinity
  private broken = false

  constructor(signal: Signal) {
    this.signal = signal
  }

  get counts(): SignalCounts {
    const { dropped, exported, failed, queued, rejected, signal } = this
    return { signal, exported, rejected, failed, dropped, queued }
  }

  /** There is no room for one more. */
  drop(): void {
    this.dropped++
    this.lost++
  }

  /** The collector has them, all but `rejected`. */
  succeeded(items: number, rejected: number, place: string, said: string): Effect.Effect<void> {
    this.exported += items - rejected
    this.rejected += rejected
    this.lost += rejected
    return Effect.suspend(() => {
      if (rejected > 0 || said !== "") {
        return this.report(
          rejected > 0
            ? `The collector at ${place} has not taken all ${nouns[this.signal]}`
            : `The collector at ${place} has something to say of the ${nouns[this.signal]}`,
          said
        )
      }
      const wasBroken = this.broken
      this.broken = false
      return wasBroken
        ? Effect.logInfo(`${this.signal} are exported to ${place} again${this.lossesText()}`)
        : this.lost > 0
        ? this.report(`${nouns[this.signal]} were more than could be exported to ${place} in time`, "")
        : Effect.void
    })
  }

  /** They do not get to the collector. */
  gaveUp(items: number, place: string, why: string): Effect.Effect<void> {
    this.failed += items
    this.lost += items
    this.broken = true
    return this.report(`${this.signal} cannot be exported to ${place}`, why)
  }

  /** They were never sent, as the server ends. */
  leftBehind(items: number): Effect.Effect<void> {
    this.failed += items
    return items === 0
      ? Effect.void
      : Effect.logWarning(`${items} ${nouns[this.signal]} are not exported: there was no time left at the end`)
  }

  private lossesText(): string {
    const { lost } = this
    this.lost = 0
    return lost === 0 ? "" : `; ${lost} ${nouns[this.signal]} were lost`
  }

  private report(what: string, why: string): Effect.Effect<void> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (now < this.quietUntil) return Effect.void
      this.quietUntil = now + reportMillis
      return Effect.logWarning(`${what}${why === "" ? "" : `: ${why}`}${this.lossesText()}`)
    })
  }
}
