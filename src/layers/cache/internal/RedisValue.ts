/**
 * An answer as Redis holds it, with the whole key before it: what comes back is an answer only if the key is the same, byte by byte.
 *
 * Little-endian. `GRC1`, length of the whole (f64), milliseconds since 1970 of the writing (f64), length of the key's head (u32), the
 * head as UTF-8, the bytes of the inputs one behind the other, number of outputs (u32), and for each of them the lengths of name and
 * datatype (u32 each), number of dimensions (u32), length of the data (f64), name, datatype, dimensions (f64 each), data.
 */
import * as BytesElements from "../../../schema/BytesElements.ts"
import { byteSize, fromName } from "../../../schema/DataType.ts"
import type { Tensor } from "../../../schema/Inference.ts"
import * as ByteCopy from "../../ByteCopy.ts"
import type { CacheKey } from "./CacheKey.ts"
import type { Answer } from "./CacheStore.ts"

const magic = 0x31_43_52_47
const prefixBytes = 24
const outputBytes = 20

const textBytes = (text: string): number => Buffer.byteLength(text, "utf8")

/** Bytes of the value that `encode` makes. @category getters */
export const sizeOf = ({ head, inputs }: CacheKey, outputs: Answer): number => {
  let bytes = prefixBytes + textBytes(head) + 4
  for (const { data } of inputs) bytes += data.byteLength
  for (const { data, datatype, name, shape } of outputs) {
    bytes += outputBytes + textBytes(name) + textBytes(datatype) + 8 * shape.length + data.byteLength
  }
  return bytes
}

/** A copy of all that is given. @category encoding */
export const encode = (key: CacheKey, outputs: Answer, nowMillis: number): Buffer => {
  const value = Buffer.allocUnsafeSlow(sizeOf(key, outputs))
  value.writeUInt32LE(magic, 0)
  value.writeDoubleLE(value.byteLength, 4)
  value.writeDoubleLE(nowMillis, 12)
  let at = prefixBytes + value.write(key.head, prefixBytes)
  value.writeUInt32LE(at - prefixBytes, 20)
  for (const { data } of key.inputs) at = ByteCopy.whole(data, value, at)
  at = value.writeUInt32LE(outputs.length, at)
  for (const { data, datatype, name, shape } of outputs) {
    at = value.writeUInt32LE(textBytes(name), at)
    at = value.writeUInt32LE(textBytes(datatype), at)
    at = value.writeUInt32LE(shape.length, at)
    at = value.writeDoubleLE(data.byteLength, at)
    at += value.write(name, at)
    at += value.write(datatype, at)
    for (const dimension of shape) at = value.writeDoubleLE(dimension, at)
    at = ByteCopy.whole(data, value, at)
  }
  return value
}

/** @category models */
export interface Decoded {
  readonly outputs: Answer
  /** Milliseconds since 1970. */
  readonly writtenAt: number
}

const isCount = (value: number, most: number): boolean => Number.isInteger(value) && value >= 0 && value <= most

/** The elements fill the data exactly, and are as many as the shape says. */
const isWhole = ({ data, datatype, shape }: Tensor): boolean => {
  const elements = shape.reduce((product, dimension) => product * dimension, 1)
  const size = byteSize(datatype)
  if (size > 0) return data.byteLength === elements * size
  let count = 0
  let at = 0
  while (at + 4 <= data.byteLength) {
    at += 4 + BytesElements.lengthAt(data, at)
    count++
  }
  return at === data.byteLength && count === elements
}

const readOutput = (value: Buffer, start: number): { readonly tensor: Tensor; readonly end: number } | undefined => {
  if (start + outputBytes > value.byteLength) return undefined
  const nameBytes = value.readUInt32LE(start)
  const typeBytes = value.readUInt32LE(start + 4)
  const rank = value.readUInt32LE(start + 8)
  const dataBytes = value.readDoubleLE(start + 12)
  const shapeAt = start + outputBytes + nameBytes + typeBytes
  const dataAt = shapeAt + 8 * rank
  if (!isCount(dataBytes, value.byteLength) || dataAt + dataBytes > value.byteLength) return undefined
  const datatype = fromName(value.toString("utf8", shapeAt - typeBytes, shapeAt))?.name
  if (datatype === undefined) return undefined
  const shape: Array<number> = []
  for (let i = 0; i < rank; i++) {
    const dimension = value.readDoubleLE(shapeAt + 8 * i)
    if (!isCount(dimension, Number.MAX_SAFE_INTEGER)) return undefined
    shape.push(dimension)
  }
  // A copy begins where any element type may, and does not keep the rest of the reply.
  const data = new Uint8Array(dataBytes)
  ByteCopy.part(value, dataAt, dataAt + dataBytes, data, 0)
  const tensor: Tensor = {
    name: value.toString("utf8", start + outputBytes, shapeAt - typeBytes),
    datatype,
    shape,
    data
  }
  return isWhole(tensor) ? { tensor, end: dataAt + dataBytes } : undefined
}

/**
 * The answer to a key. `undefined`: the value is cut, is none of this server's, or answers another key.
 *
 * @category decoding
 */
export const decode = (value: Buffer, { head, inputs, wanted }: CacheKey): Decoded | undefined => {
  if (value.byteLength < prefixBytes || value.readUInt32LE(0) !== magic) return undefined
  if (value.readDoubleLE(4) !== value.byteLength) return undefined
  const writtenAt = value.readDoubleLE(12)
  const headBytes = value.readUInt32LE(20)
  let at = prefixBytes + headBytes
  if (at > value.byteLength || value.toString("utf8", prefixBytes, at) !== head) return undefined
  for (const { data } of inputs) {
    const end = at + data.byteLength
    if (end > value.byteLength || value.compare(data, 0, data.byteLength, at, end) !== 0) return undefined
    at = end
  }
  if (at + 4 > value.byteLength) return undefined
  if (value.readUInt32LE(at) !== wanted.length) return undefined
  at += 4
  const outputs: Array<Tensor> = []
  for (const name of wanted) {
    const output = readOutput(value, at)
    if (output?.tensor.name !== name) return undefined
    outputs.push(output.tensor)
    at = output.end
  }
  return at === value.byteLength ? { outputs, writtenAt } : undefined
}
