/** Takes the rows of a request from an output with more of them. */
import { skip } from "../../../schema/BytesElements.ts"
import { byteSize } from "../../../schema/DataType.ts"
import type { Tensor } from "../../../schema/Inference.ts"
import { elementCount } from "../../../schema/Shape.ts"
import * as ByteCopy from "../../ByteCopy.ts"

/** The first `kept` rows along a dimension: a view where that is the outermost one that is not 1, else a copy. */
export const firstRows = (tensor: Tensor, axis: number, kept: number): Tensor => {
  const { data } = tensor
  const shape = tensor.shape.with(axis, kept)
  const blocks = elementCount(shape.slice(0, axis))
  const row = elementCount(shape.slice(axis + 1))
  const size = byteSize(tensor.datatype)
  const endOf = (start: number, elements: number) => size > 0 ? start + elements * size : skip(data, start, elements)
  if (blocks === 1) return { ...tensor, shape, data: data.subarray(0, endOf(0, kept * row)) }
  const target = new Uint8Array(data.byteLength)
  const dropped = tensor.shape[axis]! - kept
  let at = 0
  let start = 0
  for (let block = 0; block < blocks; block++) {
    const end = endOf(start, kept * row)
    at = ByteCopy.part(data, start, end, target, at)
    start = endOf(end, dropped * row)
  }
  return { ...tensor, shape, data: target.subarray(0, at) }
}
