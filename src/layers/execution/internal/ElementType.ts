/** Words for the types of a model's inputs and outputs, also for those that cannot be served. */
import type { Found } from "./Mailbox.ts"

const names = [
  "undefined",
  "float32",
  "uint8",
  "int8",
  "uint16",
  "int16",
  "int32",
  "int64",
  "string",
  "bool",
  "float16",
  "float64",
  "uint32",
  "uint64",
  "complex64",
  "complex128",
  "bfloat16",
  "float8e4m3fn",
  "float8e4m3fnuz",
  "float8e5m2",
  "float8e5m2fnuz",
  "uint4",
  "int4",
  "float4e2m1"
]

/** The runtime's name of a type, as `SessionTensor.type`. Source: ONNX `TensorProto.DataType`. */
export const nameOf = (found: Found): string =>
  found.isTensor ? names[found.elementType] ?? `element type ${found.elementType}` : "sequence, map or optional value"
