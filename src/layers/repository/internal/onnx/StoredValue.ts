/**
 * Finds stored values (initializers) in an ONNX file, and turns them into tensors.
 *
 * Source: `TensorProto` and `GraphProto` of `onnx.proto3`, ONNX 1.17.
 */
import * as DataTypes from "../../../../schema/DataType.ts"
import type { Tensor } from "../../../../schema/Inference.ts"
import type { Walk } from "./ProtobufWalk.ts"
import { Cursor, eachField, Malformed, text } from "./ProtobufWalk.ts"

/** From the first byte to the one behind the last. @category models */
export interface Range {
  readonly start: number
  readonly end: number
}

/** Where a stored value lies: its whole field in the graph, and the `TensorProto` in it. @category models */
export interface Place {
  readonly field: Range
  readonly tensor: Range
}

/** @category models */
export interface Places {
  /** The field of the model that holds the graph, and the graph in it. */
  readonly graphField: Range
  readonly graph: Range
  readonly values: ReadonlyMap<string, Place>
}

/** Where the dense stored values with these names lie. Names that are not stored are left out. @category decoding */
export const find = function*(size: number, names: ReadonlySet<string>): Walk<Places> {
  const cursor = new Cursor(size)
  const values = new Map<string, Place>()
  let found: Omit<Places, "values"> | undefined
  while (cursor.position < size) {
    const start = cursor.position
    const field = yield* cursor.field(size)
    const graph = { start: cursor.position, end: cursor.position + field.length }
    if (field.number === 7 && field.wireType === 2) {
      if (found !== undefined) throw new Malformed("it holds more than one graph")
      found = { graphField: { start, end: graph.end }, graph }
      yield* findInGraph(cursor, graph, names, values)
    }
    cursor.position = graph.end
  }
  if (found === undefined) throw new Malformed("it holds no graph")
  return { ...found, values }
}

const findInGraph = function*(
  cursor: Cursor,
  graph: Range,
  names: ReadonlySet<string>,
  values: Map<string, Place>
): Walk<void> {
  while (cursor.position < graph.end) {
    const start = cursor.position
    const field = yield* cursor.field(graph.end)
    const tensor = { start: cursor.position, end: cursor.position + field.length }
    if (field.number === 5 && field.wireType === 2) {
      while (cursor.position < tensor.end) {
        const part = yield* cursor.field(tensor.end)
        const after = cursor.position + part.length
        if (part.number === 8 && part.wireType === 2 && part.length <= 64 * 1024) {
          const name = text(yield* cursor.take(part.length))
          if (names.has(name)) values.set(name, { field: { start, end: tensor.end }, tensor })
        }
        cursor.position = after
      }
    }
    cursor.position = tensor.end
  }
}

/** Bytes of a stored value in another file, beside the model. @category models */
export interface External {
  readonly location: string
  readonly offset: number
}

/** A decoded `TensorProto`; its bytes may lie elsewhere. @category models */
export interface StoredValue {
  readonly name: string
  readonly datatype: DataTypes.DataType
  readonly shape: ReadonlyArray<number>
  readonly data: Uint8Array | External
}

/** One integer of 64 bits out of a varint, exact. */
const bigVarints = (bytes: Uint8Array): ReadonlyArray<bigint> => {
  const values: Array<bigint> = []
  let value = 0n
  let shift = 0n
  for (const byte of bytes) {
    value |= BigInt(byte & 0x7f) << shift
    shift += 7n
    if (byte < 0x80) {
      values.push(BigInt.asUintN(64, value))
      value = 0n
      shift = 0n
    }
  }
  return values
}

const writeIntegers = (integers: ReadonlyArray<bigint>, elementSize: number): Uint8Array => {
  const bytes = new Uint8Array(integers.length * elementSize)
  for (const [index, integer] of integers.entries()) {
    for (let byte = 0; byte < elementSize; byte++) {
      bytes[index * elementSize + byte] = Number((integer >> BigInt(8 * byte)) & 0xffn)
    }
  }
  return bytes
}

const join = (chunks: ReadonlyArray<Uint8Array>): Uint8Array => {
  const bytes = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0))
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.length
  }
  return bytes
}

const writeStrings = (strings: ReadonlyArray<Uint8Array>): Uint8Array =>
  join(strings.flatMap((string) => [writeIntegers([BigInt(string.length)], 4), string]))

/**
 * Decodes a `TensorProto`. Throws `Malformed` where its bytes do not fit its shape.
 *
 * Numbers may stand as raw bytes, in a list of their own kind, or (small integers, FP16 and BOOL) in the list of 32-bit
 * integers.
 *
 * @category decoding
 */
export const decode = (bytes: Uint8Array): StoredValue => {
  let name = ""
  let elemType = 0
  let isExternal = false
  const shape: Array<number> = []
  const chunks: Array<Uint8Array> = []
  const integers: Array<bigint> = []
  const strings: Array<Uint8Array> = []
  const entries = new Map<string, string>()
  eachField(bytes, (field, payload, header) => {
    const varints = () => bigVarints(field.wireType === 2 ? payload : header)
    switch (field.number) {
      case 1:
        for (const size of varints()) shape.push(Number(size))
        break
      case 2:
        elemType = field.value
        break
      case 4:
      case 9:
      case 10:
        chunks.push(payload)
        break
      case 5:
      case 7:
      case 11:
        for (const integer of varints()) integers.push(integer)
        break
      case 6:
        strings.push(payload)
        break
      case 8:
        name = text(payload)
        break
      case 13: {
        let key = ""
        let value = ""
        eachField(payload, (part, content) => {
          if (part.number === 1) key = text(content)
          else if (part.number === 2) value = text(content)
        })
        entries.set(key, value)
        break
      }
      case 14:
        isExternal = field.value === 1
        break
    }
  })
  const row = DataTypes.fromOnnx(elemType)
  if (row === undefined) throw new Malformed(`the stored value '${name}' has the element type ${elemType}`)
  const count = shape.reduce((product, size) => product * size, 1)
  if (isExternal) {
    const external = { location: entries.get("location") ?? "", offset: Number(entries.get("offset") ?? 0) }
    if (!Number.isSafeInteger(external.offset) || external.offset < 0) {
      throw new Malformed(
        `the stored value '${name}' has the offset '${entries.get("offset")}' in '${external.location}'`
      )
    }
    return { name, datatype: row.name, shape, data: external }
  }
  const data = row.byteSize === 0
    ? writeStrings(strings)
    : integers.length > 0
    ? writeIntegers(integers, row.byteSize)
    : join(chunks)
  const elements = row.byteSize === 0 ? strings.length : data.length / row.byteSize
  if (elements !== count) {
    throw new Malformed(`the stored value '${name}' of shape [${shape.join(",")}] holds ${elements} elements`)
  }
  return { name, datatype: row.name, shape, data }
}

/** Bytes that the elements of a stored value take. @category getters */
export const byteLength = (value: Pick<Tensor, "datatype" | "shape">): number =>
  value.shape.reduce((product, size) => product * size, DataTypes.byteSize(value.datatype))
