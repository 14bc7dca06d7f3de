/** Instances whose runs begin in their turn only: everything that runs something gets them through `lend`. */
import { Effect, Exit } from "effect"
import type { ExecutionResult, Instances, LentInstance, RunFailure } from "../../../../services/Executor.ts"
import { LimitedInstance } from "./LimitedInstance.ts"
import type { Seat, TurnLine } from "./TurnLine.ts"

/** Waits for its turn, where interruption ends it, then for its end. */
const runOn = (
  instance: LentInstance,
  inputs: Parameters<Instances["run"]>[0],
  outputs: Parameters<Instances["run"]>[1]
): Effect.Effect<ExecutionResult, RunFailure> =>
  Effect.callback((resume) => {
    let ended = false
    let dropped: (() => void) | undefined
    const run = instance.start(inputs, outputs, (exit) => {
      ended = true
      if (dropped === undefined) return resume(exit)
      if (Exit.isSuccess(exit)) exit.value.release()
      dropped()
    })
    return Effect.suspend(() =>
      ended || run.withdraw() ? Effect.void : Effect.callback<void>((resume) => {
        dropped = () => resume(Effect.void)
      })
    )
  })

/** The same instances in turns; `seats` are those of the plan's instances. @category combinators */
export const make = (
  model: string,
  line: TurnLine,
  seats: ReadonlyArray<Seat>,
  instances: Instances
): Instances => {
  const lend = Effect.flatMap(instances.lend, (instance) =>
    Effect.acquireRelease(
      Effect.sync(() => new LimitedInstance(model, line, seats[instance.index]!, instance)),
      (limited) => Effect.sync(limited.close)
    )).pipe(
      // Whoever waits for a turn on it is answered then, and not when the turn comes.
      Effect.tap(({ close, lost }) =>
        Effect.forkScoped(Effect.andThen(lost, Effect.sync(close)), { startImmediately: true })
      )
    )
  return {
    ...instances,
    lend,
    run: (inputs, outputs) => Effect.scoped(Effect.flatMap(lend, (instance) => runOn(instance, inputs, outputs)))
  }
}
