/** Puts requests together by a layout, and shares the result among them. */
import { Exit, Result } from "effect"
import type { Job } from "../../../services/Scheduler.ts"
import type { BatchLayout } from "./BatchLayout.ts"
import type { Prepared } from "./QueueCore.ts"

/** @category constructors */
export const prepare = (layout: BatchLayout) => (jobs: ReadonlyArray<Job>): Prepared => {
  const batch = layout.gather(jobs)
  return {
    ...batch,
    share: (result) =>
      layout.scatter(jobs, batch, result).map((part) =>
        Result.isSuccess(part) ? Exit.succeed(part.success) : Exit.fail(part.failure)
      )
  }
}
