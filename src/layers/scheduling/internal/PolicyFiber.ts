/** Steps a batching policy that is more than a decision: one fiber for all batches of a queue. */
import { type Cause, type Clock, type Duration, Effect, type Exit, Latch, Schedule, type Scope } from "effect"
import type { BatchPolicy, QueueSnapshot } from "../../../services/Batcher.ts"

/** What a step comes to: rows and time until the next one, or at the end rows that leave. */
type Decision = Exit.Exit<[rows: number, delay: Duration.Duration], Cause.Done<number>>

/** @category models */
export interface PolicyFiber<A extends { readonly queue: QueueSnapshot }> {
  /** It was asked, and has not decided. */
  readonly busy: boolean
  /** Asks for a decision, which may be there before this returns; only while it is not busy. */
  readonly ask: (asked: A) => void
}

/**
 * Every batch starts the policy afresh: after a decision that it leaves, and after a failure. `decided` gets each decision once.
 *
 * @category constructors
 */
export const make = <A extends { readonly queue: QueueSnapshot }>(
  policy: BatchPolicy,
  clock: Clock.Clock,
  decided: (asked: A, decision: Decision) => void
): Effect.Effect<PolicyFiber<A>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const start = Schedule.toStep(policy)
    const wanted = yield* Latch.make()
    let asked: A | undefined
    let step: Effect.Success<typeof start> | undefined

    const decide = Effect.gen(function*() {
      yield* Effect.interruptible(wanted.await)
      wanted.closeUnsafe()
      const about = asked!
      const decision = yield* Effect.exit(
        Effect.suspend(() => step === undefined ? start : Effect.succeed(step)).pipe(
          Effect.flatMap((next) => {
            step = next
            return next(clock.currentTimeMillisUnsafe(), about.queue)
          })
        )
      )
      if (decision._tag === "Failure") step = undefined
      asked = undefined
      decided(about, decision)
    })
    yield* decide.pipe(
      Effect.forever({ disableYield: true }),
      Effect.uninterruptible,
      Effect.forkScoped({ startImmediately: true })
    )

    return {
      get busy() {
        return asked !== undefined
      },
      ask: (about) => {
        asked = about
        wanted.openUnsafe()
      }
    }
  })
