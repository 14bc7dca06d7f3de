/** What an inference takes and gives over RPC. */
import { Schema } from "effect"
import { type DataType, table } from "../DataType.ts"
import { Parameters, SequenceId } from "./Parameter.ts"
import { TensorBytes } from "./TensorBytes.ts"

/** A tensor: row-major, contiguous, little-endian, see `schema/Inference.ts`. @category schemas */
export const Tensor = Schema.Struct({
  name: Schema.String,
  datatype: Schema.Literals(table.map(({ name }): DataType => name)),
  shape: Schema.Array(Schema.Number),
  data: TensorBytes
})

/** @category schemas */
export const RequestedOutput = Schema.Struct({
  name: Schema.String,
  /** Top-k classification instead of the tensor; 0 or absent: the tensor itself. */
  classification: Schema.optionalKey(Schema.Number)
})

/** @category schemas */
export const SequenceStep = Schema.Struct({
  id: SequenceId,
  start: Schema.optionalKey(Schema.Boolean),
  end: Schema.optionalKey(Schema.Boolean)
})

/** An inference request. What may be absent is as an absent field of the protocol's other encodings. @category schemas */
export const InferRequest = Schema.Struct({
  model: Schema.String,
  /** Decimal, or a label; absent or `""`: the version that requests without one go to. */
  version: Schema.optionalKey(Schema.String),
  /** Echoed in the answer. */
  id: Schema.optionalKey(Schema.String),
  inputs: Schema.Array(Tensor),
  /** Absent or empty: every output of the model. */
  outputs: Schema.optionalKey(Schema.Array(RequestedOutput)),
  parameters: Schema.optionalKey(Parameters),
  /** 0 or absent: the model's default level. */
  priority: Schema.optionalKey(Schema.Number),
  /** Microseconds that the request may wait in the queue, where the model's policy lets requests say so; 0 or absent: no limit. */
  timeoutMicros: Schema.optionalKey(Schema.Number),
  /** Microseconds from the request's arrival after which it is not run any more; 0 or absent: never. */
  deadlineMicros: Schema.optionalKey(Schema.Number),
  sequence: Schema.optionalKey(SequenceStep)
})
/** @category models */
export type InferRequest = typeof InferRequest.Type

/** Where the time of a request went: nanoseconds, and the rows of the batch that it ran in. @category schemas */
export const Timing = Schema.Struct({
  queueNanos: Schema.Number,
  computeInputNanos: Schema.Number,
  computeInferNanos: Schema.Number,
  computeOutputNanos: Schema.Number,
  batchRows: Schema.Number,
  /** From arrival to answer, where the times above are the work of steps that run beside each other. */
  wallNanos: Schema.optionalKey(Schema.Number)
})

/** The answer to one request, or one of its answers in a stream. Outputs come sorted by name. @category schemas */
export const InferResponse = Schema.Struct({
  id: Schema.String,
  modelName: Schema.String,
  /** Decimal. */
  modelVersion: Schema.String,
  parameters: Schema.optionalKey(Parameters),
  outputs: Schema.Array(Tensor),
  timing: Timing
})
/** @category models */
export type InferResponse = typeof InferResponse.Type
