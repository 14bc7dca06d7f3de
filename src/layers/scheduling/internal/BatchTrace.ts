/** What is noted of the requests in a batch: that they wait, that it begins, and what came of it. */
import { type Cause, Exit } from "effect"
import type { BatchRun, ModelTrace } from "../../../schema/RequestTrace.ts"
import * as TraceFailure from "../../../schema/TraceFailure.ts"
import type { ExecutionResult, RunFailure } from "../../../services/Executor.ts"
import type { Job } from "../../../services/Scheduler.ts"
import type { ModelStatistics } from "../../../services/Statistics.ts"
import type { Batch } from "./Batch.ts"
import type { Share } from "./BatchAnswers.ts"
import type { Entry } from "./Entry.ts"

/** Something is noted of one of these requests. @category guards */
export const isTraced = (entries: ReadonlyArray<Entry>): boolean => {
  for (let i = 0; i < entries.length; i++) if (entries[i]!.job.trace !== undefined) return true
  return false
}

/** A request was accepted. `atNanos`: monotonic. @category tracing */
export const queued = (trace: ModelTrace, { inputs }: Job, atNanos: number): void => {
  trace.queued(atNanos)
  if (trace.wantsTensors) trace.tensors("TENSOR_QUEUE_INPUT", inputs)
}

/** An instance begins to work on it. @category tracing */
export const begun = (batch: Batch, atNanos: number): void => {
  batch.begunAt = atNanos
  for (const { job: { inputs, trace } } of batch.entries) {
    if (trace?.wantsTensors === true) trace.tensors("TENSOR_BACKEND_INPUT", inputs)
  }
}

/** What is known of a run only when it has ended. */
type Ended = Omit<BatchRun, "model" | "version" | "instance" | "rows" | "requests" | "observer">

const tell = ({ entries, instance, rows }: Batch, { model, version }: ModelStatistics, ended: Ended): void => {
  const run: BatchRun = {
    model,
    version,
    instance: instance?.name ?? "",
    rows,
    requests: entries.length,
    ...ended,
    observer: undefined
  }
  for (let i = 0; i < entries.length; i++) entries[i]!.job.trace?.ran(run)
  run.observer?.ended()
}

/** It has run. @category tracing */
export const succeeded = (
  batch: Batch,
  statistics: ModelStatistics,
  { begunAtNanos, computeInferNanos, computeInputNanos, computeOutputNanos }: ExecutionResult,
  shares: ReadonlyArray<Exit.Exit<Share, unknown>>,
  endedAtNanos: number
): void => {
  const { entries } = batch
  for (let i = 0; i < entries.length; i++) {
    const { trace } = entries[i]!.job
    const share = shares[i]!
    if (trace?.wantsTensors === true && Exit.isSuccess(share)) {
      trace.tensors("TENSOR_BACKEND_OUTPUT", share.value.outputs)
    }
  }
  tell(batch, statistics, { begunAtNanos, endedAtNanos, computeInputNanos, computeInferNanos, computeOutputNanos })
}

/** Its run was lost, and some of its requests are run once more. @category tracing */
export const retried = (
  entries: ReadonlyArray<Pick<Entry, "job">>,
  cause: Cause.Cause<RunFailure>,
  atNanos: number
): void => {
  const failure = TraceFailure.ofCause(cause)
  for (let i = 0; i < entries.length; i++) entries[i]!.job.trace?.retried?.(failure, atNanos)
}

/** Its run has failed. @category tracing */
export const failed = (
  batch: Batch,
  statistics: ModelStatistics,
  cause: Cause.Cause<RunFailure>,
  endedAtNanos: number
): void =>
  tell(batch, statistics, {
    begunAtNanos: batch.begunAt === 0 ? endedAtNanos : batch.begunAt,
    endedAtNanos,
    computeInputNanos: 0,
    computeInferNanos: 0,
    computeOutputNanos: 0,
    failure: TraceFailure.ofCause(cause)
  })
