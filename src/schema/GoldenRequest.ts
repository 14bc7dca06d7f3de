/**
 * Golden requests: what a version must answer to before it takes any traffic. Files `golden/‹name›.json` beside its model file.
 *
 * Request and response are bodies of KServe V2, so that those of a real request can be taken as they are.
 */
import { Schema } from "effect"
import { table } from "./DataType.ts"

/**
 * How far a number of an answer may be from the expected one: `absolute`, plus `relative` times the size of what is expected.
 * Only floating-point outputs have one; everything else must be equal.
 *
 * @category schemas
 */
export const Tolerance = Schema.Struct({
  /** Default: 0.00001. */
  absolute: Schema.optionalKey(Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))),
  /** Default: 0.0001. */
  relative: Schema.optionalKey(Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))),
  /** NaN is answered where NaN is expected. Default: `true`; `false`: no answer is right there. */
  nan_equal: Schema.optionalKey(Schema.Boolean)
})
/** @category models */
export type Tolerance = typeof Tolerance.Type

const tensor = {
  name: Schema.NonEmptyString,
  datatype: Schema.Literals(table.map(({ name }) => name)),
  shape: Schema.Array(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))),
  /** Elements, row-major, flat or nested. */
  data: Schema.optionalKey(Schema.Array(Schema.Unknown)),
  /** In the place of `data`: a file in the same folder, `.npy` or the tensor's bytes as they travel. */
  data_file: Schema.optionalKey(Schema.NonEmptyString)
}

const parameters = Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown))

/** A tensor with its elements, or with the file that has them. @category schemas */
export const GoldenTensor = Schema.Struct({ ...tensor, parameters })
/** @category models */
export type GoldenTensor = typeof GoldenTensor.Type

/** An output that is expected, with a tolerance of its own. @category schemas */
export const GoldenOutput = Schema.Struct({ ...tensor, parameters, tolerance: Schema.optionalKey(Tolerance) })
/** @category models */
export type GoldenOutput = typeof GoldenOutput.Type

/**
 * A golden file. Outputs that are not listed are not looked at; `id`, `parameters` and what a response says of the model do not
 * matter.
 *
 * @category schemas
 */
export const GoldenRequest = Schema.Struct({
  request: Schema.Struct({
    id: Schema.optionalKey(Schema.String),
    parameters,
    inputs: Schema.NonEmptyArray(GoldenTensor)
  }),
  response: Schema.Struct({
    id: Schema.optionalKey(Schema.String),
    model_name: Schema.optionalKey(Schema.String),
    model_version: Schema.optionalKey(Schema.String),
    parameters,
    outputs: Schema.NonEmptyArray(GoldenOutput)
  }),
  /** Of all outputs without one of their own. */
  tolerance: Schema.optionalKey(Tolerance)
})
/** @category models */
export type GoldenRequest = typeof GoldenRequest.Type

/** What a file leaves out. @category constants */
export const defaultTolerance: Required<Tolerance> = { absolute: 0.00001, relative: 0.0001, nan_equal: true }
