/**
 * Decides when a request runs, and with which others: one queue per loaded version.
 *
 * Upstream: `ModelRepository` opens one per version, `InferenceServer` submits. Downstream: `Executor`.
 */
import { Context, type Effect, type Scope } from "effect"
import type {
  Cancelled,
  ExecutionFailed,
  InstanceLost,
  InvalidRequest,
  LoadFailed,
  QueueFull,
  Stopping
} from "../schema/Errors.ts"
import type { Tensor } from "../schema/Inference.ts"
import type { ModelConfig } from "../schema/ModelConfig.ts"
import type { ExecutionResult, Instances } from "./Executor.ts"

/** A validated request in the shapes of the model. @category models */
export interface Job {
  readonly inputs: ReadonlyArray<Tensor>
  /** Names of the outputs to compute. */
  readonly outputs: ReadonlyArray<string>
  /** Rows along the batch dimension, 1 where the model has none. */
  readonly batchSize: number
  readonly priority: number
  readonly timeoutMicros: number
}

/** @category models */
export interface JobResult extends ExecutionResult {
  /** Nanoseconds from `submit` until an instance took the job. */
  readonly queueNanos: number
}

/** @category errors */
export type JobFailure = QueueFull | Stopping | Cancelled | ExecutionFailed | InstanceLost | InvalidRequest

/** The queue of one version. @category models */
export interface ModelScheduler {
  /** Answers exactly once. Interruption withdraws a waiting job; a running one finishes and its result is dropped. */
  readonly submit: (job: Job) => Effect.Effect<JobResult, JobFailure>
  /** Jobs waiting and jobs running. */
  readonly depth: () => { readonly waiting: number; readonly running: number }
}

/** @category services */
export class Scheduler extends Context.Service<Scheduler, {
  /** Opens the queue of a version. Its scope refuses new jobs (`Stopping`), then waits for those accepted. */
  readonly open: (options: {
    readonly config: ModelConfig
    readonly version: number
    readonly instances: Instances
  }) => Effect.Effect<ModelScheduler, LoadFailed, Scope.Scope>
}>()("galatea/services/Scheduler") {}
