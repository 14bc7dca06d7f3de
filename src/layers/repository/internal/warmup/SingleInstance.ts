/** One instance of a version by itself, before requests are let to any. */
import { Effect, Semaphore } from "effect"
import type { Instances, LentInstance } from "../../../../services/Executor.ts"

/** The instances of a version that has only this one. It lends it once: when it is lost, there is no other. @category constructors */
export const make = (instance: LentInstance): Instances => {
  let lent = false
  return {
    count: 1,
    slots: Semaphore.makeUnsafe(1),
    // The native call is waited for, whatever happens to the load.
    run: (inputs, outputs) =>
      Effect.uninterruptible(Effect.callback((resume) => {
        instance.start(inputs, outputs, resume)
      })),
    lend: Effect.suspend(() => {
      if (lent) return Effect.never
      lent = true
      return Effect.succeed(instance)
    }),
    healthy: () => true
  }
}
