import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { validateIo } from "../../../src/layers/repository/internal/config/ValidateTensors.ts"
import { parse } from "./Stages.ts"

const check = (text: string): string | undefined => {
  const result = validateIo(parse(`name: "m" ${text}`))
  return Result.isFailure(result) ? result.failure.message : undefined
}

const tensors = (fields = "dims: [ 2, -1 ]") => `
  input { name: "x" data_type: TYPE_FP32 ${fields} }
  input { name: "z" data_type: TYPE_FP32 dims: 1 }
  output { name: "y" data_type: TYPE_FP32 dims: [ 2, -1 ] }`
const batching = `max_batch_size: 8 ${tensors()}`
const parameter = (key: string, value: string) => `parameters { key: "${key}" value { string_value: "${value}" } }`
const batchDim = (tensor: string, value: string) => parameter(`galatea.batch_dim.${tensor}`, value)
const shared = (tensor: string, value = "true") => parameter(`galatea.shared.${tensor}`, value)

const cases: ReadonlyArray<readonly [text: string, expected: string | undefined]> = [
  [`${batching} ${batchDim("x", "0")} ${batchDim("y", "2")}`, undefined],
  [`${batching} ${shared("x")} ${shared("y", "ON")} ${shared("z", "0")}`, undefined],
  [
    `${batching} ${batchDim("x", "3")}`,
    "parameter 'galatea.batch_dim.x' must be the number of a dimension from 0 to 2, got '3'"
  ],
  [
    `${batching} ${batchDim("y", "-1")}`,
    "parameter 'galatea.batch_dim.y' must be the number of a dimension from 0 to 2, got '-1'"
  ],
  [
    `${batching} ${batchDim("x", "")}`,
    "parameter 'galatea.batch_dim.x' must be the number of a dimension from 0 to 2, got ''"
  ],
  [`${batching} ${batchDim("w", "1")}`, "parameter 'galatea.batch_dim.w' names no input or output"],
  [`${batching} ${shared("w")}`, "parameter 'galatea.shared.w' names no input or output"],
  [`${batching} ${shared("x", "yes")}`, "parameter 'galatea.shared.x' must be true or false, got 'yes'"],
  [`${tensors()} ${batchDim("x", "1")}`, "parameter 'galatea.batch_dim.x' needs a 'max_batch_size' of at least 1"],
  [`${tensors()} ${shared("x")}`, "parameter 'galatea.shared.x' needs a 'max_batch_size' of at least 1"],
  [
    `${batching} ${shared("x")} ${batchDim("x", "1")}`,
    "parameter 'galatea.batch_dim.x' contradicts 'galatea.shared.x', by which there is no batch dimension"
  ],
  [`${batching} ${shared("x", "false")} ${batchDim("x", "1")}`, undefined],
  [
    `${batching} ${shared("x")} ${shared("z")}`,
    "at least one input must carry the batch, and the parameters declare all of them shared"
  ],
  [
    `max_batch_size: 8 ${tensors("dims: [ 4 ] reshape { shape: [ 2, 2 ] }")} ${batchDim("x", "1")}`,
    "parameter 'galatea.batch_dim.x' cannot be combined with 'reshape' of the same tensor"
  ],
  [`max_batch_size: 8 ${tensors("dims: 1 reshape { }")} ${shared("x")}`, undefined],
  [
    `max_batch_size: 8 ${tensors("dims: -1 allow_ragged_batch: true")} ${batchDim("x", "1")}`,
    "parameter 'galatea.batch_dim.x' cannot be combined with 'allow_ragged_batch' or 'batch_output' of the same tensor"
  ],
  [
    `${batching} batch_output { target_name: "y" source_input: "x" } ${shared("y")}`,
    "parameter 'galatea.shared.y' cannot be combined with 'allow_ragged_batch' or 'batch_output' of the same tensor"
  ],
  [
    `${batching} batch_input { target_name: "z" data_type: TYPE_FP32 source_input: "x" }`,
    "batch input target 'z' must not be an input of the configuration, clients do not send it"
  ],
  [
    `${batching} batch_input { target_name: [ "a", "a" ] data_type: TYPE_FP32 source_input: "x" }`,
    "batch input target 'a' can only be specified once"
  ],
  [`${batching} batch_output { target_name: "y" source_input: "x" }`, undefined],
  [
    `${batching} batch_output { target_name: "y" source_input: "x" } batch_output { target_name: "y" source_input: "z" }`,
    "target output name 'y' can only be specified once"
  ],
  [
    `${batching} batch_output { target_name: "y" source_input: "z" }`,
    "batch output 'y' takes its dimension 2 from input 'z', which has 2 dimensions"
  ],
  [
    `${tensors()} batch_output { target_name: "y" source_input: "z" }`,
    "batch output 'y' takes its dimension 1 from input 'z', which has 1 dimensions"
  ]
]

describe("validateIo, batches", () => {
  for (const [text, expected] of cases) {
    it(`${expected === undefined ? "accepts" : "refuses"} ${text.replaceAll(/\s+/g, " ")}`, () => {
      assert.strictEqual(check(text), expected === undefined ? undefined : `${expected} for m`)
    })
  }
})
