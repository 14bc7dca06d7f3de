/**
 * Decides when a request runs, and with which others: one queue per loaded version.
 *
 * Upstream: `ModelRepository` opens one per version, `InferenceServer` submits. Downstream: `Executor`.
 */
import { Context, Effect, Exit, type Scope } from "effect"
import type {
  Cancelled,
  DeadlineExceeded,
  ExecutionFailed,
  InstanceLost,
  InvalidRequest,
  LoadFailed,
  ModelNotFound,
  ModelNotReady,
  ModelSuspended,
  QueueFull,
  RequestTimedOut,
  SequenceLost,
  Stopping,
  Unsupported
} from "../schema/Errors.ts"
import type { InferenceRequest, Parameter, Tensor } from "../schema/Inference.ts"
import type { ModelConfig } from "../schema/ModelConfig.ts"
import type { ModelSignature } from "../schema/ModelSignature.ts"
import type { ModelTrace } from "../schema/RequestTrace.ts"
import type { SequenceState } from "../schema/SequenceState.ts"
import * as TraceFailure from "../schema/TraceFailure.ts"
import { type Begun, fromBegun } from "./Begun.ts"
import type { ExecutionResult, Instances, ModelPlan } from "./Executor.ts"
import type { ModelStatistics } from "./Statistics.ts"

/** A validated request in the shapes of the model. @category models */
export interface Job {
  readonly inputs: ReadonlyArray<Tensor>
  /** Names of the outputs to compute. */
  readonly outputs: ReadonlyArray<string>
  /** Rows along the batch dimension, 1 where the model has none. */
  readonly batchSize: number
  /** 0: the model's default level. */
  readonly priority: number
  /** Microseconds that it may wait in the queue by the rules of its model's queue policy; 0: what the policy says. */
  readonly timeoutMicros: number
  /** Microseconds after its arrival from which nobody waits for it any more: it always binds. 0: never. */
  readonly deadlineMicros: number
  /** What it was made of: who asks for its id, its sequence or its parameters finds them here. Absent: nobody's, such as a warm-up. */
  readonly request?: InferenceRequest | undefined
  /** What is noted of it in the hands of its model. Absent: nothing. */
  readonly trace?: ModelTrace | undefined
}

/** @category models */
export interface JobResult extends ExecutionResult {
  /** Nanoseconds from `submit` until an instance took the job. */
  readonly queueNanos: number
  /** Rows of the batch that it ran in. */
  readonly batchRows: number
  /** As `Timing.wallNanos`. */
  readonly wallNanos?: number
  /** Parameters of the answer. Absent: none. */
  readonly parameters?: ReadonlyMap<string, Parameter> | undefined
}

/** `ModelNotFound` and `ModelNotReady`: another model, which this one needs. @category errors */
export type JobFailure =
  | QueueFull
  | RequestTimedOut
  | DeadlineExceeded
  | Stopping
  | Cancelled
  | ExecutionFailed
  | InstanceLost
  | ModelSuspended
  | SequenceLost
  | InvalidRequest
  | ModelNotFound
  | ModelNotReady
  | Unsupported

/**
 * Answers exactly once. Outputs are read and never written to: several callers may have the same. Interruption withdraws a waiting job;
 * a running one finishes and its result is dropped.
 *
 * @category models
 */
export interface Submit {
  (job: Job): Effect.Effect<JobResult, JobFailure>
  /**
   * The same for whoever has no fiber for a job: `answered` gets the exit once, before this returns or later, unless the job is
   * cancelled before. It must not throw. Absent: there is the effect alone. It belongs to this function, so that whoever puts another
   * one in its place does not leave a way around that.
   */
  readonly begin?: BeginJob | undefined
}

/** @category models */
export type BeginJob = (job: Job, answered: (exit: Exit.Exit<JobResult, JobFailure>) => void) => Begun

/** Of what can be begun without a fiber. @category constructors */
export const submitOf = (begin: BeginJob): Submit =>
  Object.assign((job: Job) => fromBegun<JobResult, JobFailure>((resume) => begin(job, resume)), { begin })

/** The queue of one version. @category models */
export interface ModelScheduler {
  readonly submit: Submit
  /** Takes jobs of more rows than the model does at once. */
  readonly splits?: boolean
  /** A live sequence has this id: its next step belongs here. Absent: no sequences are kept. */
  readonly holds?: (id: bigint | string) => boolean
  /** Live sequences. Absent: none are kept. */
  readonly sequences?: () => number
  /** Ends every sequence as soon as what it has submitted was answered: nobody can send another step. */
  readonly endSequences?: () => void
  /** Nanoseconds since the oldest job in the queue was submitted; 0 where none waits. Absent: there is no queue. */
  readonly oldestNanos?: () => number
  /** Jobs waiting, and instances that run some. */
  readonly depth: () => { readonly waiting: number; readonly running: number }
}

/** Submits a job, and notes that its version is done with it, however it ends. @category scheduling */
export const submitTraced = (scheduler: ModelScheduler, job: Job): Effect.Effect<JobResult, JobFailure> => {
  const { trace } = job
  return trace === undefined ?
    scheduler.submit(job) :
    Effect.onExit(
      scheduler.submit(job),
      (exit) => Effect.sync(() => trace.ended(Exit.isSuccess(exit) ? undefined : TraceFailure.ofCause(exit.cause)))
    )
}

/** The version whose queue is opened. @category models */
export interface QueueOptions {
  readonly config: ModelConfig
  readonly version: number
  readonly plan: ModelPlan
  readonly signature: ModelSignature
  /** What the server keeps for each sequence between its steps. Absent: nothing. */
  readonly states?: ReadonlyArray<SequenceState> | undefined
  readonly instances: Instances
  readonly statistics: ModelStatistics
}

/** @category services */
export class Scheduler extends Context.Service<Scheduler, {
  /** Opens the queue of a version. Its scope refuses new jobs (`Stopping`), then waits for those accepted. */
  readonly open: (options: QueueOptions) => Effect.Effect<ModelScheduler, LoadFailed, Scope.Scope>
}>()("galatea/services/Scheduler") {}
