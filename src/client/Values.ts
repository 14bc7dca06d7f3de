/** What the elements of a tensor are in TypeScript, datatype by datatype. */
import type { DataType } from "../schema/DataType.ts"

/**
 * Elements of FP16: a `Float16Array` where the runtime has that class (Node 24, browsers of 2025), otherwise a `Uint16Array` with
 * the bits.
 *
 * @category models
 */
export type Half = typeof globalThis extends { readonly Float16Array: new(length: number) => infer A } ? A : Uint16Array

type Integers = ReadonlyArray<number>
type Floats = ReadonlyArray<number>
type BigIntegers = ReadonlyArray<bigint | number>

/**
 * What an input of each datatype takes, in row-major order. Typed arrays are sent as they are; plain arrays are converted, and
 * a value that does not fit is refused. `Uint16Array` for FP16 and BF16 holds the bits.
 *
 * @category models
 */
export interface InputValues {
  readonly BOOL: ReadonlyArray<boolean> | Uint8Array
  readonly UINT8: Uint8Array | Uint8ClampedArray | Integers
  readonly UINT16: Uint16Array | Integers
  readonly UINT32: Uint32Array | Integers
  readonly UINT64: BigUint64Array | BigIntegers
  readonly INT8: Int8Array | Integers
  readonly INT16: Int16Array | Integers
  readonly INT32: Int32Array | Integers
  readonly INT64: BigInt64Array | BigIntegers
  readonly FP16: Half | Uint16Array | Floats
  readonly FP32: Float32Array | Floats
  readonly FP64: Float64Array | Floats
  readonly BYTES: ReadonlyArray<string | Uint8Array>
  readonly BF16: Uint16Array
}

/** How the elements of BYTES outputs are given: decoded as UTF-8, or as they are. @category models */
export type BytesAs = "string" | "Uint8Array"

interface BytesValues {
  readonly string: ReadonlyArray<string>
  readonly Uint8Array: ReadonlyArray<Uint8Array>
}

/** What an output of each datatype holds. @category models */
export interface OutputValues<B extends BytesAs = "string"> {
  readonly BOOL: ReadonlyArray<boolean>
  readonly UINT8: Uint8Array
  readonly UINT16: Uint16Array
  readonly UINT32: Uint32Array
  readonly UINT64: BigUint64Array
  readonly INT8: Int8Array
  readonly INT16: Int16Array
  readonly INT32: Int32Array
  readonly INT64: BigInt64Array
  readonly FP16: Half
  readonly FP32: Float32Array
  readonly FP64: Float64Array
  readonly BYTES: BytesValues[B]
  readonly BF16: Uint16Array
}

/** The datatype that the class of the values stands for; `never` for plain arrays of numbers, which may be several. @category models */
export type DatatypeOf<Values> = Values extends Float32Array ? "FP32"
  : Values extends Float64Array ? "FP64"
  : Values extends Int8Array ? "INT8"
  : Values extends Uint8Array | Uint8ClampedArray ? "UINT8"
  : Values extends Int16Array ? "INT16"
  : Values extends Uint16Array ? "UINT16"
  : Values extends Int32Array ? "INT32"
  : Values extends Uint32Array ? "UINT32"
  : Values extends BigInt64Array ? "INT64"
  : Values extends BigUint64Array ? "UINT64"
  : Values extends Half ? "FP16"
  : Values extends ReadonlyArray<boolean> ? "BOOL"
  : Values extends ReadonlyArray<string | Uint8Array> ? "BYTES"
  : never

/** Values whose class says their datatype. @category models */
export type SelfDescribing =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Half
  | ReadonlyArray<boolean>
  | ReadonlyArray<string | Uint8Array>

/** Any values that some input takes. @category models */
export type AnyValues = InputValues[DataType]
