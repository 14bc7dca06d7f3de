/** Compares an output with what is expected of it. */
import * as BytesElements from "../../../../schema/BytesElements.ts"
import { byteSize, type DataType } from "../../../../schema/DataType.ts"
import type { Tolerance } from "../../../../schema/GoldenRequest.ts"
import type { Tensor } from "../../../../schema/Inference.ts"
import { elementCount } from "../../../../schema/Shape.ts"
import * as Tensors from "../../../../schema/Tensor.ts"
import * as Elements from "./Elements.ts"

/** Elements that are not as expected. @category models */
export interface Difference {
  /** The first of them, counted row-major. */
  readonly index: number
  readonly expected: string
  readonly got: string
  /** How many there are, of how many. */
  readonly count: number
  readonly total: number
}

const near = (expected: number, got: number, { absolute, nan_equal, relative }: Required<Tolerance>): boolean => {
  if (expected === got) return true
  if (Number.isNaN(expected) && Number.isNaN(got)) return nan_equal
  // An infinite number is near to itself only; NaN is near to nothing, as comparisons with it are false.
  return Number.isFinite(expected) && Math.abs(got - expected) <= absolute + relative * Math.abs(expected)
}

function* wrongFloats(expected: Tensor, got: Tensor, tolerance: Required<Tolerance>): Generator<number> {
  const { datatype } = expected as { readonly datatype: "FP16" | "FP32" | "FP64" }
  const a = Tensors.values(expected, datatype)
  const b = Tensors.values(got, datatype)
  for (let i = 0; i < a.length; i++) {
    if (!near(a[i]!, b[i]!, tolerance)) yield i
  }
}

const equal = (a: Uint8Array, aStart: number, b: Uint8Array, bStart: number, length: number): boolean => {
  for (let i = 0; i < length; i++) {
    if (a[aStart + i] !== b[bStart + i]) return false
  }
  return true
}

function* wrongFixed({ data: a, datatype }: Tensor, { data: b }: Tensor): Generator<number> {
  const size = byteSize(datatype)
  for (let at = 0; at < a.byteLength; at += size) {
    if (!equal(a, at, b, at, size)) yield at / size
  }
}

function* wrongStrings({ data: a }: Tensor, { data: b }: Tensor): Generator<number> {
  let i = 0
  for (let atA = 0, atB = 0; atA < a.byteLength; i++) {
    const length = BytesElements.lengthAt(a, atA)
    const other = BytesElements.lengthAt(b, atB)
    if (length !== other || !equal(a, atA + 4, b, atB + 4, length)) yield i
    atA += 4 + length
    atB += 4 + other
  }
}

/**
 * What is different; `undefined`: nothing. Both tensors have the same datatype and the same number of elements.
 *
 * @category getters
 */
export const compare = (
  expected: Tensor,
  got: Tensor,
  tolerance: Required<Tolerance>
): Difference | undefined => {
  const wrong = Elements.isFloat(expected.datatype)
    ? wrongFloats(expected, got, tolerance)
    : expected.datatype === "BYTES"
    ? wrongStrings(expected, got)
    : wrongFixed(expected, got)
  let index = -1
  let count = 0
  for (const found of wrong) {
    if (count === 0) index = found
    count++
  }
  if (count === 0) return undefined
  return {
    index,
    expected: Elements.show(expected, index),
    got: Elements.show(got, index),
    count,
    total: elementCount(expected.shape)
  }
}

/** What was allowed, as a part of a sentence. @category formatting */
export const describe = (datatype: DataType, { absolute, nan_equal, relative }: Required<Tolerance>): string =>
  Elements.isFloat(datatype)
    ? `tolerance ${absolute} and ${relative} of the expected value${nan_equal ? "" : ", NaN equals nothing"}`
    : `${datatype} must be equal`
