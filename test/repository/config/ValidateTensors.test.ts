import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { validateIo } from "../../../src/layers/repository/internal/config/ValidateTensors.ts"
import { fault, good, parse } from "./Stages.ts"

const check = (
  text: string,
  declaresZero?: (tensor: { readonly kind: "input" | "output"; readonly name: string }) => boolean
): string | undefined => {
  const result = validateIo(parse(`name: "m" ${text}`), declaresZero === undefined ? {} : { declaresZero })
  return Result.isFailure(result) ? result.failure.message : undefined
}
const input = (fields: string, before = "max_batch_size: 8") =>
  `${before} input { name: "x" data_type: TYPE_FP32 ${fields} }`
const output = (fields: string) => `output { name: "x" data_type: TYPE_FP32 ${fields} }`

const dimension = "dimension must be integer >= 1, or -1 to indicate a variable-size dimension"
const dimensions = "reshape dimensions must be integer >= 1, or -1 to indicate a variable-size dimension"
const size = "has different size for dims and reshape"

const cases: ReadonlyArray<readonly [text: string, expected: string | undefined]> = [
  ["input { data_type: TYPE_FP32 dims: 1 }", "model input must specify 'name'"],
  ["output { data_type: TYPE_FP32 dims: 1 }", "model output must specify 'name'"],
  ["input { name: \"x\" dims: 1 }", "model input 'x' must specify 'data_type'"],
  ["output { name: \"x\" dims: 1 }", "model output 'x' must specify 'data_type'"],
  ["input { name: \"x\" data_type: 99 dims: 1 }", "model input 'x' has unknown 'data_type' 99"],
  [input(""), "model input 'x' must specify 'dims'"],
  [input("dims: [ ]"), "model input 'x' must specify 'dims'"],
  [output(""), "model output 'x' must specify 'dims'"],
  [
    input("dims: 1 reshape { }", ""),
    "model input 'x' cannot have empty reshape for non-batching model as scalar tensors are not supported"
  ],
  [input("dims: 1 reshape { }"), undefined],
  [input("dims: 2 reshape { }"), `model input 'x' ${size}`],
  [input("dims: -1 reshape { }"), `model input 'x' ${size}`],
  [input("dims: 0"), `model input 'x' ${dimension}`],
  [input("dims: [ 1, -2 ]"), `model input 'x' ${dimension}`],
  [output("dims: 0"), `model output 'x' ${dimension}`],
  [input("dims: 4 reshape { shape: [ -4, -1 ] }"), `model input 'x' ${dimensions}`],
  [input("dims: 4 reshape { shape: 0 }"), `model input 'x' ${dimensions}`],
  [
    input("dims: [ 4294967296, 4294967296 ]"),
    "element count for tensor 'x dims' exceeds maximum size of 9223372036854775807"
  ],
  [
    input("dims: 4 reshape { shape: [ 4294967296, 4294967296 ] }"),
    "element count for tensor 'x reshape' exceeds maximum size of 9223372036854775807"
  ],
  [input("dims: [ 4, 2 ] reshape { shape: 8 }"), undefined],
  [input("dims: [ 2, 4, -1, 6 ] reshape { shape: [ 8, -1, 1, 6 ] }"), undefined],
  [input("dims: [ -1, 4 ] reshape { shape: [ 4, -1 ] }"), `model input 'x' ${size}`],
  [input("dims: [ 2, -1 ] reshape { shape: [ 2, 2 ] }"), `model input 'x' ${size}`],
  [
    input("dims: [ 2, -1 ] reshape { shape: [ 2, -1, -1 ] }"),
    "model input 'x' has different number of variable-size dimensions for dims and reshape"
  ],
  [input("dims: [ 3, 2 ] format: FORMAT_NHWC"), "model input NHWC/NCHW require 3 dims"],
  [input("dims: [ 3, 2, 2 ] format: FORMAT_NCHW"), undefined],
  [input("dims: [ 3, 2, 2 ] format: 9"), "model input 'x' has unknown 'format' 9"],
  [
    `${input("dims: 1")} batch_output { kind: 9 source_input: "x" }`,
    "unknown batch output kind '9'"
  ],
  [`${input("dims: 1")} ${input("dims: 2", "")}`, "model input 'x' is specified more than once"],
  [`${output("dims: 1")} ${output("dims: 1")}`, "model output 'x' is specified more than once"],
  [`${input("dims: 1")} ${output("dims: 1")}`, undefined],
  [input("dims: 1 is_shape_tensor: true"), "shape tensors are only supported for TensorRT platform"],
  [output("dims: 1 is_shape_tensor: true"), "shape tensors are only supported for TensorRT platform"],
  [
    input("dims: 1 is_non_linear_format_io: true"),
    "Non-linear IO format is only supported for the TensorRT platform"
  ],
  [input("dims: 1 is_shape_tensor: true", "platform: \"tensorrt_plan\""), undefined],
  [
    `${input("dims: 1")} batch_input { kind: 9 source_input: "x" data_type: TYPE_FP32 }`,
    "unknown batch input kind '9'"
  ],
  [
    `${input("dims: 1")} batch_input { kind: BATCH_ITEM_SHAPE source_input: "x" data_type: TYPE_INT64 }`,
    "batch input data type must be TYPE_INT32 or TYPE_FP32"
  ],
  [`${input("dims: 1")} batch_input { source_input: "x" data_type: TYPE_INT32 }`, undefined]
]

describe("validateIo", () => {
  for (const [text, expected] of cases) {
    it(`${expected === undefined ? "accepts" : "refuses"} ${text}`, () => {
      assert.strictEqual(check(text), expected === undefined ? undefined : `${expected} for m`)
    })
  }

  it("reports inputs before outputs before batch inputs", () => {
    assert.strictEqual(
      check("output { } input { name: \"x\" } batch_input { }"),
      "model input 'x' must specify 'data_type' for m"
    )
  })

  it("accepts a dimension of 0 where the model itself declares one", () => {
    const text = `${input("dims: [ 0, 3 ]")} ${output("dims: 0 reshape { shape: [ 0, 5 ] }")}`
    assert.isUndefined(check(text, () => true))
    assert.strictEqual(check(text, ({ kind }) => kind === "input"), `model output 'x' ${dimension} for m`)
    assert.strictEqual(check(input("dims: -2"), () => true), `model input 'x' ${dimension} for m`)
    assert.strictEqual(check(input("dims: 0 reshape { }"), () => true), `model input 'x' ${size} for m`)
  })

  it("accepts a good config", () => {
    assert.isUndefined(fault(good))
  })
})
