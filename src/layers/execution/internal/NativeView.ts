/** Bytes as the tensors that the native runtime reads and writes. */
import * as DataType from "../../../schema/DataType.ts"
import type { NativeTensor } from "./OrtSession.ts"

type ViewConstructor = new(buffer: ArrayBufferLike, byteOffset: number, length: number) => ArrayBufferView

const viewOf: Readonly<Record<string, ViewConstructor>> = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP16: Uint16Array,
  FP32: Float32Array,
  FP64: Float64Array
}

/** A tensor over `elements` elements from `offset` on, which must be a multiple of their size. @category constructors */
export const tensor = (
  datatype: DataType.DataType,
  buffer: ArrayBufferLike,
  offset: number,
  elements: number,
  dims: ReadonlyArray<number>
): NativeTensor => ({
  type: DataType.fromName(datatype)!.ort!,
  data: new viewOf[datatype]!(buffer, offset, elements),
  dims,
  location: "cpu"
})

/** What a preallocated output that does not fit makes the runtime say. @category constants */
export const refusedOutput =
  /pre-allocated output|output data type|not enough space|invalid (?:dimensions|rank) for output|shape verification/i
