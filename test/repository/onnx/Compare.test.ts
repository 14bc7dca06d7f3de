import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Compare from "../../../src/layers/repository/internal/onnx/Compare.ts"
import type { ModelIo } from "../../../src/layers/repository/internal/onnx/ModelIo.ts"
import { formatTable } from "../../../src/layers/repository/internal/onnx/ModelIo.ts"
import type { DataType } from "../../../src/schema/DataType.ts"
import type { Draft } from "../../../src/schema/ModelConfig.ts"
import * as ModelConfig from "../../../src/schema/ModelConfig.ts"
import { corpus, io, tensor, unranked } from "./Io.ts"

const run = (draft: Draft, model: ModelIo) => Compare.run("m", ModelConfig.make(draft), model)

/** Triton's text and code; checks that the model's own inputs and outputs follow it. */
const refusal = (draft: Draft, model: ModelIo) => {
  const result = run(draft, model)
  if (!Result.isFailure(result)) return assert.fail("the config was accepted")
  const [first, ...table] = result.failure.message.split("\n")
  assert.strictEqual(table.join("\n"), formatTable(model))
  return `${result.failure.code}: ${first}`
}

const accept = (draft: Draft, model: ModelIo): Compare.Agreement => Result.getOrThrow(run(draft, model))

type Type = "TYPE_INT32" | "TYPE_INT8" | "TYPE_FP32" | "TYPE_STRING" | "TYPE_INVALID" | "TYPE_BF16"
const entry = (name: string, data_type: Type, ...dims: ReadonlyArray<number>) => ({ name, data_type, dims })
const input = [entry("INPUT0", "TYPE_INT32", 16), entry("INPUT1", "TYPE_INT32", 16)]
const output = [entry("OUTPUT0", "TYPE_INT8", 16), entry("OUTPUT1", "TYPE_INT8", 16)]

const one = (datatype: DataType, inputShape: ReadonlyArray<number>, outputShape: ReadonlyArray<number> = [-1]) =>
  io([tensor("X", datatype, ...inputShape)], [tensor("Y", datatype, ...outputShape)])

describe("Compare, the cases of the QA corpus", () => {
  it("accepts the right config", () => {
    assert.deepStrictEqual(accept({ max_batch_size: 8, input, output }, corpus), {
      inputs: ["INPUT0", "INPUT1"].map((name) => ({ name, datatype: "INT32", shape: [-1, 16] })),
      outputs: ["OUTPUT0", "OUTPUT1"].map((name) => ({ name, datatype: "INT8", shape: [-1, 16] }))
    } as never)
  })

  it("bad_input_dims", () => {
    assert.strictEqual(
      refusal({ max_batch_size: 1, input: [entry("INPUT0", "TYPE_INT32", 16, 1), input[1]!], output }, corpus),
      "INVALID_ARG: model 'm', tensor 'INPUT0': the model expects 2 dimensions (shape [-1,16]) but the model configuration " +
        "specifies 3 dimensions (an initial batch dimension because max_batch_size > 0 followed by the explicit tensor " +
        "shape, making complete shape [-1,16,1])"
    )
  })

  it("bad_output_dims", () => {
    assert.strictEqual(
      refusal({ max_batch_size: 1, input, output: [output[0]!, entry("OUTPUT1", "TYPE_INT8", 1)] }, corpus),
      "INVALID_ARG: model 'm', tensor 'OUTPUT1': the model expects 2 dimensions (shape [-1,16]) but the model configuration " +
        "specifies 2 dimensions (an initial batch dimension because max_batch_size > 0 followed by the explicit tensor " +
        "shape, making complete shape [-1,1])"
    )
  })

  it("too_few_inputs and too_many_inputs", () => {
    assert.strictEqual(
      refusal({ max_batch_size: 1, input: [input[0]!], output }, corpus),
      "INVALID_ARG: unable to load model 'm', configuration expects 1 inputs, model provides 2"
    )
    assert.strictEqual(
      refusal({ max_batch_size: 1, input: [...input, entry("INPUT2", "TYPE_INT32", 16)], output }, corpus),
      "INVALID_ARG: unable to load model 'm', configuration expects 3 inputs, model provides 2"
    )
  })

  it("unknown_input and unknown_output", () => {
    assert.strictEqual(
      refusal({ max_batch_size: 1, input: [input[1]!, entry("INPUT_UNKNOWN", "TYPE_INT32", 16)], output }, corpus),
      "INVALID_ARG: unexpected inference input 'INPUT_UNKNOWN', allowed inputs are: INPUT0, INPUT1"
    )
    assert.strictEqual(
      refusal({ max_batch_size: 1, input, output: [entry("OUTPUT_UNKNOWN", "TYPE_INT8", 16)] }, corpus),
      "INVALID_ARG: unexpected inference output 'OUTPUT_UNKNOWN', allowed outputs are: OUTPUT0, OUTPUT1"
    )
  })
})

describe("Compare, shapes", () => {
  const cases: ReadonlyArray<
    readonly [
      model: ReadonlyArray<number>,
      maxBatchSize: number,
      dims: ReadonlyArray<number>,
      ok: readonly [boolean, boolean]
    ]
  > = [
    [[-1, 16], 8, [16], [true, true]],
    [[-1, -1], 8, [16], [true, false]],
    [[-1, 16], 8, [-1], [false, false]],
    [[-1, 3, 224, 224], 0, [1, 3, 224, 224], [true, false]],
    [[-1, 3, 224, 224], 0, [-1, 3, 224, 224], [true, true]],
    [[1, 3, 224, 224], 1, [3, 224, 224], [false, false]],
    [[-1], 8, [1], [false, false]],
    [[], 0, [1], [true, true]],
    [[], 8, [1], [true, true]],
    [[], 0, [1, 1], [true, true]],
    [[], 0, [2], [false, false]],
    [[0, 16], 0, [0, 16], [true, true]],
    [[-1, 0], 4, [0], [true, true]],
    [[-1, 16], 0, [0, 16], [false, false]],
    [[16], 0, [0], [false, false]]
  ]
  for (const [shape, max_batch_size, dims, [asInput, asOutput]] of cases) {
    it(`model [${shape}], max_batch_size ${max_batch_size}, dims [${dims}]`, () => {
      const accepts = (config: Draft, model: ModelIo) => Result.isSuccess(run({ max_batch_size, ...config }, model))
      const x = entry("X", "TYPE_FP32", ...dims)
      const y = entry("Y", "TYPE_FP32", ...dims)
      assert.strictEqual(accepts({ input: [x] }, one("FP32", shape, shape)), asInput)
      assert.strictEqual(
        accepts({ output: [y] }, io([], [tensor("Y", "FP32", ...shape)])),
        asOutput
      )
    })
  }

  it("compares the reshape where there is one", () => {
    const reshaped = { ...entry("X", "TYPE_FP32", 1), reshape: { shape: [] } }
    const agreement = accept({ max_batch_size: 8, input: [reshaped] }, one("FP32", [-1]))
    assert.deepStrictEqual(agreement.inputs, [{ name: "X", datatype: "FP32", shape: [-1] }])
    const leading = { ...entry("X", "TYPE_FP32", 3, 4), reshape: { shape: [1, 3, 4] } }
    assert.deepStrictEqual(accept({ input: [leading] }, one("FP32", [1, 3, 4])).inputs[0]!.shape, [1, 3, 4])
  })

  it("gives the narrower shape of a config to inputs, and [] to scalars", () => {
    const narrower = accept({ max_batch_size: 8, input: [entry("X", "TYPE_FP32", 16)] }, one("FP32", [-1, -1]))
    assert.deepStrictEqual(narrower.inputs[0]!.shape, [-1, 16])
    const scalar = accept(
      { input: [entry("X", "TYPE_FP32", 1)], output: [entry("Y", "TYPE_FP32", 1)] },
      one("FP32", [], [])
    )
    assert.deepStrictEqual([scalar.inputs[0]!.shape, scalar.outputs[0]!.shape], [[], []])
  })

  it("believes the config where the model does not tell a shape", () => {
    const model = io([unranked("X", "FP32")], [unranked("Y", "FP32")])
    const config = { input: [entry("X", "TYPE_FP32", 2, 3)], output: [entry("Y", "TYPE_FP32", 3, 2)] }
    const plain = accept(config, model)
    assert.deepStrictEqual([plain.inputs[0]!.shape, plain.outputs[0]!.shape], [[2, 3], [-1]])
    const batched = accept({ ...config, max_batch_size: 4 }, model)
    assert.deepStrictEqual([batched.inputs[0]!.shape, batched.outputs[0]!.shape], [[-1, 2, 3], [-1, -1]])
    assert.deepStrictEqual([...Compare.scalars(plain)], [])
  })

  it("names the scalars", () => {
    const agreement = accept(
      { input: [entry("X", "TYPE_FP32", 1)], output: [entry("Y", "TYPE_FP32", 3)] },
      one("FP32", [], [3])
    )
    assert.deepStrictEqual([...Compare.scalars(agreement)], ["X"])
  })

  it("explains a fixed first dimension, full shapes and scalars in Triton's words", () => {
    assert.strictEqual(
      refusal({ max_batch_size: 1, input: [entry("X", "TYPE_FP32", 3)] }, one("FP32", [1, 3])),
      "INVALID_ARG: model 'm', tensor 'X': for the model to support batching the shape should have at least 1 dimension and " +
        "the first dimension must be -1; but shape expected by the model is [1,3]"
    )
    assert.strictEqual(
      refusal({ input: [entry("X", "TYPE_FP32", 4)] }, one("FP32", [1, 3])),
      "INVALID_ARG: model 'm', tensor 'X': the model expects 2 dimensions (shape [1,3]) but the model configuration " +
        "specifies 1 dimensions (shape [4])"
    )
    assert.strictEqual(
      refusal({ input: [entry("X", "TYPE_FP32", 2)] }, one("FP32", [])),
      "INVALID_ARG: unable to load model 'm', scalar tensor 'X', should only provide 1 in the model configuration when the " +
        "model doesn't support batching. Model configuration provided: [2]."
    )
  })

  it("a zero that the model does not have is the error of Triton's validation", () => {
    assert.strictEqual(
      refusal({ input: [entry("X", "TYPE_FP32", 0)] }, one("FP32", [16])),
      "INVALID_ARG: model input 'X' dimension must be integer >= 1, or -1 to indicate a variable-size dimension for m"
    )
    assert.strictEqual(
      refusal(
        { input: [entry("X", "TYPE_FP32", 16)], output: [{ ...entry("Y", "TYPE_FP32", 1), reshape: { shape: [0] } }] },
        one("FP32", [16])
      ),
      "INVALID_ARG: model output 'Y' reshape dimensions must be integer >= 1, or -1 to indicate a variable-size dimension for m"
    )
  })

  it("a subset of the outputs is fine, and targets of batch_output keep the model's shape", () => {
    assert.lengthOf(accept({ max_batch_size: 4, input, output: [output[1]!] }, corpus).outputs, 1)
    const scattered = {
      max_batch_size: 4,
      input: [entry("X", "TYPE_FP32", 16)],
      output: [entry("Y", "TYPE_FP32", 7, 7)],
      batch_output: [{ target_name: ["Y"], source_input: ["X"] }]
    }
    assert.deepStrictEqual(accept(scattered, one("FP32", [-1, 16], [-1])).outputs[0]!.shape, [-1])
  })

  it("ragged inputs must be flat in the model, and cannot be optional", () => {
    const ragged = { ...entry("X", "TYPE_FP32", -1), allow_ragged_batch: true }
    assert.deepStrictEqual(accept({ max_batch_size: 4, input: [ragged] }, one("FP32", [-1])).inputs[0]!.shape, [-1])
    assert.strictEqual(
      refusal({ max_batch_size: 4, input: [ragged] }, one("FP32", [-1, 16])),
      "INVALID_ARG: unable to load model 'm', configuration expects model provides input with shape [-1]  for ragged input " +
        "'X', model provides [-1,16]"
    )
    const optional = [entry("X", "TYPE_FP32", -1), { ...ragged, name: "B", optional: true }]
    assert.strictEqual(
      refusal({ input: optional }, io([tensor("X", "FP32", -1)], [], [tensor("B", "FP32", -1)])),
      "INVALID_ARG: unable to load model 'm', configuration expects model provides input with shape [-1] for ragged input " +
        "'B', which is not supported for optional input"
    )
  })
})

describe("Compare, batch dimensions", () => {
  const parameters = (entries: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(entries).map(([key, string_value]) => [`galatea.${key}`, { string_value }]))
  const state = { max_batch_size: 8, input: [entry("X", "TYPE_FP32", 2, 128)], output: [entry("Y", "TYPE_FP32", 1)] }
  const model = (shape: ReadonlyArray<number>) => one("FP32", shape, [-1, 1])

  it("compares with the batch where a parameter puts it", () => {
    const config = { ...state, parameters: parameters({ "batch_dim.X": "1" }) }
    assert.deepStrictEqual(accept(config, model([2, -1, 128])), {
      inputs: [{ name: "X", datatype: "FP32", shape: [2, -1, 128], batchAxis: 1 }],
      outputs: [{ name: "Y", datatype: "FP32", shape: [-1, 1] }]
    })
    assert.strictEqual(
      refusal(config, model([2, 4, 128])),
      "INVALID_ARG: model 'm', tensor 'X': the parameter 'galatea.batch_dim.X' says that dimension 1 is the batch, so it must " +
        "be -1; but shape expected by the model is [2,4,128]"
    )
    assert.strictEqual(
      refusal(config, model([3, -1, 128])),
      "INVALID_ARG: model 'm', tensor 'X': the model expects 3 dimensions (shape [3,-1,128]) but the model configuration " +
        "specifies 3 dimensions (the batch as dimension 1 put into the explicit tensor shape, making complete shape " +
        "[2,-1,128])"
    )
    assert.isTrue(Result.isFailure(run(state, model([2, -1, 128]))))
  })

  it("compares shared tensors as they stand, and scalars among them", () => {
    const config = (tensor: string) => ({ ...state, parameters: parameters({ [`shared.${tensor}`]: "true" }) })
    assert.deepStrictEqual(accept(config("X"), model([2, 128])).inputs[0]!, {
      name: "X",
      datatype: "FP32",
      shape: [2, 128],
      batchAxis: -1
    })
    assert.strictEqual(
      refusal(config("X"), model([-1, 2, 128])),
      "INVALID_ARG: model 'm', tensor 'X': the model expects 3 dimensions (shape [-1,2,128]) but the model configuration " +
        "specifies 2 dimensions (shape [2,128])"
    )
    const scalar = { ...config("Y"), input: [entry("X", "TYPE_FP32", 16)] }
    const agreement = accept(scalar, one("FP32", [-1, 16], []))
    assert.deepStrictEqual(agreement.outputs[0]!.shape, [])
    assert.deepStrictEqual([...Compare.scalars(agreement)], ["Y"])
  })
})

describe("Compare, batch inputs", () => {
  const ragged = { ...entry("X", "TYPE_FP32", -1), allow_ragged_batch: true }
  const config = (kind: "BATCH_ELEMENT_COUNT" | "BATCH_ITEM_SHAPE", target = "B"): Draft => ({
    max_batch_size: 4,
    input: [ragged],
    batch_input: [{ kind, target_name: [target], data_type: "TYPE_INT32", source_input: ["X"] }]
  })
  const model = (datatype: DataType, ...shape: ReadonlyArray<number>) =>
    io([tensor("X", "FP32", -1), tensor("B", datatype, ...shape)], [])

  it("gives the executor their shapes, and no batch dimension to flat tensors", () => {
    assert.deepStrictEqual(accept(config("BATCH_ELEMENT_COUNT"), model("INT32", -1)).inputs, [
      { name: "X", datatype: "FP32", shape: [-1], batchAxis: -1 },
      { name: "B", datatype: "INT32", shape: [-1], batchAxis: -1 }
    ])
    assert.lengthOf(accept(config("BATCH_ITEM_SHAPE"), model("INT32", -1, 1)).inputs, 2)
  })

  it("refuses targets that the model has not, or has with another type or rank", () => {
    assert.strictEqual(
      refusal(config("BATCH_ELEMENT_COUNT", "C"), model("INT32", -1)),
      "INVALID_ARG: unable to load model 'm', batch input 'C' of kind BATCH_ELEMENT_COUNT is no input of the model"
    )
    assert.strictEqual(
      refusal(config("BATCH_ELEMENT_COUNT"), model("INT64", -1)),
      "INVALID_ARG: unable to load model 'm', batch input 'B' of kind BATCH_ELEMENT_COUNT has datatype TYPE_INT32, model " +
        "provides TYPE_INT64"
    )
    assert.strictEqual(
      refusal(config("BATCH_ITEM_SHAPE"), model("INT32", -1)),
      "INVALID_ARG: unable to load model 'm', batch input 'B' of kind BATCH_ITEM_SHAPE gives 2 dimensions, the first of " +
        "variable size, model provides [-1]"
    )
    assert.strictEqual(
      refusal(config("BATCH_ELEMENT_COUNT"), model("INT32", 4)),
      "INVALID_ARG: unable to load model 'm', batch input 'B' of kind BATCH_ELEMENT_COUNT gives 1 dimension, the first of " +
        "variable size, model provides [4]"
    )
  })
})

describe("Compare, types and names", () => {
  it("types must be equal; strings print as in Triton", () => {
    assert.strictEqual(
      refusal({ max_batch_size: 4, input: [entry("INPUT0", "TYPE_FP32", 16), input[1]!], output }, corpus),
      "INVALID_ARG: unable to load model 'm', configuration expects datatype TYPE_FP32 for input 'INPUT0', model provides " +
        "TYPE_INT32"
    )
    assert.strictEqual(
      refusal({ input: [entry("X", "TYPE_STRING", 1)], output: [entry("Y", "TYPE_FP32", -1)] }, {
        ...one("BYTES", [1]),
        outputs: [tensor("Y", "BYTES", -1)]
      }),
      "INVALID_ARG: unable to load model 'm', configuration expects datatype TYPE_FP32 for output 'Y', model provides TYPE_BYTES"
    )
    assert.strictEqual(
      refusal({ input: [entry("X", "TYPE_INVALID", 1)] }, one("FP32", [1])),
      "INTERNAL: unsupported datatype TYPE_INVALID for input 'X' for model 'm'"
    )
  })

  it("a name given twice is refused, where Triton would fail each request", () => {
    assert.strictEqual(
      refusal({ max_batch_size: 4, input: [input[0]!, input[0]!], output }, corpus),
      "INVALID_ARG: unable to load model 'm', the model needs the input 'INPUT1', and no input of the configuration has that name"
    )
  })
})

describe("Compare, optional inputs", () => {
  const model = io([tensor("X", "FP32", 4)], [tensor("Y", "FP32", 4)], [tensor("BIAS", "FP32", 4)])
  const x = entry("X", "TYPE_FP32", 4)
  const bias = { ...entry("BIAS", "TYPE_FP32", 4), optional: true }

  it("an overridable initializer may be listed as optional, or left out", () => {
    assert.deepStrictEqual(accept({ input: [x, bias] }, model).inputs.map((spec) => spec.name), ["X", "BIAS"])
    assert.deepStrictEqual(accept({ input: [x] }, model).inputs.map((spec) => spec.name), ["X"])
  })

  it("not as a required input, and a required input not as optional", () => {
    assert.strictEqual(
      refusal({ input: [x, { ...bias, optional: false }] }, model),
      "INVALID_ARG: unable to load model 'm', configuration expects 2 inputs, model provides 1"
    )
    assert.strictEqual(
      refusal({ input: [{ ...x, optional: true }] }, model),
      "INVALID_ARG: unable to load model 'm', configuration expects 0 inputs, model provides 1"
    )
  })

  it("not in a model that batches", () => {
    const batching = io([tensor("X", "FP32", -1, 4)], [], model.overridable)
    assert.strictEqual(
      refusal({ max_batch_size: 4, input: [x, bias] }, batching),
      "INVALID_ARG: unable to load model 'm', optional input 'BIAS' is not supported for models that support batching"
    )
  })

  it("in a custom model that batches", () => {
    const batching = io([{ ...tensor("X", "FP32", -1, 4), custom: true }], [], [
      { ...tensor("BIAS", "FP32", -1, 4), custom: true }
    ])
    assert.deepStrictEqual(
      accept({ max_batch_size: 4, input: [x, bias] }, batching).inputs.map((spec) => spec.name),
      ["X", "BIAS"]
    )
  })

  it("unknown names list the initializers too, and their shapes are compared", () => {
    assert.strictEqual(
      refusal({ input: [entry("Z", "TYPE_FP32", 4)] }, model),
      "INVALID_ARG: unexpected inference input 'Z', allowed inputs are: BIAS, X"
    )
    assert.match(refusal({ input: [x, { ...bias, dims: [5] }] }, model), /tensor 'BIAS'.*\(shape \[5\]\)/)
  })

  it("not of a datatype that the engine cannot carry", () => {
    const odd = { ...model, overridable: [tensor("BIAS", "BF16", 4)] }
    const result = run({ input: [x, { ...entry("BIAS", "TYPE_BF16", 4), optional: true }] }, odd)
    assert.isTrue(Result.isFailure(result) && result.failure.message.includes("'BIAS' has the datatype BF16"))
  })
})

describe("Compare, sequence batching", () => {
  const controlled = (start: ReturnType<typeof tensor>) =>
    io([tensor("X", "FP32", -1, 4), start, tensor("ID", "UINT64", -1, 1), tensor("STATE", "FP32", -1, 2)], [
      tensor("NEXT", "FP32", -1, 2)
    ])
  const sequence_batching = {
    control_input: [
      { name: "ID", control: [{ kind: "CONTROL_SEQUENCE_CORRID" as const, data_type: "TYPE_UINT64" as const }] },
      { name: "START", control: [{ kind: "CONTROL_SEQUENCE_START" as const, int32_false_true: [0, 1] }] }
    ],
    state: [{ input_name: "STATE", output_name: "NEXT", data_type: "TYPE_FP32" as const, dims: [2] }]
  }
  const config = { max_batch_size: 4, input: [entry("X", "TYPE_FP32", 4)], sequence_batching }

  it("counts controls and states as inputs", () => {
    accept(config, controlled(tensor("START", "INT32", -1, 1)))
    assert.strictEqual(
      refusal(
        { ...config, sequence_batching: { ...sequence_batching, state: [] } },
        controlled(tensor("START", "INT32", -1, 1))
      ),
      "INVALID_ARG: unable to load model 'm', configuration expects 3 inputs, model provides 4"
    )
  })

  it("a control must be in the model, hold one number per row and have the type of its values", () => {
    assert.strictEqual(
      refusal(config, controlled(tensor("BEGIN", "INT32", -1, 1))),
      "INTERNAL: configuration specified sequence control 'START', but model does not provide that input"
    )
    assert.strictEqual(
      refusal(config, controlled(tensor("START", "INT32", -1, 2))),
      "INVALID_ARG: unable to load model 'm', sequence control 'START' in model has dims [2] but dims [1] is expected"
    )
    assert.strictEqual(
      refusal(config, controlled(tensor("START", "FP32", -1, 1))),
      "INVALID_ARG: unable to load model 'm', sequence control 'START', the model expects data-type FLOAT but the model " +
        "configuration specifies data-type TYPE_INT32"
    )
    assert.strictEqual(
      refusal(config, controlled(tensor("START", "INT32", 1, 1))),
      "INVALID_ARG: unable to load model 'm', sequence control 'START' in model has the shape [1,1], but for the model to support " +
        "batching the first dimension must be -1"
    )
  })

  it("has controls and states among the tensors of the model", () => {
    const result = run({ ...config, output: [] }, controlled(tensor("START", "INT32", -1, 1)))
    assert.deepStrictEqual(Result.getOrThrow(result), {
      inputs: [
        { name: "X", datatype: "FP32", shape: [-1, 4] },
        { name: "START", datatype: "INT32", shape: [-1, 1] },
        { name: "ID", datatype: "UINT64", shape: [-1, 1] },
        { name: "STATE", datatype: "FP32", shape: [-1, 2] }
      ],
      outputs: [{ name: "NEXT", datatype: "FP32", shape: [-1, 2] }]
    })
  })

  type State = { readonly data_type?: "TYPE_FP32" | "TYPE_INT32"; readonly dims?: ReadonlyArray<number> }
  const stateful = (state: State = {}, draft: Draft = {}): Draft => ({
    max_batch_size: 4,
    input: [entry("X", "TYPE_FP32", 4)],
    sequence_batching: {
      state: [{ input_name: "STATE", output_name: "NEXT", data_type: "TYPE_FP32", dims: [2, 3], ...state }]
    },
    ...draft
  })
  const x = tensor("X", "FP32", -1, 4)

  it("a state must be an input and an output of the model, of its type and shape", () => {
    const input = tensor("STATE", "FP32", -1, 2, 3)
    const output = tensor("NEXT", "FP32", -1, 2, 3)
    accept(stateful(), io([x, input], [output]))
    assert.strictEqual(
      refusal(stateful(), io([x, tensor("S", "FP32", -1, 2, 3)], [output])),
      "INVALID_ARG: unexpected inference input 'STATE', allowed inputs are: S, X"
    )
    assert.strictEqual(
      refusal(stateful(), io([x, input], [tensor("N", "FP32", -1, 2, 3)])),
      "INVALID_ARG: unexpected inference output 'NEXT', allowed outputs are: N"
    )
    assert.strictEqual(
      refusal(stateful({ data_type: "TYPE_INT32" }), io([x, input], [output])),
      "INVALID_ARG: unable to load model 'm', configuration expects datatype TYPE_INT32 for input 'STATE', model provides TYPE_FP32"
    )
    assert.strictEqual(
      refusal(stateful(), io([x, input], [tensor("NEXT", "FP16", -1, 2, 3)])),
      "INVALID_ARG: unable to load model 'm', configuration expects datatype TYPE_FP32 for output 'NEXT', model provides TYPE_FP16"
    )
    assert.strictEqual(
      refusal(stateful({ dims: [2, 4] }), io([x, input], [output])),
      "INVALID_ARG: model 'm', tensor 'STATE': the model expects 3 dimensions (shape [-1,2,3]) but the model configuration specifies " +
        "3 dimensions (an initial batch dimension because max_batch_size > 0 followed by the explicit tensor shape, making complete " +
        "shape [-1,2,4])"
    )
    assert.strictEqual(
      refusal(stateful(), io([x, input], [tensor("NEXT", "FP32", -1, 2, 4)])),
      "INVALID_ARG: model 'm', tensor 'NEXT': the model gives the shape [-1,2,4] but the state of the configuration has [-1,2,3], " +
        "with the batch as dimension 0"
    )
  })

  it("a state may be narrower than the model leaves it, with the batch where a parameter says", () => {
    const config = stateful({}, {
      parameters: {
        "galatea.batch_dim.STATE": { string_value: "1" },
        "galatea.batch_dim.NEXT": { string_value: "1" }
      }
    })
    const model = io([x, tensor("STATE", "FP32", 2, -1, 3)], [tensor("NEXT", "FP32", -1, -1, -1)])
    const { inputs, outputs } = Result.getOrThrow(run({ ...config, output: [] }, model))
    assert.deepStrictEqual(inputs[1], { name: "STATE", datatype: "FP32", shape: [2, -1, 3], batchAxis: 1 })
    assert.deepStrictEqual(outputs, [{ name: "NEXT", datatype: "FP32", shape: [2, -1, 3], batchAxis: 1 }])
    accept(config, io(model.inputs, [unranked("NEXT", "FP32")]))
    assert.strictEqual(
      refusal(config, io(model.inputs, [tensor("NEXT", "FP32", 2, 1, 3)])),
      "INVALID_ARG: model 'm', tensor 'NEXT': the model gives the shape [2,1,3] but the state of the configuration has [2,-1,3], " +
        "with the batch as dimension 1"
    )
  })

  it("an output that is a state as well is opened as the state", () => {
    const config = stateful({}, { output: [entry("NEXT", "TYPE_FP32", -1, -1)] })
    const model = io([x, tensor("STATE", "FP32", -1, 2, 3)], [tensor("NEXT", "FP32", -1, -1, -1)])
    assert.deepStrictEqual(Result.getOrThrow(run(config, model)).outputs, [
      { name: "NEXT", datatype: "FP32", shape: [-1, 2, 3] }
    ])
  })

  it("a scalar is a state of a model without batches only", () => {
    const model = io([tensor("X", "FP32", 4), tensor("STATE", "FP32")], [tensor("NEXT", "FP32")])
    const config = stateful({ dims: [1] }, { max_batch_size: 0 })
    assert.deepStrictEqual(Result.getOrThrow(run({ ...config, output: [] }, model)).inputs[1], {
      name: "STATE",
      datatype: "FP32",
      shape: []
    })
    assert.strictEqual(
      refusal(config, io(model.inputs, [tensor("NEXT", "FP32", 1)])),
      "INVALID_ARG: model 'm', state 'STATE': the input has the shape [] and the output 'NEXT' [1], and what comes out of a run goes " +
        "into the next: both or none may be a scalar"
    )
    assert.strictEqual(
      refusal(stateful({ dims: [1] }), io([x, tensor("STATE", "FP32")], [tensor("NEXT", "FP32")])),
      "INVALID_ARG: unable to load model 'm', state 'STATE' is a scalar in the model, which all rows of a batch would share: each " +
        "needs a state of its own, set max_batch_size to 0"
    )
  })
})
