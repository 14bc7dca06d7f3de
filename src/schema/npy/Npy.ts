/**
 * Reads and writes NumPy's `.npy` files, versions 1 to 3.
 *
 * Arrays become tensors in row-major order, little-endian: other byte orders and Fortran's order are converted. Source: NumPy's
 * format specification (NEP 1).
 */
import type { DataType } from "../DataType.ts"
import { NpyFault } from "./NpyFault.ts"
import { readFields } from "./NpyHeader.ts"

/** An array of a file. `data` is what an input of the client takes. @category models */
export interface NpyArray {
  readonly datatype: DataType
  readonly shape: ReadonlyArray<number>
  readonly data: ArrayBufferView | ReadonlyArray<string> | ReadonlyArray<Uint8Array> | ReadonlyArray<boolean>
  readonly count: number
}

interface Kind {
  readonly datatype: DataType
  readonly size: number
  readonly make: (buffer: ArrayBuffer) => ArrayBufferView
}

const kinds: Readonly<Record<string, Kind>> = {
  b1: { datatype: "BOOL", size: 1, make: (buffer) => new Uint8Array(buffer) },
  u1: { datatype: "UINT8", size: 1, make: (buffer) => new Uint8Array(buffer) },
  u2: { datatype: "UINT16", size: 2, make: (buffer) => new Uint16Array(buffer) },
  u4: { datatype: "UINT32", size: 4, make: (buffer) => new Uint32Array(buffer) },
  u8: { datatype: "UINT64", size: 8, make: (buffer) => new BigUint64Array(buffer) },
  i1: { datatype: "INT8", size: 1, make: (buffer) => new Int8Array(buffer) },
  i2: { datatype: "INT16", size: 2, make: (buffer) => new Int16Array(buffer) },
  i4: { datatype: "INT32", size: 4, make: (buffer) => new Int32Array(buffer) },
  i8: { datatype: "INT64", size: 8, make: (buffer) => new BigInt64Array(buffer) },
  f2: { datatype: "FP16", size: 2, make: (buffer) => new Uint16Array(buffer) },
  f4: { datatype: "FP32", size: 4, make: (buffer) => new Float32Array(buffer) },
  f8: { datatype: "FP64", size: 8, make: (buffer) => new Float64Array(buffer) }
}

/** NumPy's name of the elements of a datatype; BF16 has none and is written as its bits. */
const codes: Readonly<Record<Exclude<DataType, "BYTES">, string>> = {
  BOOL: "|b1",
  UINT8: "|u1",
  UINT16: "<u2",
  UINT32: "<u4",
  UINT64: "<u8",
  INT8: "|i1",
  INT16: "<i2",
  INT32: "<i4",
  INT64: "<i8",
  FP16: "<f2",
  FP32: "<f4",
  FP64: "<f8",
  BF16: "<u2"
}

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]

/** Whether some bytes are a `.npy` file. @category guards */
export const isNpy = (file: Uint8Array): boolean => magic.every((byte, i) => file[i] === byte)

/** The array of a file. Throws `NpyFault`. @category constructors */
export const read = (file: Uint8Array): NpyArray => {
  if (!isNpy(file) || file.byteLength < 10) throw new NpyFault("is no .npy file")
  const version = file[6]!
  if (version < 1 || version > 3) throw new NpyFault(`is a .npy file of version ${version}; versions 1 to 3 are known`)
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const start = version === 1 ? 10 : 12
  const length = version === 1 ? view.getUint16(8, true) : file.byteLength < 12 ? Infinity : view.getUint32(8, true)
  if (start + length > file.byteLength) throw new NpyFault("ends inside its header")
  const text = new TextDecoder(version === 3 ? "utf-8" : "latin1").decode(file.subarray(start, start + length))
  const { descr, fortran, shape } = readFields(text)
  const count = shape.reduce((product, size) => product * size, 1)
  const code = /^([<>|=])([a-zA-Z])(\d+)$/.exec(descr)
  const kind = code === null ? undefined : kinds[code[2]! + code[3]!]
  const strings = code !== null && (code[2] === "S" || code[2] === "U")
  if (code === null || (kind === undefined && !strings)) {
    throw new NpyFault(`holds elements of NumPy's type '${descr}', which no tensor has`)
  }
  const size = kind?.size ?? Number(code[3]) * (code[2] === "U" ? 4 : 1)
  const body = file.subarray(start + length)
  if (body.byteLength !== count * size) {
    throw new NpyFault(
      `has ${body.byteLength} bytes of data, and its shape (${shape.join(", ")}) of '${descr}' needs ${count * size}`
    )
  }
  const rows = fortran ? rowMajor(body, shape, size) : new Uint8Array(body)
  if (kind === undefined) {
    const elements = code[2] === "S" ? byteStrings(rows, count, size) : texts(rows, count, size, code[1] === ">")
    return { datatype: "BYTES", shape, data: elements, count }
  }
  if (code[1] === ">") swap(rows, size)
  return { datatype: kind.datatype, shape, data: kind.make(rows.buffer as ArrayBuffer), count }
}

/** Fortran's order has the first index vary fastest; ours the last. */
const rowMajor = (body: Uint8Array, shape: ReadonlyArray<number>, size: number): Uint8Array => {
  const out = new Uint8Array(body.byteLength)
  const strides = shape.map((_, i) => shape.slice(0, i).reduce((product, extent) => product * extent, size))
  const index = shape.map(() => 0)
  for (let at = 0; at < out.byteLength; at += size) {
    const from = index.reduce((sum, position, i) => sum + position * strides[i]!, 0)
    out.set(body.subarray(from, from + size), at)
    for (let i = shape.length - 1; i >= 0 && ++index[i]! === shape[i]; i--) index[i] = 0
  }
  return out
}

const swap = (bytes: Uint8Array, size: number): void => {
  for (let at = 0; at < bytes.byteLength; at += size) bytes.subarray(at, at + size).reverse()
}

/** Elements of fixed length, without the NULs that fill them up. */
const byteStrings = (bytes: Uint8Array, count: number, size: number): ReadonlyArray<Uint8Array> =>
  Array.from({ length: count }, (_, i) => {
    const element = bytes.subarray(i * size, (i + 1) * size)
    return element.subarray(0, element.findLastIndex((byte) => byte !== 0) + 1)
  })

/** Elements of four bytes a character. */
const texts = (bytes: Uint8Array, count: number, size: number, bigEndian: boolean): ReadonlyArray<string> => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: count }, (_, i) => {
    let text = ""
    for (let at = i * size; at < (i + 1) * size; at += 4) {
      const code = view.getUint32(at, !bigEndian)
      if (code > 0x10ffff) {
        throw new NpyFault(`holds the character ${code} in its element ${i}; Unicode ends with ${0x10ffff}`)
      }
      text += String.fromCodePoint(code)
    }
    return text.replace(/\0+$/, "")
  })
}

/** A file of version 1 with an output of a model. @category constructors */
export const write = (
  datatype: DataType,
  shape: ReadonlyArray<number>,
  data: ArrayBufferView | ReadonlyArray<boolean | string>
): Uint8Array => {
  const [descr, body] = datatype === "BYTES"
    ? textBody(data as ReadonlyArray<string>)
    : [codes[datatype], numberBody(data as ArrayBufferView | ReadonlyArray<boolean>)]
  const fields = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(", ")}${
    shape.length === 1 ? "," : ""
  }), }`
  // The data begins at a multiple of 64, and the header ends with a line feed.
  const length = Math.ceil((10 + fields.length + 1) / 64) * 64 - 10
  const file = new Uint8Array(10 + length + body.byteLength)
  file.set([...magic, 1, 0, length & 255, length >> 8])
  file.set(new TextEncoder().encode(`${fields.padEnd(length - 1)}\n`), 10)
  file.set(body, 10 + length)
  return file
}

const numberBody = (data: ArrayBufferView | ReadonlyArray<boolean>): Uint8Array =>
  ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : Uint8Array.from(data, (value) => value ? 1 : 0)

const textBody = (texts: ReadonlyArray<string>): readonly [string, Uint8Array] => {
  const points = texts.map((text) => Array.from(text, (character) => character.codePointAt(0)!))
  const longest = Math.max(1, ...points.map((one) => one.length))
  const view = new DataView(new ArrayBuffer(texts.length * longest * 4))
  for (const [i, one] of points.entries()) {
    for (const [j, point] of one.entries()) view.setUint32((i * longest + j) * 4, point, true)
  }
  return [`<U${longest}`, new Uint8Array(view.buffer)]
}
