/**
 * Ends runs that take too long. One sleep at a time for all instances of a version, while something runs: a run costs the look whether
 * it sleeps already.
 */
import { Clock, Duration, Effect, Latch, type Scope } from "effect"
import type { LentInstance } from "../../../services/Executor.ts"
import type { Bound } from "./InstanceBounds.ts"

/** @category models */
export interface Watched {
  /** Monotonic nanoseconds since which it runs something. */
  readonly runningSince: () => bigint | undefined
  readonly abandon: (reason: string) => void
}

/** @category models */
export interface Options<A extends Watched> {
  readonly bound: Bound
  readonly live: () => Iterable<A>
  /** Answers runs that have ended and that this thread has not noticed. */
  readonly poll: () => void
  /** Just before an instance is given up. */
  readonly onTimeout: (instance: A) => void
}

/** Nanoseconds for messages, such as `50ms`. */
const text = (nanos: number): string => Duration.format(Duration.nanos(BigInt(nanos)))

/** To be called whenever a run is started. @category models */
export type RunStarted = () => void

/** The scope ends the watch. @category constructors */
export const make = <A extends Watched>(options: Options<A>): Effect.Effect<RunStarted, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { bound: { limit, setBy }, live, poll } = options
    const clock = yield* Clock.Clock
    const begun = yield* Latch.make(false)
    let sleeps = false
    /** A process that is being ended is not gone yet. */
    const given = new WeakSet<A>()
    const limitNanos = BigInt(limit)
    const reason = `it did not answer within ${text(limit)} (${setBy})`

    const overdue = (now: bigint) => {
      const found = new Map<A, bigint>()
      for (const instance of live()) {
        const since = instance.runningSince()
        if (since !== undefined && now - since >= limitNanos && !given.has(instance)) found.set(instance, since)
      }
      return found
    }

    /** Nanoseconds until the next run is due; `undefined` where nothing runs. */
    const nextDue = (): bigint | undefined => {
      const now = clock.monotonicTimeNanosUnsafe()
      let due: bigint | undefined
      for (const instance of live()) {
        const since = instance.runningSince()
        if (since === undefined || given.has(instance)) continue
        const left = since + limitNanos - now
        if (due === undefined || left < due) due = left
      }
      return due
    }

    const sweep = Effect.gen(function*() {
      poll()
      const suspects = overdue(clock.monotonicTimeNanosUnsafe())
      if (suspects.size === 0) return
      // This thread may have been busy itself: what has come meanwhile is read first.
      yield* Effect.yieldNow
      poll()
      for (const [instance, since] of suspects) {
        if (instance.runningSince() !== since) continue
        given.add(instance)
        options.onTimeout(instance)
        instance.abandon(reason)
      }
    })

    const watch = Effect.gen(function*() {
      const due = nextDue()
      if (due === undefined) {
        sleeps = false
        begun.closeUnsafe()
        return yield* begun.await
      }
      yield* Effect.sleep(Duration.nanos(due < 0n ? 0n : due))
      yield* sweep
    })
    yield* Effect.forkScoped(Effect.forever(watch))

    return () => {
      if (sleeps) return
      sleeps = true
      begun.openUnsafe()
    }
  })

/** How runs are started in an instance that is watched. @category combinators */
export const watched =
  ({ runningSince, start }: Watched & Pick<LentInstance, "start">, runStarted: RunStarted): LentInstance["start"] =>
  (inputs, outputs, done) => {
    const run = start(inputs, outputs, done)
    if (runningSince() !== undefined) runStarted()
    return run
  }
