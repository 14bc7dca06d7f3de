/** A run that a fiber waits for. */
import { Effect, Exit } from "effect"
import type { Tensor } from "../../../schema/Inference.ts"
import type { ExecutionResult, LentInstance, RunFailure } from "../../../services/Executor.ts"

/**
 * Starts it, and waits for the native call whatever happens to the caller; a result that nobody is left to take is freed.
 *
 * @category constructors
 */
export const of = (
  start: LentInstance["start"],
  inputs: ReadonlyArray<Tensor>,
  outputs: ReadonlyArray<string>
): Effect.Effect<ExecutionResult, RunFailure> =>
  Effect.callback((resume) => {
    let ended = false
    let dropped: (() => void) | undefined
    start(inputs, outputs, (exit) => {
      ended = true
      if (dropped === undefined) return resume(exit)
      if (Exit.isSuccess(exit)) exit.value.release()
      dropped()
    })
    return Effect.suspend(() =>
      ended ? Effect.void : Effect.callback<void>((resume) => {
        dropped = () => resume(Effect.void)
      })
    )
  })
