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
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!
    const share = shares[i]!
    const request = now - entry.arrivedAt
    if (Exit.isFailure(share)) {
      statistics.failed("BACKEND", request)
      answers[i] = Exit.failCause(share.cause)
      continue
    }
    const queue = Math.max(0, begunAtNanos - entry.arrivedAt)
    statistics.succeeded(entry.rows, {
      request,
      queue,
      computeInput: computeInputNanos,
      computeInfer: computeInferNanos,
      computeOutput: computeOutputNanos
    }, entry.job.trace?.context)
    const { outputs, release } = share.value
    answers[i] = Exit.succeed({
      outputs,
      begunAtNanos,
      computeInputNanos,
      computeInferNanos,
      computeOutputNanos,
      parameters,
      release,
      queueNanos: queue,
      batchRows: rows
    })
  }
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
