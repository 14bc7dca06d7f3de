/** Puts values and their shape together. */
import type { DataType } from "../schema/DataType.ts"
import { InferenceServerError } from "./InferenceServerError.ts"
import * as Elements from "./internal/Elements.ts"
import type { AnyValues, DatatypeOf, InputValues, SelfDescribing } from "./Values.ts"

/** Values with datatype and shape. @category models */
export interface Tensor<
  D extends DataType,
  Shape extends ReadonlyArray<number> = ReadonlyArray<number>,
  Data = InputValues[D]
> {
  readonly datatype: D
  readonly shape: Shape
  readonly data: Data
}

/** As many numbers as a list of dimensions has. */
type Rank<Shape extends ReadonlyArray<number>> = { readonly [Dimension in keyof Shape]: number }

/** Values in arrays of arrays, as deep as the tensor has dimensions. @category models */
export type Nested<Element> = ReadonlyArray<Element | Nested<Element>>

/** The shape of nested arrays. */
type NestedRank<Values> = Values extends ReadonlyArray<infer Element>
  ? readonly [number, ...(Element extends ReadonlyArray<unknown> ? NestedRank<Element> : [])]
  : readonly []

/** What nested arrays of a datatype hold. */
type ElementOf<D extends DataType> = Extract<InputValues[D], ReadonlyArray<unknown>>[number]

/**
 * A tensor of values whose class says their datatype. Without a shape it has one dimension.
 *
 *     tensor(new Float32Array(6), [2, 3])
 *     tensor(["a", "b"])
 *
 * @category constructors
 */
export function tensor<const Values extends SelfDescribing>(
  values: Values
): Tensor<DatatypeOf<Values>, readonly [number], Values>
export function tensor<const Values extends SelfDescribing, const Shape extends ReadonlyArray<number>>(
  values: Values,
  shape: Shape
): Tensor<DatatypeOf<Values>, Rank<Shape>, Values>
/**
 * A tensor of a datatype: values with a shape, or nested arrays, which have their shape in themselves.
 *
 *     tensor("BF16", bits, [2, 3])
 *     tensor("FP32", [[1, 2, 3], [4, 5, 6]])
 *
 * @category constructors
 */
export function tensor<D extends DataType, const Shape extends ReadonlyArray<number>>(
  datatype: D,
  values: InputValues[D],
  shape: Shape
): Tensor<D, Rank<Shape>>
export function tensor<D extends DataType, const Values extends Nested<ElementOf<D>>>(
  datatype: D,
  values: Values
): Tensor<D, NestedRank<Values>>
export function tensor(
  first: DataType | SelfDescribing,
  second?: unknown,
  third?: ReadonlyArray<number>
): Tensor<DataType> {
  if (typeof first === "string") {
    if (third !== undefined) return { datatype: first, shape: third, data: second as AnyValues } as Tensor<DataType>
    const flat: Array<unknown> = []
    const shape = Array.isArray(second) ? flatten(second, flat) : [Elements.countOf(second as Elements.NumberArray)]
    return { datatype: first, shape, data: Array.isArray(second) ? flat : second } as Tensor<DataType>
  }
  const datatype = Elements.datatypeOf(first)
  if (datatype === undefined) {
    throw wrong("the class of the values does not say their datatype; give it: tensor(\"FP32\", values, shape)")
  }
  const shape = (second as ReadonlyArray<number> | undefined) ?? [Elements.countOf(first as Elements.NumberArray)]
  return { datatype, shape, data: first } as Tensor<DataType>
}

const wrong = (message: string) => new InferenceServerError(message, { code: "INVALID_ARG", request: "tensor" })

/** Appends the elements to a flat list; gives the shape, which must be the same in every branch. */
const flatten = (values: ReadonlyArray<unknown>, into: Array<unknown>): ReadonlyArray<number> => {
  let inner: ReadonlyArray<number> | undefined
  for (const value of values) {
    let shape: ReadonlyArray<number> = []
    if (Array.isArray(value)) shape = flatten(value, into)
    else into.push(value)
    inner ??= shape
    if (inner.length !== shape.length || inner.some((dimension, i) => dimension !== shape[i])) {
      throw wrong(`nested arrays differ in shape: [${inner.join(",")}] and [${shape.join(",")}]`)
    }
  }
  return [values.length, ...(inner ?? [])]
}
