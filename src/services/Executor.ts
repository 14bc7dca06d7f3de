/**
 * Runs batches on devices: opens one version of a model on all of its execution instances.
 *
 * Upstream: `Scheduler`. Downstream: the native runtime.
 */
import { Context, type Effect, type Exit, type Scope, type Semaphore } from "effect"
import type { DataType } from "../schema/DataType.ts"
import type { ExecutionFailed, InstanceLost, InvalidRequest, LoadFailed, ModelSuspended } from "../schema/Errors.ts"
import type { Parameter, Tensor } from "../schema/Inference.ts"

/** Where an instance runs. `id` is the device's number, 0 for the CPU. @category models */
export interface Device {
  readonly kind: "CPU" | "GPU"
  readonly id: number
}

/** A device that was found on this machine. @category models */
export interface FoundDevice extends Device {
  /** Execution providers that ran something on it, best first, named as the runtime's binding does. Default: the executor's own. */
  readonly providers?: ReadonlyArray<string>
  /** What its maker calls it. Absent: unknown. */
  readonly name?: string
  /** Names it among all GPUs, as `nvidia-smi` does. Absent: unknown. */
  readonly uuid?: string
  readonly memoryBytes?: number
  /** Of CUDA, such as `9.0`. Absent: unknown. */
  readonly computeCapability?: string
  /** Why no model may use it. Absent: they may. */
  readonly unusable?: string
}

/** What was found out about the GPUs of this machine. @category models */
export interface GpuSupport {
  /** The least CUDA compute capability of a GPU that models may use. */
  readonly minimumComputeCapability: number
  /** Why there is none, or not what was expected: a sentence part for whoever wants one. Absent: nothing to say. */
  readonly remark?: string
  /** Execution providers that do not work here, with what is missing and what to do about it. */
  readonly missing: Readonly<Record<string, string>>
}

/** An input or output as the model itself declares it. @category models */
export interface TensorSpec {
  readonly name: string
  readonly datatype: DataType
  /** Full shape as the model sees it (batch dimension included, after `reshape`); -1 where any size is allowed. */
  readonly shape: ReadonlyArray<number>
  /** The dimension that carries the batch where the plan batches: 0 unless told, `BatchAxis.none` where none does. */
  readonly batchAxis?: number
}

/** Settings of a native session, named as in ONNX Runtime; `undefined` leaves the choice to the executor. @category models */
export interface SessionSettings {
  /** Threads inside one operator, per instance. `undefined`: the cores divided among all instances that can run at once. */
  readonly intraOpNumThreads?: number | undefined
  readonly interOpNumThreads?: number | undefined
  readonly executionMode?: "sequential" | "parallel" | undefined
  readonly graphOptimizationLevel?: "disabled" | "basic" | "extended" | "all" | undefined
  readonly enableCpuMemArena?: boolean | undefined
  readonly enableMemPattern?: boolean | undefined
  /** ONNX Runtime session config entries by full key, such as `session.intra_op.allow_spinning`. */
  readonly configEntries?: Readonly<Record<string, string>> | undefined
}

/** Some of a resource that instances share, by a name that operators chose. @category models */
export interface ResourceNeed {
  readonly name: string
  /** One pool for the whole server; otherwise each device has one of its own. */
  readonly global: boolean
  readonly count: number
}

/** An instance to open. @category models */
export interface PlannedInstance {
  readonly name: string
  readonly device: Device
  /** Asked for in this order; the CPU is what is left for what none of them runs. Default: what the device has. */
  readonly providers?: ReadonlyArray<PlannedProvider>
  /** Opened and kept, but never lent and never run. Default: `false`. */
  readonly passive?: boolean
  /** What it needs while it runs, where a rate limiter counts resources. Default: nothing. */
  readonly resources?: ReadonlyArray<ResourceNeed>
  /** 2: half as many runs as 1, where resources are scarce; 0 counts as 1, the default. */
  readonly priority?: number
}

/**
 * Where an instance runs: on the server's main thread, which stands still meanwhile, in a thread of the server, or in a process of its
 * own, whose end is not that of the server.
 *
 * @category models
 */
export type Placement = "inline" | "thread" | "process"

/** Where instances are to run. `auto`: inline where that was measured to be quicker, otherwise in threads. @category models */
export type Isolation = "auto" | Placement

/** One of ONNX Runtime's execution providers, named as the runtime's binding does, with its options. @category models */
export interface PlannedProvider {
  readonly name: string
  readonly options: Readonly<Record<string, string>>
}

/** What an executor needs to open one version of a model. @category models */
export interface ModelPlan {
  readonly model: string
  readonly version: number
  /** Absolute path of the model file. */
  readonly path: string
  readonly inputs: ReadonlyArray<TensorSpec>
  readonly outputs: ReadonlyArray<TensorSpec>
  /** `true`: an output has as many rows along its `batchAxis` as the inputs along theirs. */
  readonly batched: boolean
  /** Rows that a batch has at most. Absent: unknown. */
  readonly maxBatchSize?: number
  /** What the model is made of: the types of its operators, with their domain before them unless it is ONNX's own. Absent: unknown. */
  readonly operators?: ReadonlySet<string>
  readonly instances: ReadonlyArray<PlannedInstance>
  readonly session: SessionSettings
  /** What runs it. Default: ONNX Runtime. `custom`: a module of TypeScript or JavaScript. */
  readonly backend?: "onnxruntime" | "custom"
  /** What a custom model may read of its config. Default: nothing. */
  readonly parameters?: Readonly<Record<string, string>>
  /** Tensors that the server keeps for a sequence: outputs of one run that are inputs of the next. Default: none. */
  readonly states?: ReadonlyArray<PlannedState>
  /** Default: as the executor is set up. */
  readonly isolation?: Isolation | undefined
  /** Nanoseconds that one run may take: then its instance is ended where that is possible, and is lost. Default: as the executor is set up. */
  readonly maxRunNanos?: number | undefined
  /** Resident bytes of a process of instances, beyond which it is replaced. Default: as the executor is set up. */
  readonly maxMemoryBytes?: number | undefined
  /** Bytes by which such a process may grow after its first runs before it is replaced between two runs. Default: as the executor is set up. */
  readonly maxGrowthBytes?: number | undefined
}

/**
 * Why an instance was lost: its thread or process ended, a run took too long, it stopped to answer at all, or it had more memory than
 * it may have.
 *
 * @category models
 */
export type LossCause = "ended" | "run_timeout" | "unresponsive" | "memory"

/** How the instances of a version have fared. @category models */
export interface InstancesCondition {
  /** Instances that are up, passive ones left out. */
  readonly live: number
  /** Instances that were lost since the version is open. */
  readonly losses: number
  readonly lossesBy: Readonly<Record<LossCause, number>>
  /** Why the last one was lost, with the last words of its process. */
  readonly lastLoss: string | undefined
  /** Instances that were replaced between two runs because they had grown. */
  readonly recycled: number
  /** How many of those that are up run where. */
  readonly placed: Readonly<Record<Placement, number>>
  /** Instances that were moved from the main thread to a thread of their own, because runs were longer or larger than measured. */
  readonly moved: number
  /** Nanoseconds from the last loss that was mended until its instance was up again. */
  readonly restartNanos: number | undefined
  /** No more is started for now, after too many losses: monotonic nanoseconds of the next attempt. */
  readonly pausedUntilNanos: bigint | undefined
  /** Resident bytes of each instance that has a process of its own, as last heard. */
  readonly memoryBytes: ReadonlyMap<string, number>
}

/** Says that no run can begin for now, since too many instances were lost. @category models */
export interface Suspension {
  /** `undefined` while runs can begin. Asked once per request: plain and fast. */
  readonly current: () => ModelSuspended | undefined
  /** Calls `listener` whenever a suspension has begun. */
  readonly listen: (listener: () => void) => Effect.Effect<void, never, Scope.Scope>
}

/** @category models */
export interface PlannedState {
  readonly input: string
  readonly output: string
  /** The run writes into what it has read: a run that does not give the output leaves what it wrote into the input. */
  readonly sameBuffer: boolean
}

/** Why a sequence is no more. @category models */
export type SequenceEnd = "finished" | "cancelled" | "expired" | "lost" | "unloaded"

/** What one run produced. Times are nanoseconds. @category models */
export interface ExecutionResult {
  /** In the order asked for. A custom model may leave some out. */
  readonly outputs: ReadonlyArray<Tensor>
  /** When the instance began it, by the monotonic clock. */
  readonly begunAtNanos: number
  readonly computeInputNanos: number
  readonly computeInferNanos: number
  readonly computeOutputNanos: number
  /** What the model says beside its outputs, to everyone whose request was in the batch. Absent: nothing. */
  readonly parameters?: ReadonlyMap<string, Parameter> | undefined
  /** Ends the use of `outputs`; see `InferenceResponse.release`. */
  readonly release: () => void
}

/** @category errors */
export type RunFailure = ExecutionFailed | InstanceLost | InvalidRequest

/** A run that was started. @category models */
export interface StartedRun {
  /** Takes it back where it has not begun: then it never does, and its `done` is never called. `false`: too late. */
  readonly withdraw: () => boolean
}

/** Stands before the runs of an instance that needs resources which others use as well. @category models */
export interface Turn {
  /**
   * Stands in line. `granted` is called once, before `ask` returns or later: from then on the resources are there, and the next run
   * that is started uses them. They go back when it ends.
   */
  readonly ask: (granted: () => void) => void
  /** Leaves the line, or gives resources back that no run has used. */
  readonly drop: () => void
  /** The next run may begin at once. */
  readonly isGranted: () => boolean
  /** Instances of smaller rank stand before those of larger. */
  readonly rank: () => number
}

/** An instance in the hands of one user. @category models */
export interface LentInstance {
  readonly name: string
  /** Which of the plan's instances it is. */
  readonly index: number
  /** Where it is there, a run that is started without a turn waits until it has one, and can be withdrawn until then. */
  readonly turn?: Turn
  /** One more run may be started: always while nothing runs; while something does, where runs can lie ready behind it. */
  readonly accepts: () => boolean
  /** Its runs are of late shorter than the wake-up of whatever runs them: it pays to start several at once. */
  readonly quick: () => boolean
  /**
   * Runs the model once. Runs of an instance run one at a time, in the order of their start. `done` is called exactly once unless
   * the run is withdrawn, before `start` returns or later. Inputs are borrowed until then, outputs belong to the caller until
   * `release`. What cannot run any more fails with `InstanceLost`, whose `begun` tells whether it was being run.
   */
  readonly start: (
    inputs: ReadonlyArray<Tensor>,
    outputs: ReadonlyArray<string>,
    done: (exit: Exit.Exit<ExecutionResult, RunFailure>) => void
  ) => StartedRun
  /** Tells the model that a sequence which was run here is no more. Absent: the model does not care. */
  readonly sequenceEnded?: (id: bigint | string, why: SequenceEnd) => void
  /** Completes when the instance is lost, just before its runs are answered: give it back then. */
  readonly lost: Effect.Effect<void>
  /** Why it was lost, with what its process or thread itself said: for whoever runs the server. Absent: its failures say all. */
  readonly whyLost?: () => string | undefined
  /** Completes when it is to be replaced: start nothing more, and give it back once what was started has ended. Absent: never. */
  readonly retiring?: Effect.Effect<void>
}

/** An open version: its instances as a pool bounded by `slots`. @category models */
export interface Instances {
  /** Instances that run something; passive ones are not among them. */
  readonly count: number
  /** One permit per instance. Who holds one finds a free instance, so `run` under a permit never waits. */
  readonly slots: Semaphore.Semaphore
  /**
   * Runs the model once over a batch already stacked.
   *
   * Inputs are borrowed until the effect completes; outputs belong to the caller until `release`. Interruption waits for the
   * native call and drops its result. `InvalidRequest`: a tensor that the native runtime cannot be given unchanged.
   */
  readonly run: (
    inputs: ReadonlyArray<Tensor>,
    outputs: ReadonlyArray<string>
  ) => Effect.Effect<ExecutionResult, RunFailure>
  /** Lends an instance until the scope closes, for any number of runs. Under a permit that is held as long, it never waits. */
  readonly lend: Effect.Effect<LentInstance, never, Scope.Scope>
  /** `true` while at least one instance is up. */
  readonly healthy: () => boolean
  /** Absent: nothing can be lost. */
  readonly condition?: () => InstancesCondition
  /** Absent: runs can always begin, at once or once an instance is up again. */
  readonly suspension?: Suspension
  /**
   * Answers runs that have ended and that this thread has not noticed yet. Nearly free; worth a call before a request is made
   * to wait. Absent where every end is noticed at once.
   */
  readonly poll?: () => void
}

/** An input or output as the native runtime reports it. @category models */
export interface SessionTensor {
  readonly name: string
  readonly isTensor: boolean
  /** Name of the runtime's type, e.g. `float32`; the runtime's own words where it is no tensor. */
  readonly type: string
  /** -1 for symbolic, unnamed and negative dimensions. */
  readonly shape: ReadonlyArray<number>
}

/** @category models */
export interface ModelInspection {
  readonly inputs: ReadonlyArray<SessionTensor>
  readonly outputs: ReadonlyArray<SessionTensor>
}

/** @category services */
export class Executor extends Context.Service<Executor, {
  /** The devices of this machine, the CPU among them. */
  readonly devices: ReadonlyArray<FoundDevice>
  /** Absent: it runs nothing on GPUs, whatever the machine has. */
  readonly gpus?: GpuSupport
  /** Opens the model file once, off the main thread, reads what the runtime says of its inputs and outputs, and closes it. */
  readonly inspect: (options: {
    readonly model: string
    readonly path: string
  }) => Effect.Effect<ModelInspection, LoadFailed>
  /** Opens every instance; all are up when the effect succeeds. The scope closes them, after their last run. */
  readonly open: (plan: ModelPlan) => Effect.Effect<Instances, LoadFailed, Scope.Scope>
}>()("galatea/services/Executor") {}
