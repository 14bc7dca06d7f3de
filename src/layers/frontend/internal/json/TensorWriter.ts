/** Writes a tensor's elements as one flat JSON array. */
import type { DataType } from "../../../../schema/DataType.ts"
import type { JsonWriter } from "./JsonWriter.ts"

type WriteAll = (writer: JsonWriter, data: Uint8Array, count: number) => void

const booleans: WriteAll = (writer, data, count) => {
  for (let i = 0; i < count; i++) {
    if (i > 0) writer.byte(0x2c)
    writer.raw(data[i] === 0 ? "false" : "true")
  }
}

const integers = (size: number, signed: boolean): WriteAll => (writer, data, count) =>
  writer.integers(data, count, size, signed)

/** Numbers that are printed together: enough to pay for the call, few enough to keep the text of a run small. */
const run = 256

const inRuns = (size: number, read: (view: DataView, offset: number) => number): WriteAll => (writer, data, count) => {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  let values: Array<number> = []
  for (let i = 0; i < count; i++) {
    values.push(read(view, i * size))
    if (values.length === run || i === count - 1) {
      if (i >= run) writer.byte(0x2c)
      writer.doubles(values)
      values = []
    }
  }
}

const writers: { readonly [K in DataType]?: WriteAll } = {
  BOOL: booleans,
  UINT8: integers(1, false),
  UINT16: integers(2, false),
  UINT32: integers(4, false),
  UINT64: integers(8, false),
  INT8: integers(1, true),
  INT16: integers(2, true),
  INT32: integers(4, true),
  INT64: integers(8, true),
  FP32: inRuns(4, (view, offset) => view.getFloat32(offset, true)),
  FP64: inRuns(8, (view, offset) => view.getFloat64(offset, true))
}

/**
 * Writes `count` elements of a datatype of fixed size, whose bytes were checked to be as many. BYTES, FP16 and BF16 have no writer.
 *
 * @category encoding
 */
export const numbers = (writer: JsonWriter, datatype: DataType, data: Uint8Array, count: number): void => {
  const write = writers[datatype]
  if (write === undefined) throw new Error(`${datatype} has no JSON form`)
  writer.byte(0x5b)
  write(writer, data, count)
  writer.byte(0x5d)
}

/**
 * Writes the elements of a BYTES tensor. `false`: the bytes do not hold exactly `count` elements, and what was written is void.
 *
 * @category encoding
 */
export const strings = (writer: JsonWriter, data: Uint8Array, count: number): boolean => {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  let offset = 0
  writer.byte(0x5b)
  for (let i = 0; i < count; i++) {
    if (offset + 4 > data.length) return false
    const end = offset + 4 + view.getUint32(offset, true)
    if (end > data.length) return false
    if (i > 0) writer.byte(0x2c)
    writer.bytes(data, offset + 4, end)
    offset = end
  }
  writer.byte(0x5d)
  return offset === data.length
}
