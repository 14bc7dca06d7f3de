/** Elements of tensors as typed arrays, and as the bytes that travel: row-major, little-endian. Source: protocol §1.3. */
import { byteSize, type DataType } from "../../schema/DataType.ts"
import * as StringElements from "./StringElements.ts"

/** What a typed array is, seen from any realm. @internal */
export interface NumberArray {
  readonly buffer: ArrayBufferLike
  readonly byteOffset: number
  readonly byteLength: number
  readonly length: number
}

/** The bytes of a tensor; `ArrayBuffer`, so that they can be sent. @internal */
export type Bytes = Uint8Array<ArrayBuffer>

interface Row {
  /** Names of the classes whose bytes are those of the datatype; the first is the class of outputs. */
  readonly classes: ReadonlyArray<string>
  readonly range?: readonly [bigint, bigint]
}

const signed = (bits: bigint): readonly [bigint, bigint] => [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n]
const unsigned = (bits: bigint): readonly [bigint, bigint] => [0n, (1n << bits) - 1n]

const rows: Readonly<Record<DataType, Row>> = {
  BOOL: { classes: ["Uint8Array"] },
  UINT8: { classes: ["Uint8Array", "Uint8ClampedArray"], range: unsigned(8n) },
  UINT16: { classes: ["Uint16Array"], range: unsigned(16n) },
  UINT32: { classes: ["Uint32Array"], range: unsigned(32n) },
  UINT64: { classes: ["BigUint64Array"], range: unsigned(64n) },
  INT8: { classes: ["Int8Array"], range: signed(8n) },
  INT16: { classes: ["Int16Array"], range: signed(16n) },
  INT32: { classes: ["Int32Array"], range: signed(32n) },
  INT64: { classes: ["BigInt64Array"], range: signed(64n) },
  FP16: { classes: ["Float16Array", "Uint16Array"] },
  FP32: { classes: ["Float32Array"] },
  FP64: { classes: ["Float64Array"] },
  BYTES: { classes: [] },
  BF16: { classes: ["Uint16Array"] }
}

/** Whether a wire name is one of a datatype. @internal */
export const isDatatype = (name: unknown): name is DataType => typeof name === "string" && Object.hasOwn(rows, name)

/** Names of all datatypes. @internal */
export const datatypes = Object.keys(rows) as ReadonlyArray<DataType>

/** Name of the class of a value: `Float32Array`, `Array`, `string`. @internal */
export const className = (value: unknown): string => {
  if (value === null || typeof value !== "object") return value === null ? "null" : typeof value
  return Array.isArray(value) ? "Array" : Object.prototype.toString.call(value).slice(8, -1)
}

const isNumberArray = (value: unknown): value is NumberArray =>
  ArrayBuffer.isView(value) && !(value instanceof DataView)

/** The datatype that the class of the values stands for. @internal */
export const datatypeOf = (values: unknown): DataType | undefined => {
  if (Array.isArray(values)) {
    const first: unknown = values[0]
    if (typeof first === "boolean") return "BOOL"
    return typeof first === "string" || className(first) === "Uint8Array" ? "BYTES" : undefined
  }
  const name = className(values)
  return name === "Uint8Array" ? "UINT8" : datatypes.find((datatype) => rows[datatype].classes.includes(name))
}

/** How many elements the values are. @internal */
export const countOf = (values: NumberArray | ReadonlyArray<unknown>): number => values.length

const classOf = (datatype: DataType): string => {
  const [first, second] = rows[datatype].classes
  return first === "Float16Array" && !("Float16Array" in globalThis) ? second! : first!
}

const withArticle = (name: string): string => `${/^[AI]/.test(name) ? "an" : "a"} ${name}`

const wanted = (datatype: DataType): string =>
  datatype === "BYTES"
    ? "an array of strings or Uint8Arrays"
    : datatype === "BOOL"
    ? "an array of booleans, or a Uint8Array of 0 and 1"
    : datatype === "BF16"
    ? "a Uint16Array with the bits"
    : withArticle(classOf(datatype))

/**
 * The bytes of values; views on them where they are a typed array. `fail` gets what is wrong as the end of a sentence.
 *
 * @internal
 */
export const encode = (datatype: DataType, values: unknown, fail: (problem: string) => Error): Uint8Array => {
  if (isNumberArray(values)) {
    if (rows[datatype].classes.includes(className(values))) {
      return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    }
    throw fail(`is ${datatype} but its data is ${withArticle(className(values))}; give ${wanted(datatype)}`)
  }
  if (!Array.isArray(values)) {
    throw fail(`is ${datatype} but its data is of type ${className(values)}; give ${wanted(datatype)}`)
  }
  if (datatype === "BYTES") return StringElements.encode(values, fail)
  if (datatype === "BOOL") return encodeBooleans(values, fail)
  if (datatype === "BF16") throw fail(`is BF16 but its data is an Array; give ${wanted(datatype)}`)
  return encodeNumbers(datatype, values, fail)
}

const encodeBooleans = (values: ReadonlyArray<unknown>, fail: (problem: string) => Error): Uint8Array => {
  const bytes = new Uint8Array(values.length)
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (typeof value !== "boolean") throw fail(`is BOOL but element ${i} is of type ${className(value)}`)
    bytes[i] = value ? 1 : 0
  }
  return bytes
}

const encodeNumbers = (
  datatype: DataType,
  values: ReadonlyArray<unknown>,
  fail: (problem: string) => Error
): Uint8Array => {
  const { range } = rows[datatype]
  const wide = datatype === "INT64" || datatype === "UINT64"
  if (classOf(datatype) === "Uint16Array" && datatype === "FP16") {
    throw fail("is FP16 and this runtime has no Float16Array; give a Uint16Array with the bits")
  }
  const array = construct(datatype, new ArrayBuffer(values.length * byteSize(datatype)))
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (typeof value !== "number" && !(wide && typeof value === "bigint")) {
      throw fail(`is ${datatype} but element ${i} is of type ${className(value)}`)
    }
    if (range !== undefined) {
      if (typeof value === "number" && !Number.isSafeInteger(value)) {
        throw fail(`is ${datatype} but element ${i} is ${value}, which is no exact integer`)
      }
      if (value < range[0] || value > range[1]) {
        throw fail(`is ${datatype} but element ${i} is ${value}; the values go from ${range[0]} to ${range[1]}`)
      }
    }
    array[i] = wide ? BigInt(value) : value
  }
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}

interface MutableNumbers extends NumberArray {
  [index: number]: number | bigint
}

type NumbersClass = new(buffer: ArrayBuffer, offset?: number, length?: number) => MutableNumbers

/** Looked up by name: not every browser has all of them. */
const construct = (datatype: DataType, ...from: ConstructorParameters<NumbersClass>): MutableNumbers => {
  const numbers: NumbersClass = Reflect.get(globalThis, classOf(datatype))
  return new numbers(...from)
}

/**
 * The elements of a tensor that came, `count` of them: a view on the bytes where they are aligned, else on a copy.
 *
 * @internal
 */
export const decode = (
  datatype: DataType,
  bytes: Bytes,
  count: number,
  strings: boolean,
  fail: (problem: string) => Error
): unknown => {
  if (datatype === "BYTES") return StringElements.decode(bytes, count, strings, fail)
  const size = byteSize(datatype)
  if (bytes.byteLength !== count * size) {
    throw fail(`has ${bytes.byteLength} bytes where its shape needs ${count * size}`)
  }
  if (datatype === "BOOL") return Array.from(bytes, (byte) => byte !== 0)
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes)
  return construct(datatype, aligned.buffer, aligned.byteOffset, count)
}
