import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as AutoComplete from "../../../src/layers/repository/internal/onnx/AutoComplete.ts"
import type { ModelIo } from "../../../src/layers/repository/internal/onnx/ModelIo.ts"
import type { Draft } from "../../../src/schema/ModelConfig.ts"
import * as ModelConfig from "../../../src/schema/ModelConfig.ts"
import { corpus, io, tensor, unranked } from "./Io.ts"

const run = (draft: Draft, model: ModelIo = corpus, defaultMaxBatchSize = 4) =>
  AutoComplete.run("m", ModelConfig.make(draft), model, { defaultMaxBatchSize })

const complete = (draft: Draft, model: ModelIo = corpus, defaultMaxBatchSize = 4) =>
  Result.getOrThrow(run(draft, model, defaultMaxBatchSize))

const fixed = io([tensor("INPUT0", "FP32", 1, 3)], [tensor("OUTPUT0", "FP32", -1, 3)])

const input = [
  { name: "INPUT0", data_type: "TYPE_INT32" as const, dims: [16] },
  { name: "INPUT1", data_type: "TYPE_INT32" as const, dims: [16] }
]
const output = ["OUTPUT0", "OUTPUT1"].map((name) => ({ name, data_type: "TYPE_INT8" as const, dims: [16] }))

const autofilled = (size: number) =>
  `autofilled max_batch_size to ${size} for model 'm' since batching is supporrted but no max_batch_size is specified in ` +
  "model configuration. Must specify max_batch_size to utilize autofill with a larger max batch size"

describe("AutoComplete", () => {
  it("fills an empty config: sizes, types, names and the dynamic batcher", () => {
    const { config, warnings } = complete({})
    assert.deepStrictEqual(
      config,
      ModelConfig.make({ max_batch_size: 4, dynamic_batching: {}, input, output })
    )
    assert.deepStrictEqual(warnings, [autofilled(4)])
  })

  it("keeps a given max_batch_size and adds the batcher only above 1", () => {
    assert.deepStrictEqual(
      complete({ max_batch_size: 8 }),
      { config: ModelConfig.make({ max_batch_size: 8, dynamic_batching: {}, input, output }), warnings: [] }
    )
    assert.strictEqual(complete({ max_batch_size: 1 }).config.dynamic_batching, undefined)
  })

  it("completes the side that is missing and leaves the other as it is", () => {
    const odd = [{ name: "ODD", data_type: "TYPE_FP32" as const, dims: [1] }]
    const inputsOnly = complete({ input: odd }).config
    assert.deepStrictEqual(
      inputsOnly,
      ModelConfig.make({ max_batch_size: 4, dynamic_batching: {}, input: odd, output })
    )
    const outputsOnly = complete({ output: odd }).config
    assert.deepStrictEqual(
      outputsOnly,
      ModelConfig.make({ max_batch_size: 4, dynamic_batching: {}, input, output: odd })
    )
  })

  it("counts batch_input as inputs", () => {
    const batch_input = [{ kind: "BATCH_ELEMENT_COUNT" as const, target_name: ["INPUT0"], source_input: ["INPUT1"] }]
    assert.deepStrictEqual(complete({ batch_input }).config.input, [])
    assert.isFalse(AutoComplete.isNeeded(ModelConfig.make({ batch_input, output })))
  })

  it("completes around batch dimensions and shared tensors that parameters declare", () => {
    const parameters = {
      "galatea.batch_dim.STATE": { string_value: "1" },
      "galatea.shared.RATE": { string_value: "true" }
    }
    const model = io(
      [tensor("STATE", "FP32", 2, -1, 128), tensor("RATE", "INT64")],
      [tensor("OUTPUT0", "FP32", -1, 3)]
    )
    const { config } = complete({ max_batch_size: 32, parameters }, model)
    assert.deepStrictEqual(config.input.map(({ dims, name, reshape }) => [name, dims, reshape]), [
      ["STATE", [2, 128], undefined],
      ["RATE", [1], undefined]
    ])
    assert.isTrue(Result.isFailure(run({ max_batch_size: 32 }, model)))
    assert.strictEqual(complete({ parameters }, model).config.max_batch_size, 4)
  })

  it("leaves out what only the server feeds and keeps", () => {
    const sequence_batching = {
      control_input: [{
        name: "START",
        control: [{ kind: "CONTROL_SEQUENCE_START" as const, int32_false_true: [0, 1] }]
      }],
      state: [{ input_name: "STATE", output_name: "NEXT", data_type: "TYPE_FP32" as const, dims: [2] }]
    }
    const model = io(
      [tensor("X", "FP32", -1, 3), tensor("START", "INT32", -1, 1), tensor("STATE", "FP32", -1, 2)],
      [tensor("Y", "FP32", -1, 3), tensor("NEXT", "FP32", -1, 2)]
    )
    const { config } = complete({ sequence_batching }, model)
    assert.deepStrictEqual([config.max_batch_size, config.dynamic_batching], [4, undefined])
    assert.deepStrictEqual(config.input.map(({ name }) => name), ["X"])
    assert.deepStrictEqual(config.output.map(({ name }) => name), ["Y"])
    assert.deepStrictEqual(
      complete({ sequence_batching, output: [{ name: "NEXT", data_type: "TYPE_FP32", dims: [2] }] }, model).config
        .output
        .map(({ name }) => name),
      ["NEXT"]
    )
  })

  it("completes nothing at all when both sides are given", () => {
    const config = ModelConfig.make({ input, output })
    assert.isFalse(AutoComplete.isNeeded(config))
    const completion = complete({ input, output })
    assert.deepStrictEqual(completion, { config, warnings: [] })
    assert.strictEqual(
      AutoComplete.skipped("m"),
      "skipping model configuration auto-complete for 'm': inputs and outputs already specified"
    )
  })

  it("keeps a given scheduler and never touches other fields", () => {
    const given = {
      sequence_batching: { oldest: { max_candidate_sequences: 4 } },
      instance_group: [{ count: 3 }],
      parameters: { key: { string_value: "value" } }
    }
    const { config } = complete(given)
    assert.deepStrictEqual(config, ModelConfig.make({ ...given, max_batch_size: 4, input, output }))
    const batching = { dynamic_batching: { preferred_batch_size: [2] } }
    assert.deepStrictEqual(
      complete(batching).config,
      ModelConfig.make({ ...batching, max_batch_size: 4, input, output })
    )
  })

  for (
    const [size, expected, dims, batcher] of [
      [4, 4, [16], true],
      [1, 1, [16], false],
      [0, 0, [-1, 16], false],
      [-3, 0, [-1, 16], false],
      [32, 32, [16], true]
    ] as const
  ) {
    it(`default-max-batch-size ${size} gives max_batch_size ${expected}`, () => {
      const { config, warnings } = complete({}, corpus, size)
      assert.strictEqual(config.max_batch_size, expected)
      assert.deepStrictEqual(config.input.map((entry) => entry.dims), [dims, dims])
      assert.strictEqual(config.dynamic_batching !== undefined, batcher)
      assert.deepStrictEqual(warnings, [autofilled(expected)])
    })
  }

  it("keeps full shapes for a model that cannot batch", () => {
    const { config, warnings } = complete({}, fixed)
    assert.deepStrictEqual(
      config,
      ModelConfig.make({
        input: [{ name: "INPUT0", data_type: "TYPE_FP32", dims: [1, 3] }],
        output: [{ name: "OUTPUT0", data_type: "TYPE_FP32", dims: [-1, 3] }]
      })
    )
    assert.deepStrictEqual(warnings, [])
  })

  it("one scalar, or one fixed first dimension on either side, makes batching impossible", () => {
    const batched = tensor("X", "FP32", -1)
    assert.isTrue(AutoComplete.canBatch(io([batched], [batched])))
    assert.isFalse(AutoComplete.canBatch(io([batched, tensor("S", "FP32")], [batched])))
    assert.isFalse(AutoComplete.canBatch(io([batched], [tensor("S", "FP32", 0)])))
    assert.isTrue(AutoComplete.canBatch(io([batched], [batched], [tensor("BIAS", "FP32", 4)])))
  })

  it("refuses a max_batch_size for a model that cannot batch, and shows the model", () => {
    const result = run({ max_batch_size: 1, input: [] }, fixed)
    assert.isTrue(Result.isFailure(result))
    if (!Result.isFailure(result)) return
    assert.strictEqual(result.failure.code, "INVALID_ARG")
    assert.strictEqual(
      result.failure.message,
      "autofill failed for model 'm': model does not support batching while non-zero max_batch_size is specified\n" +
        "The model's own inputs and outputs:\n" +
        "          name     datatype  shape\n" +
        "  input   INPUT0   FP32      [1,3]\n" +
        "  output  OUTPUT0  FP32      [-1,3]"
    )
  })

  it("gives scalars the dims [1], with an empty reshape where the model batches", () => {
    const perRow = complete({}, io([tensor("X", "FP32", -1)], [tensor("Y", "FP32", -1, 2)])).config
    assert.deepStrictEqual([perRow.input[0]!.dims, perRow.input[0]!.reshape], [[1], { shape: [] }])
    assert.strictEqual(perRow.output[0]!.reshape, undefined)
    const scalar = complete({}, io([tensor("X", "FP32")], [tensor("Y", "FP32", 2)])).config
    assert.deepStrictEqual([scalar.input[0]!.dims, scalar.input[0]!.reshape], [[1], undefined])
  })

  it("says where it had to guess a shape", () => {
    const { config, warnings } = complete({}, io([tensor("X", "FP32", -1)], [unranked("Y", "FP32")]))
    assert.deepStrictEqual([config.max_batch_size, config.output[0]!.dims], [0, [1]])
    assert.deepStrictEqual(warnings, [
      "completed the dims of output 'Y' of model 'm' to [ 1 ], since the model does not tell its shape. List its outputs in " +
      "the configuration to give it another one"
    ])
    const given = { output: [{ name: "Y", data_type: "TYPE_FP32" as const, dims: [-1] }] }
    assert.deepStrictEqual(complete(given, io([tensor("X", "FP32", 3)], [unranked("Y", "FP32")])).warnings, [])
  })

  it("keeps zeros of the model", () => {
    assert.deepStrictEqual(complete({}, io([tensor("X", "FP32", 0, 16)], [])).config.input[0]!.dims, [0, 16])
  })

  it("names every datatype as configs do", () => {
    const names = ["BOOL", "FP16", "BYTES", "UINT64"] as const
    const { input } = complete({}, io(names.map((name) => tensor(name, name, 1)), [])).config
    assert.deepStrictEqual(input.map((entry) => entry.data_type), [
      "TYPE_BOOL",
      "TYPE_FP16",
      "TYPE_STRING",
      "TYPE_UINT64"
    ])
  })
})
