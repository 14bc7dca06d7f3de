/**
 * The classification extension: an output becomes the strings `value:index[:label]` of its k greatest elements per row.
 *
 * Source: Triton's classification extension and `classification.cc`.
 */
import { Result } from "effect"
import * as BytesElements from "../../../schema/BytesElements.ts"
import type { DataType } from "../../../schema/DataType.ts"
import { byteSize } from "../../../schema/DataType.ts"
import { InvalidRequest } from "../../../schema/Errors.ts"
import type { Tensor } from "../../../schema/Inference.ts"
import { formatFixed6 } from "./FixedDecimal.ts"

/** Elements per row above which an output is refused, as in Triton. */
const maxElements = 1_000_000

type Element = number | bigint
type Read = (view: DataView, offset: number) => Element

const readers: Partial<Record<DataType, Read>> = {
  UINT8: (view, at) => view.getUint8(at),
  UINT16: (view, at) => view.getUint16(at, true),
  UINT32: (view, at) => view.getUint32(at, true),
  UINT64: (view, at) => view.getBigUint64(at, true),
  INT8: (view, at) => view.getInt8(at),
  INT16: (view, at) => view.getInt16(at, true),
  INT32: (view, at) => view.getInt32(at, true),
  INT64: (view, at) => view.getBigInt64(at, true),
  FP32: (view, at) => view.getFloat32(at, true),
  FP64: (view, at) => view.getFloat64(at, true)
}

/** Why outputs of a datatype cannot be classified; `undefined` where they can. */
export const unsupported = (datatype: DataType): string | undefined =>
  readers[datatype] === undefined
    ? `class result not available for output due to unsupported type '${datatype}'`
    : undefined

/**
 * Classifies an output of shape `[batch, …]`, or `[…]` for models that do not batch. The result has the shape
 * `[batch, k']` or `[k']`, with `k'` at most the elements of a row; equal values keep the order of their indexes, NaN
 * comes last.
 */
export const classify = (
  output: Tensor,
  options: { readonly k: number; readonly batched: boolean; readonly labels: ReadonlyArray<string> | undefined }
): Result.Result<Tensor, InvalidRequest> => {
  const read = readers[output.datatype]!
  const rows = options.batched ? output.shape[0]! : 1
  const size = byteSize(output.datatype)
  const perRow = rows === 0 ? 0 : output.data.byteLength / size / rows
  if (perRow > maxElements) {
    return Result.fail(new InvalidRequest({ message: "classification output tensor too large" }))
  }
  const k = Math.min(options.k, perRow)
  const view = new DataView(output.data.buffer, output.data.byteOffset, output.data.byteLength)
  const decimal = output.datatype === "FP32" || output.datatype === "FP64"
  const texts: Array<string> = []
  for (let row = 0; row < rows; row++) {
    const base = row * perRow
    for (const index of greatest(view, read, size, base, perRow, k)) {
      const value = read(view, (base + index) * size)
      const label = options.labels?.[index]
      const text = `${decimal ? formatFixed6(Number(value)) : String(value)}:${index}`
      texts.push(label === undefined ? text : `${text}:${label}`)
    }
  }
  return Result.succeed({
    name: output.name,
    datatype: "BYTES",
    shape: options.batched ? [rows, k] : [k],
    data: BytesElements.encode(texts)
  })
}

/** Indexes of the k greatest elements of a row, greatest first: a heap of k, whose root is the least of those kept. */
const greatest = (
  view: DataView,
  read: Read,
  size: number,
  base: number,
  count: number,
  k: number
): ReadonlyArray<number> => {
  const at = (index: number) => read(view, (base + index) * size)
  // `true` when the element at a goes behind the one at b.
  const behind = (a: number, b: number): boolean => {
    const x = at(a)
    const y = at(b)
    const xNan = x !== x
    const yNan = y !== y
    if (xNan || yNan) return xNan && yNan ? a > b : xNan
    return x < y || (x === y && a > b)
  }
  const heap: Array<number> = []
  const sink = (from: number) => {
    let i = from
    for (;;) {
      let last = i
      for (const child of [2 * i + 1, 2 * i + 2]) {
        if (child < heap.length && behind(heap[child]!, heap[last]!)) last = child
      }
      if (last === i) return
      ;[heap[i], heap[last]] = [heap[last]!, heap[i]!]
      i = last
    }
  }
  for (let index = 0; index < count; index++) {
    if (heap.length < k) {
      heap.push(index)
      for (let i = heap.length - 1; i > 0;) {
        const parent = (i - 1) >> 1
        if (!behind(heap[i]!, heap[parent]!)) break
        ;[heap[i], heap[parent]] = [heap[parent]!, heap[i]!]
        i = parent
      }
    } else if (k > 0 && behind(heap[0]!, index)) {
      heap[0] = index
      sink(0)
    }
  }
  return heap.sort((a, b) => behind(a, b) ? 1 : -1)
}
