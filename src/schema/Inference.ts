/** Values that travel along the request path: plain readonly records over bytes. */
import type { DataType } from "./DataType.ts"
import type { TraceParent } from "./RequestTrace.ts"

/**
 * A tensor in its binary form: row-major, contiguous, little-endian.
 *
 * `data` is a view, never copied without need. BYTES elements are each a 4-byte little-endian length and that many bytes.
 * Whoever hands over a tensor lends `data` until the call it was given to completes.
 *
 * Source: KServe V2 binary tensor data extension.
 *
 * @category models
 */
export interface Tensor {
  readonly name: string
  readonly datatype: DataType
  /** Full shape, with the batch dimension where the model has one. */
  readonly shape: ReadonlyArray<number>
  readonly data: Uint8Array
}

/** @category models */
export interface RequestedOutput {
  readonly name: string
  /** Top-k classification instead of the tensor; 0: the tensor itself. */
  readonly classification: number
}

/** A custom or standard request parameter: an integer beyond 2^53 is a `bigint`. @category models */
export type Parameter = boolean | number | bigint | string

/** @category models */
export interface InferenceRequest {
  /** Echoed in the answer; `""` when the caller gave none. */
  readonly id: string
  readonly inputs: ReadonlyArray<Tensor>
  /** Empty: every output of the config. */
  readonly outputs: ReadonlyArray<RequestedOutput>
  /** Custom parameters and the standard ones without a field of their own, in order of appearance. */
  readonly parameters: ReadonlyMap<string, Parameter>
  /** 0: the model's default level. */
  readonly priority: number
  /** Microseconds that the request may wait in the queue; 0: no limit of its own. */
  readonly timeoutMicros: number
  /** Microseconds after which nobody waits for the answer any more, whatever the model's queue policy says; 0: never. */
  readonly deadlineMicros: number
  /** `undefined`: not part of a sequence. */
  readonly sequence: SequenceStep | undefined
  /**
   * What is noted of it on its way. `undefined`: nothing, whoever took it in has asked already. Absent: nobody has asked yet, and the
   * door does.
   */
  readonly trace?: TraceParent | undefined
}

/** @category models */
export interface SequenceStep {
  readonly id: bigint | string
  readonly start: boolean
  readonly end: boolean
}

/** Where the time of a request went: nanoseconds, and rows. The compute times are those of its whole batch. @category models */
export interface Timing {
  readonly queueNanos: number
  readonly computeInputNanos: number
  readonly computeInferNanos: number
  readonly computeOutputNanos: number
  /** Rows of the batch that it ran in. */
  readonly batchRows: number
  /**
   * How long it took from its arrival to its answer. An ensemble says so: its compute times are the work of all its steps, which run
   * beside each other. Absent: the times above follow one another.
   */
  readonly wallNanos?: number
}

/**
 * The answer to one request. Outputs come sorted by name (UTF-8 bytes), as in Triton.
 *
 * The tensors may lie in pooled memory: call `release` once after the last byte was used, so that the memory serves the
 * next request. Without the call nothing leaks; the garbage collector takes it.
 *
 * @category models
 */
export interface InferenceResponse {
  readonly id: string
  readonly modelName: string
  /** Decimal. */
  readonly modelVersion: string
  readonly parameters: ReadonlyMap<string, Parameter>
  readonly outputs: ReadonlyArray<Tensor>
  readonly timing: Timing
  readonly release: () => void
}
