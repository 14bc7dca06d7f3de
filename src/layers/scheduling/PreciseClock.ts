/**
 * A clock whose short sleeps keep microseconds.
 *
 * `setTimeout` counts whole milliseconds: a sleep of 100 µs ends 1 ms late, one of 1.5 ms too early. Here the last one to two
 * milliseconds pass in turns of the event loop instead: requests are served between two looks, at the price of a busy thread for
 * that time.
 */
import { Clock, Context, Duration, Effect, Layer } from "effect"

/** Sleeps longer than this are the wrapped clock's, where a millisecond does not matter. */
const longestMillis = 100

const sleepUntil = (deadline: number, resume: () => void): () => void => {
  let immediate: NodeJS.Immediate | undefined
  let timeout: NodeJS.Timeout | undefined
  const look = () => {
    const left = deadline - performance.now()
    if (left <= 0) resume()
    else if (left >= 2) timeout = setTimeout(look, Math.floor(left) - 1)
    else immediate = setImmediate(look)
  }
  look()
  return () => {
    clearImmediate(immediate)
    clearTimeout(timeout)
  }
}

/** The same clock with precise short sleeps. @category constructors */
export const make = (clock: Clock.Clock): Clock.Clock => ({
  currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe(),
  currentTimeMillis: clock.currentTimeMillis,
  currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe(),
  currentTimeNanos: clock.currentTimeNanos,
  monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
  monotonicTimeNanos: clock.monotonicTimeNanos,
  sleep: (duration) => {
    const millis = Duration.toMillis(duration)
    if (millis <= 0 || millis > longestMillis) return clock.sleep(duration)
    return Effect.callback<void>((resume) => {
      const cancel = sleepUntil(performance.now() + millis, () => resume(Effect.void))
      return Effect.sync(cancel)
    })
  }
})

/** The clock of the context, made precise for every layer that is built on it. @category layers */
export const layer: Layer.Layer<never> = Layer.effectContext(
  Effect.map(Clock.clockWith(Effect.succeed), (clock) => Context.make(Clock.Clock, make(clock)))
)
