/** Takes the states of sequences out of what a batch has left behind. */
import * as BatchAxis from "../../../../schema/BatchAxis.ts"
import * as BytesElements from "../../../../schema/BytesElements.ts"
import { byteSize } from "../../../../schema/DataType.ts"
import type { Tensor } from "../../../../schema/Inference.ts"
import type { SequenceState } from "../../../../schema/SequenceState.ts"
import { elementCount, matches, show } from "../../../../schema/Shape.ts"
import * as ByteCopy from "../../../ByteCopy.ts"
import { product } from "../TensorRole.ts"

/** Why a tensor is not the state of so many rows, as the end of a sentence; `undefined`: it is. @category validation */
export const misfit = (state: SequenceState, tensor: Tensor, rows: number): string | undefined => {
  const { batchAxis, datatype, dims } = state
  const { data, shape } = tensor
  const size = byteSize(tensor.datatype)
  const fits = tensor.datatype === datatype &&
    (batchAxis === BatchAxis.none || shape[batchAxis] === rows) &&
    matches(BatchAxis.remove(shape, batchAxis), dims)
  if (!fits) {
    return `${tensor.datatype} ${show(shape)}, expected ${datatype} ${show(BatchAxis.insert(dims, batchAxis, rows))}`
  }
  const elements = elementCount(shape)
  if (size > 0 && data.byteLength !== elements * size) {
    return `${data.byteLength} bytes, expected ${elements * size} for ${datatype} ${show(shape)}`
  }
  if (size === 0 && BytesElements.countWhole(data) !== elements) {
    return `${BytesElements.countWhole(data) ?? "broken"} strings, expected ${elements} for ${datatype} ${show(shape)}`
  }
  return undefined
}

/** The rows of a state in a tensor that fits. @category models */
export interface StateRows {
  /** Shape of one row. */
  readonly shape: ReadonlyArray<number>
  readonly byteLengthOf: (row: number) => number
  /** Copies a row into memory of exactly its length. */
  readonly copy: (row: number, target: Uint8Array) => void
}

/** Where the piece of each row in each block begins, and the end: strings have to be walked. */
const offsetsOf = (data: Uint8Array, pieces: number, elements: number): ReadonlyArray<number> => {
  const offsets = new Array<number>(pieces + 1)
  let at = 0
  for (let piece = 0; piece < pieces; piece++) {
    offsets[piece] = at
    at = BytesElements.skip(data, at, elements)
  }
  offsets[pieces] = at
  return offsets
}

/** @category constructors */
export const make = (state: SequenceState, { data, datatype, shape }: Tensor): StateRows => {
  const { batchAxis } = state
  const batched = batchAxis !== BatchAxis.none
  const rows = batched ? shape[batchAxis]! : 1
  const blocks = batched ? product(shape, 0, batchAxis) : 1
  const elements = batched ? product(shape, batchAxis + 1, shape.length) : elementCount(shape)
  const size = byteSize(datatype)
  const rowShape = batched && rows !== 1 ? shape.with(batchAxis, 1) : shape
  if (size > 0) {
    const bytes = elements * size
    return {
      shape: rowShape,
      byteLengthOf: () => blocks * bytes,
      copy: (row, target) => {
        let at = 0
        for (let block = 0; block < blocks; block++) {
          const start = (block * rows + row) * bytes
          at = ByteCopy.part(data, start, start + bytes, target, at)
        }
      }
    }
  }
  const offsets = offsetsOf(data, blocks * rows, elements)
  return {
    shape: rowShape,
    byteLengthOf: (row) => {
      let bytes = 0
      for (let piece = row; piece < offsets.length - 1; piece += rows) bytes += offsets[piece + 1]! - offsets[piece]!
      return bytes
    },
    copy: (row, target) => {
      let at = 0
      for (let piece = row; piece < offsets.length - 1; piece += rows) {
        at = ByteCopy.part(data, offsets[piece]!, offsets[piece + 1]!, target, at)
      }
    }
  }
}
