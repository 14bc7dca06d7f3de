/**
 * What is noted of one request on its way, for spans, trace files, log lines and whatever else wants to know.
 *
 * A request that nobody wants to know anything of has none: everything that notes something asks for that first.
 */
import type { Code } from "./Codes.ts"
import type { Tensor } from "./Inference.ts"

/** A span as others may refer to it. Source: W3C Trace Context. @category models */
export interface TraceContext {
  /** 32 hexadecimal digits in lower case, not all zero. */
  readonly traceId: string
  /** 16 hexadecimal digits in lower case, not all zero. */
  readonly spanId: string
  /** It is exported. */
  readonly sampled: boolean
  /** The `tracestate` that came with it. Absent: none. */
  readonly traceState?: string | undefined
  /** It holds on to nothing else, so that whoever wants its ids later may keep it. Absent: it may be part of something large. */
  readonly isLight?: boolean | undefined
}

/** What a front end notes, by Triton's names. Source: scheduling §10.4. @category models */
export type FrontendActivity =
  | "HTTP_RECV_START"
  | "HTTP_RECV_END"
  | "HTTP_SEND_START"
  | "HTTP_SEND_END"
  | "GRPC_WAITREAD_START"
  | "GRPC_WAITREAD_END"
  | "GRPC_SEND_START"
  | "GRPC_SEND_END"
  | "INFER_RESPONSE_COMPLETE"

/** Moments at which tensors are noted, by Triton's names. @category models */
export type TensorActivity = "TENSOR_QUEUE_INPUT" | "TENSOR_BACKEND_INPUT" | "TENSOR_BACKEND_OUTPUT"

/** Why something went wrong. @category models */
export interface TraceFailure {
  /** `undefined`: a bug. */
  readonly code: Code | undefined
  /** `_tag` of the error, such as `QueueFull`. */
  readonly type: string
  /** A sentence without contents of tensors. */
  readonly message: string
}

/** How a request ended. @category models */
export interface RequestOutcome {
  /** What the protocol says: HTTP's status, gRPC's number. Absent: the protocol says nothing of the kind. */
  readonly status?: number | undefined
  /** Absent: it was answered. */
  readonly failure?: TraceFailure | undefined
}

/** One execution, as everyone whose request was in it is told. All times are nanoseconds, moments by the monotonic clock. @category models */
export interface BatchRun {
  readonly model: string
  readonly version: number
  /** Name of the instance. */
  readonly instance: string
  readonly rows: number
  /** Requests in it, traced or not. */
  readonly requests: number
  readonly begunAtNanos: number
  readonly endedAtNanos: number
  /** 0 where it failed. */
  readonly computeInputNanos: number
  readonly computeInferNanos: number
  readonly computeOutputNanos: number
  readonly failure?: TraceFailure | undefined
  /**
   * Whoever makes something of the execution as a whole, such as a span: set by the first traced request that is told of it. Called
   * when all of them were told.
   */
  observer: BatchObserver | undefined
}

/** @category models */
export interface BatchObserver {
  readonly ended: () => void
}

/** `hit`: answered by the cache; `shared`: got the answer of another request like it; `miss`: it ran. @category models */
export type CacheOutcome = "hit" | "shared" | "miss"

/** Under what a model runs for a request: the request itself, or the ensemble that asks for a step. @category models */
export interface TraceParent {
  /** The span to refer to in logs, exemplars and calls to others. Absent: no spans are made. */
  readonly context: TraceContext | undefined
  /** A version of a model has the request now. */
  readonly model: (options: {
    readonly model: string
    readonly version: number
    readonly requestId: string
    readonly sequenceId: bigint | string | undefined
  }) => ModelTrace
}

/** What is noted of a request in the hands of a model. Each method is called once at most. @category models */
export interface ModelTrace extends TraceParent {
  /** Tensors are wanted. */
  readonly wantsTensors: boolean
  /** It is in the queue of its version since then. */
  readonly queued: (atNanos: number) => void
  /** It was in an execution, which has ended. */
  readonly ran: (run: BatchRun) => void
  /** Its run was lost with the instance, and it is run once more: `ran` will tell of that one. Called several times. */
  readonly retried?: (failure: TraceFailure, atNanos: number) => void
  readonly cached: (outcome: CacheOutcome, lookupNanos: number) => void
  /** Called several times, where `wantsTensors`. The tensors are borrowed during the call. */
  readonly tensors: (activity: TensorActivity, tensors: ReadonlyArray<Tensor>) => void
  /** The ensemble leaves a step out: its condition, or something that it needs, is missing. Called several times. */
  readonly leftOut?: (step: { readonly model: string; readonly index: number }) => void
  /** The model is done with it now. Absent: it has succeeded. */
  readonly ended: (failure?: TraceFailure) => void
}

/** What is noted of a request, from its arrival to its end. @category models */
export interface RequestTrace extends TraceParent {
  /** Absent moment: now. */
  readonly mark: (activity: FrontendActivity, atNanos?: number) => void
  /** The id of the API key that it came with. */
  readonly client?: (key: string) => void
  /** It is over now: nothing more is noted. */
  readonly ended: (outcome: RequestOutcome) => void
}
