/** The queue of a version whose instances are all passive: nothing would ever run what waits in it. */
import { Effect } from "effect"
import { Unsupported } from "../../../schema/Errors.ts"
import type { ModelScheduler } from "../../../services/Scheduler.ts"

/** Refuses every request at once, with `Unsupported`. @category constructors */
export const make = (model: string): ModelScheduler => ({
  submit: () =>
    Effect.fail(
      new Unsupported({
        message:
          `model '${model}' has passive instances only, which run no requests: give it an instance group without ` +
          "'passive: true'"
      })
    ),
  depth: () => ({ waiting: 0, running: 0 })
})
