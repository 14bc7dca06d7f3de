/** Compares two tensors value by value, as their datatype asks for: golden outputs of a version, and answers of two versions. */
import * as BytesElements from "./BytesElements.ts"
import type { Tensor } from "./Inference.ts"
import * as Tensors from "./Tensor.ts"

/**
 * How far a number may be from the expected one: `|got - expected| <= absolute + relative * |expected|`. Both are at least 0.
 * Booleans and bytes have no distance: they are equal or not.
 *
 * @category models
 */
export interface Tolerance {
  readonly absolute: number
  readonly relative: number
  /** NaN is as expected where NaN is expected. Default: `true`. */
  readonly nanEqual?: boolean
}

/** Values must be equal; NaN is equal to NaN, and 0 to -0. @category constants */
export const exact: Tolerance = { absolute: 0, relative: 0 }

/** The first place where tensors differ. The texts show values: they belong in no answer to a client. @category models */
export interface Difference {
  /** Position among all elements, row-major; -1 where the tensors cannot be compared by elements. */
  readonly index: number
  readonly expected: string
  readonly got: string
  /** What differs; `"size"`: the bytes are not those of as many elements. */
  readonly reason: "datatype" | "shape" | "size" | "value"
}

/** What a whole comparison found. @category models */
export interface Comparison {
  readonly first: Difference | undefined
  /** Elements beyond the tolerance; 0 where `first` concerns no element. */
  readonly differing: number
  /**
   * Largest distance between two numbers, also within the tolerance. Infinity where one is infinite or NaN and the other is not
   * the same; 0 for booleans and bytes, and where the tensors cannot be compared by elements.
   */
  readonly largest: number
}

/** The first difference of two tensors, or `undefined`. Their names are not compared. @category combinators */
export const compare = (expected: Tensor, got: Tensor, tolerance: Tolerance): Difference | undefined =>
  measure(expected, got, tolerance).first

/** Compares every element of two tensors. Their names are not compared. @category combinators */
export const measure = (expected: Tensor, got: Tensor, tolerance: Tolerance): Comparison => {
  if (expected.datatype !== got.datatype) return apart("datatype", expected.datatype, got.datatype)
  if (!sameShape(expected.shape, got.shape)) {
    return apart("shape", `[${expected.shape.join(",")}]`, `[${got.shape.join(",")}]`)
  }
  const { datatype } = expected
  if (datatype === "BYTES") return measureBytes(expected.data, got.data)
  if (expected.data.byteLength !== got.data.byteLength) {
    return apart("size", `${expected.data.byteLength} bytes`, `${got.data.byteLength} bytes`)
  }
  switch (datatype) {
    case "BOOL":
      return measureBooleans(expected.data, got.data)
    case "INT64":
    case "UINT64":
      return measureIntegers(Tensors.values(expected, datatype), Tensors.values(got, datatype), tolerance)
    case "BF16":
      return measureNumbers(widen(Tensors.values(expected, "BF16")), widen(Tensors.values(got, "BF16")), tolerance)
    default:
      return measureNumbers(Tensors.values(expected, datatype), Tensors.values(got, datatype), tolerance)
  }
}

const apart = (reason: Difference["reason"], expected: string, got: string): Comparison => ({
  first: { index: -1, expected, got, reason },
  differing: 0,
  largest: 0
})

const sameShape = (one: ReadonlyArray<number>, other: ReadonlyArray<number>): boolean => {
  if (one.length !== other.length) return false
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false
  return true
}

const found = (index: number, expected: string, got: string, differing: number, largest: number): Comparison => ({
  first: index === -1 ? undefined : { index, expected, got, reason: "value" },
  differing,
  largest
})

const measureNumbers = (
  expected: ArrayLike<number>,
  got: ArrayLike<number>,
  { absolute, nanEqual = true, relative }: Tolerance
): Comparison => {
  let first = -1
  let differing = 0
  let largest = 0
  for (let i = 0; i < expected.length; i++) {
    const a = expected[i]!
    const b = got[i]!
    // Also the infinities, whose distance to themselves is no number.
    if (a === b) continue
    let distance = Math.abs(a - b)
    if (distance !== distance) {
      if (nanEqual && a !== a && b !== b) continue
      distance = Infinity
    }
    if (distance > largest) largest = distance
    // An infinite limit, of an infinite value, must not let everything pass.
    if (distance === Infinity || distance > absolute + relative * Math.abs(a)) {
      if (first === -1) first = i
      differing++
    }
  }
  return found(first, String(expected[first]), String(got[first]), differing, largest)
}

/** Distances are exact before they become numbers: whole numbers of 64 bits do not fit into one. */
const measureIntegers = (
  expected: ArrayLike<bigint>,
  got: ArrayLike<bigint>,
  { absolute, relative }: Tolerance
): Comparison => {
  let first = -1
  let differing = 0
  let largest = 0
  for (let i = 0; i < expected.length; i++) {
    const a = expected[i]!
    const b = got[i]!
    if (a === b) continue
    const distance = Number(a > b ? a - b : b - a)
    if (distance > largest) largest = distance
    if (distance > absolute + relative * Math.abs(Number(a))) {
      if (first === -1) first = i
      differing++
    }
  }
  return found(first, String(expected[first]), String(got[first]), differing, largest)
}

const measureBooleans = (expected: Uint8Array, got: Uint8Array): Comparison => {
  let first = -1
  let differing = 0
  for (let i = 0; i < expected.length; i++) {
    if ((expected[i] !== 0) === (got[i] !== 0)) continue
    if (first === -1) first = i
    differing++
  }
  return found(first, String(expected[first] !== 0), String(got[first] !== 0), differing, 0)
}

const measureBytes = (expected: Uint8Array, got: Uint8Array): Comparison => {
  const count = BytesElements.count(expected)
  const others = BytesElements.count(got)
  if (count !== others) return apart("size", `${count} elements`, `${others} elements`)
  let first = -1
  let differing = 0
  let ofFirst: readonly [number, number] = [0, 0]
  for (let i = 0, a = 0, b = 0; i < count; i++) {
    if (!sameElement(expected, a, got, b)) {
      if (first === -1) {
        first = i
        ofFirst = [a, b]
      }
      differing++
    }
    a = BytesElements.skip(expected, a, 1)
    b = BytesElements.skip(got, b, 1)
  }
  if (first === -1) return found(-1, "", "", 0, 0)
  return found(first, showElement(expected, ofFirst[0]), showElement(got, ofFirst[1]), differing, 0)
}

const sameElement = (one: Uint8Array, at: number, other: Uint8Array, from: number): boolean => {
  const length = BytesElements.lengthAt(one, at)
  if (length !== BytesElements.lengthAt(other, from)) return false
  for (let i = 4; i < 4 + length; i++) if (one[at + i] !== other[from + i]) return false
  return true
}

/** Bytes of an element that are shown. */
const shown = 64

const decoder = new TextDecoder()

const showElement = (data: Uint8Array, at: number): string => {
  const length = BytesElements.lengthAt(data, at)
  // Decoders refuse shared memory: they get a copy.
  const text = JSON.stringify(decoder.decode(new Uint8Array(data.subarray(at + 4, at + 4 + Math.min(length, shown)))))
  return length > shown ? `${text} and ${length - shown} more bytes` : text
}

/** The values of BF16, whose bits are the upper half of an FP32's. */
const widen = (bits: Uint16Array): Float32Array => {
  const wide = new Uint32Array(bits.length)
  for (let i = 0; i < bits.length; i++) wide[i] = bits[i]! << 16
  return new Float32Array(wide.buffer)
}
