/**
 * When instances of a version are opened again: at once where the one before had worked, otherwise after delays that grow; and none
 * while the breaker is open, but one on trial.
 */
import { Clock, Duration, Effect, Exit, Latch, Schedule } from "effect"
import type { Breaker } from "./Breaker.ts"
import type { Instance } from "./Instance.ts"

/** @category models */
export interface Options {
  readonly model: string
  /** Number of instances: their indices are below. */
  readonly count: number
  /** Delays before each next attempt. */
  readonly schedule: Schedule.Schedule<unknown>
  /** How long an instance stays up that makes the delays start afresh. */
  readonly stableAfter: Duration.Input
  readonly breaker: Breaker
  /** Runs that the instances of the version have answered so far. */
  readonly answers: () => number
}

/** @category models */
export interface Restarts {
  /**
   * Waits until the instance of an index may be opened; never ends once the schedule has. `vacated` takes the place of the delay where
   * the instance before is closed on purpose.
   */
  readonly turn: (index: number, vacated: Effect.Effect<void> | undefined) => Effect.Effect<void>
  /** An instance is open. `true`: on trial, and to be tried out. */
  readonly opened: (index: number) => boolean
  /** Looks at an instance that is on trial until it has proved itself, or is lost. */
  readonly tryOut: (index: number, instance: Instance) => Effect.Effect<void>
  /** Counts a loss, or an instance that could not be opened, with the breaker. */
  readonly strike: (index: number, reason: string) => Effect.Effect<void>
  /** An instance that is lost is to be opened again. */
  readonly lost: (index: number, instance: Instance) => void
  /** An instance that was to be opened will not be. */
  readonly dropped: (index: number) => void
}

/** An instance that has answered and was up so long is opened again at once: it is no start that fails again and again. */
const provenNanos = 1_000_000_000n

/** How often an instance on trial is looked at. */
const trialLook: Duration.Input = "50 millis"

type Step = Effect.Success<ReturnType<typeof Schedule.toStep<unknown, unknown, never, never>>>

/** @category constructors */
export const make = (
  { answers, breaker, count, model, schedule, stableAfter }: Options
): Effect.Effect<Restarts> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const stableNanos = Duration.toNanosUnsafe(stableAfter)
    const { pauseNanos } = breaker.options
    /** Closed while an instance is on trial. */
    const admission = yield* Latch.make(true)
    const delays = Array.from({ length: count }, () => ({
      step: undefined as Step | undefined,
      openedAt: 0n,
      /** The next opening needs no delay. */
      proven: false
    }))

    const now = () => clock.monotonicTimeNanosUnsafe()

    /** Waits as the schedule says; never ends when the schedule has. */
    const backOff = Effect.fnUntraced(function*(index: number) {
      const delay = delays[index]!
      if (delay.proven) {
        delay.proven = false
        return
      }
      if (delay.step === undefined || now() - delay.openedAt >= stableNanos) {
        delay.step = yield* Schedule.toStep(schedule)
      }
      const next = yield* Effect.exit(delay.step(clock.currentTimeMillisUnsafe(), undefined))
      yield* Exit.isSuccess(next) ? Effect.sleep(next.value[1]) : Effect.never
    })

    /** Waits until the breaker lets an instance be started. */
    const admit = (index: number): Effect.Effect<void> =>
      Effect.suspend(() => {
        const told = breaker.admit(index, now())
        if (told === "now") return Effect.void
        if (told === "on trial") {
          admission.closeUnsafe()
          return Effect.logInfo(`one instance of model '${model}' is started on trial`)
        }
        const wait = told === "after the trial" ? admission.await : Effect.sleep(Duration.nanos(told.at - now()))
        return Effect.andThen(wait, admit(index))
      })

    const closeBreaker = Effect.suspend(() => {
      breaker.close()
      admission.openUnsafe()
      return Effect.logInfo(`instances of model '${model}' are started as usual again`)
    })

    return {
      turn: (index, vacated) =>
        Effect.andThen(
          Effect.suspend(() => breaker.isOpen ? Effect.void : vacated ?? backOff(index)),
          admit(index)
        ),
      opened: (index) => {
        delays[index]!.openedAt = now()
        return breaker.isOnTrial(index)
      },
      tryOut: (index, instance) => {
        const since = now()
        const look: Effect.Effect<void> = Effect.suspend(() => {
          if (!breaker.isOnTrial(index)) return Effect.void
          return instance.answers() > 0 || now() - since >= pauseNanos
            ? closeBreaker
            : Effect.andThen(Effect.sleep(trialLook), look)
        })
        return look
      },
      strike: (index, reason) =>
        Effect.suspend(() => {
          const wasOpen = breaker.isOpen
          const opened = breaker.lost(index, now(), answers())
          const closed = wasOpen && !breaker.isOpen
          if (opened || closed) admission.openUnsafe()
          if (!opened) return Effect.void
          for (const delay of delays) delay.step = undefined
          return Effect.logError(
            `${breaker.count} losses of instances of model '${model}' since it last answered: no more is started for ` +
              `${Duration.format(Duration.nanos(pauseNanos))}, then one on trial. The last was: ${reason}`
          )
        }),
      lost: (index, instance) => {
        const delay = delays[index]!
        const hasAnswered = instance.answers() > 0
        if (hasAnswered) delay.step = undefined
        delay.proven = hasAnswered && now() - delay.openedAt >= provenNanos
      },
      dropped: (index) => breaker.dropTrial(index)
    }
  })
