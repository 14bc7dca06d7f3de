/** One of a version's instances at a time, for one seat: it says when it has one and when that has gone. */
import { Effect } from "effect"
import type { Instances, LentInstance } from "../../../../services/Executor.ts"

/** The same instances as if there were one. @category combinators */
export const make = (
  instances: Instances,
  seat: {
    /** It has an instance, of which nothing was asked yet. */
    readonly lent: (instance: LentInstance) => void
    /** The instance was lost, or the queue has ended. */
    readonly gone: () => void
  }
): Instances => ({
  ...instances,
  count: 1,
  lend: Effect.tap(instances.lend, (instance) =>
    Effect.acquireRelease(
      Effect.sync(() => seat.lent(instance)),
      () => Effect.sync(seat.gone)
    ))
})
