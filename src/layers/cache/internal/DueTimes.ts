/** Ends what waits when its time is over, with one fiber for all. */
import { Clock, Duration, Effect, Latch, type Scope } from "effect"
import { Roster } from "../../Roster.ts"

/** Something that waits. @category models */
export interface Waiting {
  /** Monotonic nanoseconds; infinite: it waits for ever. */
  readonly dueAt: number
  /** Where it is among those that wait, which set it. */
  duePlace: number
  /** Its time is over; it is not waited for any more. */
  readonly expired: () => void
}

/** @category models */
export interface DueTimes {
  readonly add: (waiting: Waiting) => void
  readonly remove: (waiting: Waiting) => void
}

/** Milliseconds between two looks at all that waits: however many there are, looking stays cheap. */
const shortestSleep = 1
/** Milliseconds after which the nearest is looked at again, however far away it is. */
const longestSleep = 3_600_000

/** Watches until the scope closes. @category constructors */
export const make: Effect.Effect<DueTimes, never, Scope.Scope> = Effect.gen(function*() {
  const clock = yield* Clock.Clock
  /** Open when something is due before what is slept for. */
  const rearm = yield* Latch.make()
  const all = new Roster<Waiting>()
  let armedAt = Infinity

  const now = () => Number(clock.monotonicTimeNanosUnsafe())

  const nearest = () => {
    let least = Infinity
    for (const { dueAt } of all.all()) if (dueAt < least) least = dueAt
    return least
  }

  const expire = () => {
    const at = now()
    for (const waiting of all.all()) {
      // Whoever expired before it may have taken it out.
      if (waiting.dueAt <= at && all.remove(waiting, waiting.duePlace)) waiting.expired()
    }
  }

  const watch = Effect.suspend(() => {
    armedAt = nearest()
    rearm.closeUnsafe()
    if (armedAt === Infinity) return rearm.await
    const left = Math.max(shortestSleep, Math.min((armedAt - now()) / 1e6, longestSleep))
    return Effect.andThen(
      Effect.raceFirst(rearm.await, Effect.sleep(Duration.millis(left))),
      Effect.sync(expire)
    )
  })
  yield* Effect.forkScoped(Effect.forever(watch, { disableYield: true }))

  return {
    add: (waiting) => {
      if (waiting.dueAt === Infinity) return
      waiting.duePlace = all.add(waiting)
      if (waiting.dueAt < armedAt) rearm.openUnsafe()
    },
    remove: (waiting) => void all.remove(waiting, waiting.duePlace)
  }
})
