/** Puts requests together by a layout, and shares the result among them. */
import { Exit, Result } from "effect"
import type { Job, JobFailure } from "../../../services/Scheduler.ts"
import type { Share } from "./BatchAnswers.ts"
import type { BatchLayout } from "./BatchLayout.ts"
import type { Prepared } from "./QueueCore.ts"

/** @category constructors */
export const prepare = (layout: BatchLayout) => (jobs: ReadonlyArray<Job>): Prepared => {
  const batch = layout.gather(jobs)
  return {
    inputs: batch.inputs,
    outputs: batch.outputs,
    rows: batch.rows,
    release: batch.release,
    share: (result) => {
      const parts = layout.scatter(jobs, batch, result)
      const shares = new Array<Exit.Exit<Share, JobFailure>>(parts.length)
      for (let i = 0; i < parts.length; i++) {
        const part = parts[i]!
        shares[i] = Result.isSuccess(part) ? Exit.succeed(part.success) : Exit.fail(part.failure)
      }
      return shares
    }
  }
}
