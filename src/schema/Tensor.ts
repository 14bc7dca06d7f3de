/** Tensors out of typed arrays and lists, and typed arrays out of tensors. */
import * as BytesElements from "./BytesElements.ts"
import type { DataType } from "./DataType.ts"
import type { Tensor } from "./Inference.ts"

export type { Tensor } from "./Inference.ts"

/** `Float16Array` where the compiler's library knows it; not every one does yet. */
type HalfArray = typeof globalThis extends { readonly Float16Array: { readonly prototype: infer A } } ? A : never

/** The array that holds the values of each datatype. BF16 has none in JavaScript: its values are read as bits. @category models */
export interface ValuesByDataType {
  readonly BOOL: Uint8Array
  readonly UINT8: Uint8Array
  readonly UINT16: Uint16Array
  readonly UINT32: Uint32Array
  readonly UINT64: BigUint64Array
  readonly INT8: Int8Array
  readonly INT16: Int16Array
  readonly INT32: Int32Array
  readonly INT64: BigInt64Array
  readonly FP16: HalfArray
  readonly FP32: Float32Array
  readonly FP64: Float64Array
  readonly BF16: Uint16Array
  readonly BYTES: ReadonlyArray<string>
}

/** Arrays whose kind says which datatype they hold. @category models */
export type TypedArray =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | HalfArray
  | Float32Array
  | Float64Array

const datatypes: Readonly<Record<TypedArray[typeof Symbol.toStringTag], DataType>> = {
  Uint8Array: "UINT8",
  Uint16Array: "UINT16",
  Uint32Array: "UINT32",
  BigUint64Array: "UINT64",
  Int8Array: "INT8",
  Int16Array: "INT16",
  Int32Array: "INT32",
  BigInt64Array: "INT64",
  Float16Array: "FP16",
  Float32Array: "FP32",
  Float64Array: "FP64"
}

const notTyped = (name: string, values: unknown): TypeError => {
  const kind = Object.prototype.toString.call(values).slice(8, -1)
  const got = values === undefined || values === null
    ? String(values)
    : Array.isArray(values)
    ? "an array"
    : typeof values === "object"
    ? `an object of kind ${kind}`
    : `a ${typeof values}`
  return new TypeError(
    `tensor '${name}': expected a typed array, got ${got}: Tensor.fromBooleans for BOOL, Tensor.fromStrings for STRING, ` +
      "Tensor.fromBytes for the bytes of any datatype"
  )
}

/**
 * A tensor over the memory of a typed array, whose kind says the datatype: `Float32Array` is FP32, `BigInt64Array` is INT64.
 * The array is lent, not copied.
 *
 * Throws a `TypeError` for what is no typed array, which is a mistake of the caller.
 *
 * @category constructors
 */
export const from = (name: string, shape: ReadonlyArray<number>, values: TypedArray): Tensor => {
  const datatype: DataType | undefined = ArrayBuffer.isView(values) ? datatypes[values[Symbol.toStringTag]] : undefined
  if (datatype === undefined) throw notTyped(name, values)
  return { name, datatype, shape, data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) }
}

/** A BOOL tensor. @category constructors */
export const fromBooleans = (name: string, shape: ReadonlyArray<number>, values: ReadonlyArray<boolean>): Tensor => ({
  name,
  datatype: "BOOL",
  shape,
  data: Uint8Array.from(values, Number)
})

/** A BYTES tensor: texts as UTF-8, bytes as they are. @category constructors */
export const fromStrings = (
  name: string,
  shape: ReadonlyArray<number>,
  values: ReadonlyArray<string | Uint8Array>
): Tensor => ({ name, datatype: "BYTES", shape, data: BytesElements.encode(values) })

/** A tensor of any datatype over bytes in its binary form, which are lent. @category constructors */
export const fromBytes = (
  name: string,
  datatype: DataType,
  shape: ReadonlyArray<number>,
  data: Uint8Array
): Tensor => ({ name, datatype, shape, data })

const readers: { readonly [D in DataType]: (data: Uint8Array) => ValuesByDataType[D] } = {
  BOOL: (data) => data,
  UINT8: (data) => data,
  UINT16: (data) => new Uint16Array(...aligned(data, 2)),
  UINT32: (data) => new Uint32Array(...aligned(data, 4)),
  UINT64: (data) => new BigUint64Array(...aligned(data, 8)),
  INT8: (data) => new Int8Array(...aligned(data, 1)),
  INT16: (data) => new Int16Array(...aligned(data, 2)),
  INT32: (data) => new Int32Array(...aligned(data, 4)),
  INT64: (data) => new BigInt64Array(...aligned(data, 8)),
  FP16: (data) => new Float16Array(...aligned(data, 2)),
  FP32: (data) => new Float32Array(...aligned(data, 4)),
  FP64: (data) => new Float64Array(...aligned(data, 8)),
  BF16: (data) => new Uint16Array(...aligned(data, 2)),
  BYTES: BytesElements.texts
}

/** Memory, position and length of elements of a size; moved to memory of their own where they lie across its boundaries. */
const aligned = (data: Uint8Array, size: number): [ArrayBufferLike, number, number] =>
  data.byteOffset % size === 0
    ? [data.buffer, data.byteOffset, data.byteLength / size]
    : [new Uint8Array(data).buffer, 0, data.byteLength / size]

/**
 * The values of a tensor that is known to have this datatype, row-major. They lie in the tensor's own memory where its alignment
 * allows it, so they are good until that is released: copy what is kept longer. BOOL is 0 and 1; BYTES must be UTF-8.
 *
 * Throws a `TypeError` for another datatype and where there is no tensor, which are mistakes of the caller.
 *
 * @category getters
 */
export const values = <D extends DataType>(tensor: Tensor, datatype: D): ValuesByDataType[D] => {
  // A tensor that was looked up by a name: what the compiler would say, the modules of custom models run without.
  const given: Tensor | undefined = tensor
  if (given === undefined) {
    throw new TypeError(
      `expected a tensor of ${datatype}, got undefined: there is none of that name; is it written right?`
    )
  }
  if (tensor.datatype !== datatype) {
    throw new TypeError(`tensor '${tensor.name}' is ${tensor.datatype}, not ${datatype}`)
  }
  return readers[datatype](tensor.data)
}
