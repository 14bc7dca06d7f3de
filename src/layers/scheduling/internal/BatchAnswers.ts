/** What each request of a batch is answered, and what is counted for it. Source: scheduling §8.2. */
import { Exit } from "effect"
import type { Tensor } from "../../../schema/Inference.ts"
import type { ExecutionResult, RunFailure } from "../../../services/Executor.ts"
import type { JobFailure, JobResult } from "../../../services/Scheduler.ts"
import type { ModelStatistics } from "../../../services/Statistics.ts"
import type { Batch } from "./Batch.ts"
import * as BatchTrace from "./BatchTrace.ts"

/** What one request gets of a result. @category models */
export interface Share {
  readonly outputs: ReadonlyArray<Tensor>
  readonly release: () => void
}

type Answers = ReadonlyArray<Exit.Exit<JobResult, JobFailure>>

/** Of a run that succeeded: each request has its share, or the failure to have one. `now`: monotonic nanoseconds. @category getters */
export const ofResult = (
  batch: Batch,
  result: ExecutionResult,
  shares: ReadonlyArray<Exit.Exit<Share, JobFailure>>,
  now: number,
  statistics: ModelStatistics
): Answers => {
  const { begunAtNanos, computeInferNanos, computeInputNanos, computeOutputNanos, parameters } = result
  const { entries, rows } = batch
  statistics.executed(rows, {
    computeInput: computeInputNanos,
    computeInfer: computeInferNanos,
    computeOutput: computeOutputNanos
  })
  if (batch.isTraced) BatchTrace.succeeded(batch, statistics, result, shares, now)
  const answers = new Array<Exit.Exit<JobResult, JobFailure>>(entries.length)
  let failures = 0
  for (let i = 0; i < entries.length; i++) {
    const { arrivedAt } = entries[i]!
    const share = shares[i]!
    if (Exit.isFailure(share)) {
      failures++
      statistics.failed("BACKEND", now - arrivedAt)
      answers[i] = Exit.failCause(share.cause)
      continue
    }
    const { outputs, release } = share.value
    answers[i] = Exit.succeed({
      outputs,
      begunAtNanos,
      computeInputNanos,
      computeInferNanos,
      computeOutputNanos,
      parameters,
      release,
      queueNanos: Math.max(0, begunAtNanos - arrivedAt),
      batchRows: rows
    })
  }
  const answered = failures === 0 ? entries : entries.filter((_, i) => Exit.isSuccess(answers[i]!))
  if (answered.length > 0) statistics.answered(answered, result, now)
  return answers
}

/** Of a run that failed: all fail as it did. @category getters */
export const ofFailure = (
  batch: Batch,
  exit: Exit.Failure<unknown, RunFailure>,
  now: number,
  statistics: ModelStatistics
): Answers => {
  const failure = Exit.failCause(exit.cause)
  if (batch.isTraced) BatchTrace.failed(batch, statistics, exit.cause, now)
  return batch.entries.map((entry) => {
    statistics.failed("BACKEND", now - entry.arrivedAt)
    return failure
  })
}
