/** By how much the event loop of the main thread comes late. */
import { Effect, type Scope } from "effect"
import { monitorEventLoopDelay } from "node:perf_hooks"

/** Seconds. @category models */
export interface LoopReading {
  /** Measurements so far, and their sum. */
  readonly count: number
  readonly sum: number
  /** Delays between the last two refreshes that saw any; NaN before them. */
  readonly quantiles: ReadonlyArray<readonly [share: number, value: number]>
}

/** @category models */
export interface LoopDelay {
  /** What was seen up to the last refresh. */
  readonly read: () => LoopReading
  readonly refresh: () => void
}

/** A timer of the event loop, fifty times a second. */
const resolutionMillis = 20
const shares = [0.5, 0.9, 0.99, 1]

/** Measures while the scope is open. @category constructors */
export const make: Effect.Effect<LoopDelay, never, Scope.Scope> = Effect.gen(function*() {
  const histogram = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const monitor = monitorEventLoopDelay({ resolution: resolutionMillis })
      monitor.enable()
      return monitor
    }),
    (monitor) => Effect.sync(() => monitor.disable())
  )
  /** The time between two ticks of the timer, less what is meant to lie between them. */
  const delay = (nanos: number) => Math.max(0, nanos / 1e9 - resolutionMillis / 1e3)
  let reading: LoopReading = { count: 0, sum: 0, quantiles: shares.map((share) => [share, Number.NaN]) }
  return {
    read: () => reading,
    refresh: () => {
      const { count, mean } = histogram
      // The timer has not fired yet since the last refresh: what is known stays.
      if (count === 0) return
      reading = {
        count: reading.count + count,
        sum: reading.sum + delay(mean) * count,
        quantiles: shares.map((share) => [
          share,
          delay(share === 1 ? histogram.max : histogram.percentile(share * 100))
        ])
      }
      histogram.reset()
    }
  }
})
