/** Waits for the most urgent of many deadlines, with one fiber for all. */
import { Clock, Duration, Effect, Latch, type Scope } from "effect"

/** @category models */
export interface Deadlines {
  /** When the next thing is due, in monotonic nanoseconds; infinite where none is. */
  readonly next: () => number
}

/** @category models */
export interface DeadlineWatch {
  /** Something is due at this time, in monotonic nanoseconds. */
  readonly expect: (dueAt: number) => void
  /** What is due was put back, or may have been: look again. */
  readonly lookAgain: () => void
  /**
   * Deals with what is due now. A timer may be late: to be called before anything is begun. `at`: the monotonic nanoseconds, from whom
   * has just read the clock.
   */
  readonly refresh: (at?: number) => void
}

/** Milliseconds after which the nearest deadline is looked at again, however far away it is. */
const longestSleep = 3_600_000

/** Calls `expire` when something is due, until the scope closes. @category constructors */
export const make = (deadlines: Deadlines, expire: () => void): Effect.Effect<DeadlineWatch, never, Scope.Scope> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    /** Open when something is due before what is waited for. */
    const rearm = yield* Latch.make()
    let armedAt = Infinity

    const now = () => Number(clock.monotonicTimeNanosUnsafe())

    const refresh = (at?: number) => {
      const due = deadlines.next()
      if (due !== Infinity && due <= (at ?? now())) expire()
    }

    const watch = Effect.gen(function*() {
      armedAt = deadlines.next()
      rearm.closeUnsafe()
      if (armedAt === Infinity) return yield* Effect.interruptible(rearm.await)
      const left = armedAt - now()
      if (left > 0) {
        yield* Effect.interruptible(
          Effect.raceFirst(rearm.await, Effect.sleep(Duration.millis(Math.min(left / 1e6, longestSleep))))
        )
      }
      refresh()
    })
    yield* watch.pipe(Effect.forever({ disableYield: true }), Effect.uninterruptible, Effect.forkScoped)

    return {
      expect: (dueAt) => {
        if (dueAt < armedAt) rearm.openUnsafe()
      },
      lookAgain: () => rearm.openUnsafe(),
      refresh
    }
  })
