/**
 * Counts what happens to the requests of each loaded version.
 *
 * Upstream: schedulers write, once per event and without asking anybody. Downstream: front ends and metrics read.
 */
import { Context, type Effect, type Scope } from "effect"

/** Why a request failed, by the names of Triton's `nv_inference_request_failure`. @category models */
export type FailureReason = "REJECTED" | "CANCELED" | "BACKEND" | "OTHER"

/** Why a request was turned away at the door: it counts as no failure. @category models */
export type RefusalReason = "queue_full" | "stopping"

/** Durations of a phase, and how many there were. @category models */
export interface Phase {
  readonly count: number
  readonly nanos: number
}

/** Times of a request that succeeded, in nanoseconds. The compute times are those of its whole batch. @category models */
export interface RequestTimes {
  /** From its arrival until its answer. */
  readonly request: number
  /** From its arrival until its batch began. */
  readonly queue: number
  readonly computeInput: number
  readonly computeInfer: number
  readonly computeOutput: number
}

/** Times of one execution, in nanoseconds. @category models */
export interface ExecutionTimes {
  readonly computeInput: number
  readonly computeInfer: number
  readonly computeOutput: number
}

/** Executions of one size. @category models */
export interface BatchSize {
  readonly batchSize: number
  readonly count: number
  readonly computeInputNanos: number
  readonly computeInferNanos: number
  readonly computeOutputNanos: number
}

/** Everything counted since the version was loaded. Source: scheduling §8. @category models */
export interface Counts {
  /** Milliseconds since 1970; 0: never. */
  readonly lastInferenceMillis: number
  readonly inferenceCount: number
  readonly executionCount: number
  readonly success: Phase
  readonly fail: Phase
  readonly failures: Readonly<Record<FailureReason, number>>
  readonly refusals: Readonly<Record<RefusalReason, number>>
  readonly queue: Phase
  readonly computeInput: Phase
  readonly computeInfer: Phase
  readonly computeOutput: Phase
  /** By ascending size. */
  readonly batches: ReadonlyArray<BatchSize>
  /** Requests accepted that have not begun. */
  readonly pending: number
  /** Instances that run something. */
  readonly executing: number
}

/** The books of one version. Plain calls, a few additions each. @category models */
export interface ModelStatistics {
  readonly model: string
  readonly version: number
  /** Says whom to ask for what waits and what runs; called once, by the scheduler of the version. */
  readonly observe: (depth: () => { readonly waiting: number; readonly running: number }) => void
  /** A request was turned away. */
  readonly refused: (reason: RefusalReason) => void
  /** A request of so many rows succeeded. */
  readonly succeeded: (rows: number, times: RequestTimes) => void
  /** A request that was accepted failed so many nanoseconds after its arrival. */
  readonly failed: (reason: FailureReason, nanos: number) => void
  /** The model was run once over so many rows. */
  readonly executed: (rows: number, times: ExecutionTimes) => void
  /** What was counted so far. */
  readonly counts: () => Counts
}

/** @category services */
export class Statistics extends Context.Service<Statistics, {
  /** Opens the books of a version that is being loaded, at zero; the scope closes them. */
  readonly open: (options: {
    readonly model: string
    readonly version: number
  }) => Effect.Effect<ModelStatistics, never, Scope.Scope>
  /** The books that are open, by name and version. */
  readonly all: () => ReadonlyArray<ModelStatistics>
}>()("galatea/services/Statistics") {}
