/** What became of one request, with times: what the console shows of it. All times are microseconds since its arrival. */
import type { CacheOutcome, FrontendActivity, TraceFailure } from "./RequestTrace.ts"

/** The execution that a request was in. @category models */
export interface FlowRun {
  readonly instance: string
  /** Rows of the whole batch. */
  readonly rows: number
  /** Requests in the batch. */
  readonly requests: number
  readonly beganMicros: number
  readonly endedMicros: number
  /** How long each part of it took; 0 where it failed. */
  readonly inputMicros: number
  readonly inferMicros: number
  readonly outputMicros: number
}

/** A request in the hands of a model. @category models */
export interface FlowModel {
  readonly model: string
  readonly version: number
  readonly beganMicros: number
  /** Absent: the request was over before. */
  readonly endedMicros?: number | undefined
  /** When it came into the queue. Absent: it was in none. */
  readonly queuedMicros?: number | undefined
  readonly run?: FlowRun | undefined
  readonly cache?: CacheOutcome | undefined
  readonly sequence?: string | undefined
  readonly failure?: TraceFailure | undefined
  /** The steps of an ensemble, in the order in which they began. */
  readonly steps: ReadonlyArray<FlowModel>
}

/** A request that is over. @category models */
export interface Flow {
  /** Counts the flows that were noted, from 1. */
  readonly number: number
  /** Milliseconds since 1970 of its arrival. */
  readonly atMillis: number
  readonly protocol: string
  /** As the client named it. */
  readonly model: string
  /** As the client named it; `""`: none was named. */
  readonly version: string
  readonly requestId: string
  /** Of its span, or what the client said. Absent: there is neither. */
  readonly traceId?: string | undefined
  /** The trace is exported, by this server or, as it says, by the client. */
  readonly traced: boolean
  readonly totalMicros: number
  readonly marks: ReadonlyArray<readonly [activity: FrontendActivity, micros: number]>
  /** As the protocol says it. Absent: it says nothing of the kind. */
  readonly status?: number | undefined
  readonly failure?: TraceFailure | undefined
  /** One for each version that had it: more than one where a version left while the request waited. */
  readonly models: ReadonlyArray<FlowModel>
  /** Some of its steps are left out, because there were too many. */
  readonly cut: boolean
}
