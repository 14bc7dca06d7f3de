/**
 * Counts and measures what happens to the requests of each loaded version.
 *
 * Upstream: schedulers write, once per event and without asking anybody. Downstream: front ends and metrics read.
 */
import { Context, type Effect, type Scope } from "effect"
import type { Distribution } from "../schema/MetricFamily.ts"
import type { TraceContext } from "../schema/RequestTrace.ts"
import type { ExecutionResult, InstancesCondition } from "./Executor.ts"

/** Why a request failed, by the names of Triton's `nv_inference_request_failure`. @category models */
export type FailureReason = "REJECTED" | "CANCELED" | "BACKEND" | "OTHER"

/**
 * Why a request was turned away at the door: it counts as no failure. `deadline`: it would have waited too long; `suspended`: no
 * instance is started for now; `invalid`: it is not what the model takes.
 *
 * @category models
 */
export type RefusalReason = "queue_full" | "deadline" | "stopping" | "suspended" | "invalid"

/**
 * What became of a request that a version was to run in the shadow of another: its outputs agreed with the answer or not, it
 * failed, or it was not run because too many were under way or the version took no work.
 *
 * @category models
 */
export type ShadowOutcome = "same" | "different" | "failed" | "dropped"

/** Durations of a phase, and how many there were. @category models */
export interface Phase {
  readonly count: number
  /** Exact, also beyond what a number holds. */
  readonly nanos: bigint
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

/** A request that a run has answered. @category models */
export interface AnsweredRequest {
  /** Monotonic nanoseconds. */
  readonly arrivedAt: number
  /** Along the batch dimension, 1 where the model has none. */
  readonly rows: number
  /** The span that its times can be looked up by; `undefined` where there is none. */
  readonly trace: TraceContext | undefined
}

/** When a run began, in monotonic nanoseconds, and its times, in nanoseconds. @category models */
export type RunTimes = Pick<
  ExecutionResult,
  "begunAtNanos" | "computeInputNanos" | "computeInferNanos" | "computeOutputNanos"
>

/** Times of a request that the response cache answered, in nanoseconds. @category models */
export interface CacheHitTimes {
  /** From its arrival until its answer. */
  readonly request: number
  /** That it waited for another request like it, whose answer it got; 0 where the answer was there already. */
  readonly queue: number
  /** That looking the answer up took. */
  readonly lookup: number
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
  readonly computeInputNanos: bigint
  readonly computeInferNanos: bigint
  readonly computeOutputNanos: bigint
}

/** The sequences of a version at one moment. @category models */
export interface SequenceCounts {
  /** That can go on. */
  readonly live: number
  /** That wait for a slot. */
  readonly waiting: number
  /** Slots of the instances that are up. */
  readonly slots: number
}

/** What waits for a version and what runs at one moment. @category models */
export interface Depth {
  /** Requests accepted that have not begun. */
  readonly waiting: number
  /** Instances that run something. */
  readonly running: number
  /** Nanoseconds since the oldest of those in the queue was accepted; 0 without any. Absent: there is no queue. */
  readonly oldestNanos?: number
  /** Absent where a version has none. */
  readonly sequences?: SequenceCounts
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
  readonly shadows: Readonly<Record<ShadowOutcome, number>>
  /** Requests that ran once more because the instance was lost that they ran on. */
  readonly retries: number
  readonly queue: Phase
  readonly computeInput: Phase
  readonly computeInfer: Phase
  readonly computeOutput: Phase
  /** Requests that the response cache answered, and the time of looking up. */
  readonly cacheHit: Phase
  /** Requests that ran because the response cache had no answer, and the time of looking up and of putting in. */
  readonly cacheMiss: Phase
  /** By ascending size. */
  readonly batches: ReadonlyArray<BatchSize>
  /** Requests accepted that have not begun. */
  readonly pending: number
  /** Instances that run something. */
  readonly executing: number
  /** Nanoseconds that the oldest request in the queue has waited; 0 where none waits. */
  readonly oldestNanos: number
  /** Absent where a version has none. */
  readonly sequences?: SequenceCounts
}

/** The books of one version. Plain calls, a few additions each. @category models */
export interface ModelStatistics {
  readonly model: string
  readonly version: number
  /** Says whom to ask for what waits and what runs: the scheduler of the version, or what stands before it. The last call counts. */
  readonly observe: (depth: () => Depth) => void
  /** A request was turned away. */
  readonly refused: (reason: RefusalReason) => void
  /**
   * A run has answered these requests, all at this time, in monotonic nanoseconds: each `succeeded`. Nothing is kept of them, and
   * that the model was run is not counted.
   */
  readonly answered: (requests: ReadonlyArray<AnsweredRequest>, run: RunTimes, endedAtNanos: number) => void
  /** A request of so many rows succeeded. `trace`: the span that its times can be looked up by. */
  readonly succeeded: (rows: number, times: RequestTimes, trace?: TraceContext) => void
  /** A request succeeded by the response cache, without a run. */
  readonly cacheHit: (times: CacheHitTimes, trace?: TraceContext) => void
  /** A request that `succeeded` was not in the response cache, which took so many nanoseconds beside what it took itself. */
  readonly cacheMiss: (nanos: number) => void
  /** A request that was accepted failed so many nanoseconds after its arrival. */
  readonly failed: (reason: FailureReason, nanos: number) => void
  /** The model was run once over so many rows. */
  readonly executed: (rows: number, times: ExecutionTimes) => void
  /** So many requests are run once more, because the instance was lost that they ran on. */
  readonly retried: (requests: number) => void
  /** It ran, or did not run, in the shadow of another version; `largest` is the largest distance of two numbers, 0 from 0 on. */
  readonly shadowed: (outcome: ShadowOutcome, largest?: number) => void
  /** What was counted so far. */
  readonly counts: () => Counts
}

/** The phases that are measured for requests that succeeded. @category models */
export const phases = [
  "request",
  "queue",
  "computeInput",
  "computeInfer",
  "computeOutput",
  "cacheHit",
  "cacheMiss"
] as const
/** @category models */
export type PhaseName = (typeof phases)[number]

/** What lies behind the metrics of a version. @category models */
export interface Measures {
  /** Nanoseconds that opening the version took; `undefined` until it is open. */
  readonly loadNanos: number | undefined
  /** Microseconds, each request cut to a whole number. */
  readonly micros: Readonly<Record<PhaseName, number>>
  /** Seconds. */
  readonly durations: Readonly<Record<PhaseName, Distribution>>
  /** Rows of executions. */
  readonly batchSizes: Distribution
  /** Whole milliseconds from arrival to answer, of requests that failed as well. */
  readonly firstResponse: Distribution
  /** Largest distance of two numbers of each shadow run that was compared; infinite ones are not in the sum. */
  readonly shadowDifference: Distribution
  /** Microseconds within the last minute for a share of requests between 0 and 1, NaN without any; `undefined`: not kept. */
  readonly quantile: ((phase: PhaseName, share: number) => number) | undefined
}

/** What labels the metrics of a version, and which buckets they have. @category models */
export interface BooksOptions {
  /** `metric_tags` of its config. */
  readonly tags?: Readonly<Record<string, string>>
  /** The root that it lies in, where names may occur in several. */
  readonly namespace?: string | undefined
  /** The response cache answers for it: only then it has metrics of the cache. Default `false`. */
  readonly cached?: boolean
  /** Rows of its largest batch. Absent or 0: it takes no batches. */
  readonly maxBatchSize?: number
  /** Instances that its config asks for. Absent: it has none of its own. */
  readonly instances?: number
  /** Milliseconds: the buckets of its first-response histogram, in any order. */
  readonly firstResponseBuckets?: ReadonlyArray<number> | undefined
}

/** The books of one version as whoever opened them, and metrics, see them. @category models */
export interface VersionBooks extends ModelStatistics {
  readonly tags: Readonly<Record<string, string>>
  readonly namespace: string | undefined
  readonly cached: boolean
  readonly maxBatchSize: number
  readonly instances: number
  /** Milliseconds since 1970 at which they were opened: everything counts from there. */
  readonly sinceMillis: number
  /** Says whom to ask how the instances of the version have fared. */
  readonly observeInstances: (condition: () => InstancesCondition) => void
  /** How its instances have fared; `undefined`: nobody can tell. */
  readonly instancesCondition: () => InstancesCondition | undefined
  /** The version is open, after so many nanoseconds: from now on it has metrics. */
  readonly loaded: (nanos: number) => void
  /** What was measured so far. */
  readonly measures: () => Measures
}

/** @category services */
export class Statistics extends Context.Service<Statistics, {
  /** Opens the books of a version that is being loaded, at zero; the scope closes them. */
  readonly open: (
    options: BooksOptions & {
      readonly model: string
      readonly version: number
    }
  ) => Effect.Effect<VersionBooks, never, Scope.Scope>
  /** The books that are open, by name and version; those of the same version in the order in which they were opened. */
  readonly all: () => ReadonlyArray<VersionBooks>
}>()("galatea/services/Statistics") {}
