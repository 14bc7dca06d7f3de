import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as FileModelRepository from "../../src/layers/repository/FileModelRepository.ts"
import * as Models from "../fixtures/onnx/Models.ts"
import { backendCases, type BadConfig, platformCases } from "./BadConfigs.ts"
import * as FakeExecution from "./FakeExecution.ts"
import * as TemporaryRepository from "./TemporaryRepository.ts"

/** What is said of each model that does not load, and which do. */
const load = Effect.fnUntraced(
  function*(tree: TemporaryRepository.Tree, options: Partial<FileModelRepository.Options> = {}) {
    const failures = new Map<string, string>()
    const ready: Array<string> = []
    const root = yield* TemporaryRepository.make(tree)
    yield* FileModelRepository.layer({
      paths: [root],
      exitOnError: false,
      onEvent: (event) =>
        Effect.sync(() => {
          if (event._tag === "Failed") failures.set(event.model, FileModelRepository.formatFailure(event))
          if (event._tag === "Ready") ready.push(event.model)
        }),
      ...options
    }).pipe(
      Layer.provide([FakeExecution.layer(FakeExecution.log()), TemporaryRepository.platform]),
      Layer.build
    )
    return { failures, ready: ready.sort() }
  }
)

const simple = Models.simple()

const treeOf = (cases: ReadonlyArray<BadConfig>, platform = "", file: string | null = "model.onnx") =>
  Object.fromEntries(
    cases.flatMap(({ config, model }): ReadonlyArray<readonly [string, string | Uint8Array | null]> => [
      [`${model}/config.pbtxt`, `${config}\n${platform}`],
      file === null ? [`${model}/1`, null] : [`${model}/1/${file}`, simple]
    ])
  )

const expectAll = (cases: ReadonlyArray<BadConfig>, failures: ReadonlyMap<string, string>) => {
  for (const { expected, model } of cases) {
    const failure = failures.get(model)
    const first = failure?.split("\n")[0] ?? "loads"
    assert.include(first, expected, model)
    assert.isTrue(
      first.startsWith(`Poll failed for model directory '${model}': `) ||
        first.startsWith(`failed to load '${model}' version 1: Invalid argument: `),
      first
    )
  }
}

describe("configurations that do not load", () => {
  for (const [mode, strictModelConfig] of [["strict", true], ["auto-complete", false]] as const) {
    const cases = platformCases.filter(({ strict = false }) => strictModelConfig || !strict)
    const others = platformCases.filter(({ strict = false }) => !strictModelConfig && strict)

    it.effect(`says why, with a model file, in ${mode} mode`, () =>
      Effect.gen(function*() {
        const { failures, ready } = yield* load(
          {
            ...treeOf(platformCases, `platform: "onnxruntime_onnx"`),
            "good/1/model.onnx": simple,
            ...(strictModelConfig ? { "good/config.pbtxt": good } : {})
          },
          { strictModelConfig }
        )
        expectAll(cases, failures)
        for (const { model } of others) assert.isTrue(failures.has(model), `${model} loads`)
        assert.deepStrictEqual(ready, ["good"])
      }))
  }

  it.effect("needs no model file to say what is wrong with the config itself", () =>
    Effect.gen(function*() {
      const { failures } = yield* load(treeOf(platformCases, `platform: "onnxruntime_onnx"`, null), {
        strictModelConfig: true
      })
      expectAll(platformCases, failures)
    }))

  it.effect("says what to do with other platforms and backends, and where a config is no config", () =>
    Effect.gen(function*() {
      const { failures } = yield* load(treeOf(backendCases, "", null))
      expectAll(backendCases, failures)
      assert.include(failures.get("tensorrt_plan"), "export the original model to ONNX")
      assert.include(failures.get("tensorflow_savedmodel"), "tf2onnx")
    }))
})

const good = `
input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [ -1, 16 ] }, { name: "INPUT1" data_type: TYPE_INT32 dims: [ -1, 16 ] } ]
output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [ -1, 16 ] } ]`

const tensor = (name: string, type: string, dims: string) => `{ name: "${name}" data_type: ${type} dims: [ ${dims} ] }`
const inputs = (...names: ReadonlyArray<string>) =>
  `input [ ${names.map((name) => tensor(name, "TYPE_INT32", "16")).join(", ")} ]\n`
const outputs = (...names: ReadonlyArray<string>) =>
  `output [ ${names.map((name) => tensor(name, "TYPE_INT8", "16")).join(", ")} ]\n`

describe("configurations that disagree with their model", () => {
  const model = Models.simple({ outputDatatype: "INT8" })
  const cases: ReadonlyArray<BadConfig & { readonly onnx?: Uint8Array }> = [
    {
      model: "bad_input_dims",
      config: `max_batch_size: 1 input [ ${tensor("INPUT0", "TYPE_INT32", "16, 1")}, ${
        tensor("INPUT1", "TYPE_INT32", "16")
      } ]
        ${outputs("OUTPUT0", "OUTPUT1")}`,
      expected:
        "Invalid argument: model 'bad_input_dims', tensor 'INPUT0': the model expects 2 dimensions (shape [-1,16]) but " +
        "the model configuration specifies 3 dimensions (an initial batch dimension because max_batch_size > 0 followed by " +
        "the explicit tensor shape, making complete shape [-1,16,1])"
    },
    {
      model: "bad_output_dims",
      config: `max_batch_size: 1 ${inputs("INPUT0", "INPUT1")}
        output [ ${tensor("OUTPUT0", "TYPE_INT8", "16")}, ${tensor("OUTPUT1", "TYPE_INT8", "1")} ]`,
      expected:
        "Invalid argument: model 'bad_output_dims', tensor 'OUTPUT1': the model expects 2 dimensions (shape [-1,16]) " +
        "but the model configuration specifies 2 dimensions (an initial batch dimension because max_batch_size > 0 followed " +
        "by the explicit tensor shape, making complete shape [-1,1])"
    },
    {
      model: "bad_max_batch_size",
      onnx: Models.simple({ shape: [1, 16], outputDatatype: "INT8" }),
      config: `max_batch_size: 1 ${inputs("INPUT0", "INPUT1")}`,
      expected:
        "Invalid argument: autofill failed for model 'bad_max_batch_size': model does not support batching while " +
        "non-zero max_batch_size is specified"
    },
    {
      model: "too_few_inputs",
      config: `max_batch_size: 1 ${inputs("INPUT0")}${outputs("OUTPUT0", "OUTPUT1")}`,
      expected:
        "Invalid argument: unable to load model 'too_few_inputs', configuration expects 1 inputs, model provides 2"
    },
    {
      model: "too_many_inputs",
      config: `max_batch_size: 1 ${inputs("INPUT0", "INPUT1", "INPUT2")}${outputs("OUTPUT0", "OUTPUT1")}`,
      expected:
        "Invalid argument: unable to load model 'too_many_inputs', configuration expects 3 inputs, model provides 2"
    },
    {
      model: "unknown_input",
      config: `max_batch_size: 1 ${inputs("INPUT0", "INPUT_UNKNOWN")}${outputs("OUTPUT0", "OUTPUT1")}`,
      expected: "Invalid argument: unexpected inference input 'INPUT_UNKNOWN', allowed inputs are: INPUT0, INPUT1"
    },
    {
      model: "unknown_output",
      config: `max_batch_size: 1 ${inputs("INPUT0", "INPUT1")}${outputs("OUTPUT0", "OUTPUT_UNKNOWN")}`,
      expected: "Invalid argument: unexpected inference output 'OUTPUT_UNKNOWN', allowed outputs are: OUTPUT0, OUTPUT1"
    },
    {
      model: "wrong_type",
      config: `max_batch_size: 1 ${inputs("INPUT0", "INPUT1")} output [ ${tensor("OUTPUT0", "TYPE_FP32", "16")} ]`,
      expected:
        "Invalid argument: unable to load model 'wrong_type', configuration expects datatype TYPE_FP32 for output " +
        "'OUTPUT0', model provides TYPE_INT8"
    }
  ]

  it.effect("says what disagrees, and shows the model's own inputs and outputs", () =>
    Effect.gen(function*() {
      const { failures } = yield* load(Object.fromEntries(cases.flatMap(({ config, model: name, onnx = model }) => [
        [`${name}/config.pbtxt`, config],
        [`${name}/1/model.onnx`, onnx]
      ])))
      for (const { expected, model: name } of cases) {
        const [first, ...table] = failures.get(name)?.split("\n") ?? []
        assert.strictEqual(first, `failed to load '${name}' version 1: ${expected}`)
        assert.match(table.join("\n"), /input +INPUT0 +INT32 +\[(-1|1),16\]/)
        assert.match(table.join("\n"), /output +OUTPUT1 +INT8 +\[(-1|1),16\]/)
      }
      assert.strictEqual(failures.size, cases.length)
    }))

  it.effect("refuses what the engine cannot carry, in words", () =>
    Effect.gen(function*() {
      const { failures, ready } = yield* load({
        "bf16/1/model.onnx": Models.identity("BF16"),
        "int4/1/model.onnx": Models.castTo("INT4"),
        "sequence/1/model.onnx": Models.sequenceOutput(),
        "map/1/model.onnx": Models.mapOutput(),
        "optional/1/model.onnx": Models.optionalOutput(),
        "fine/1/model.onnx": Models.identity("FP16")
      })
      assert.deepStrictEqual(ready, ["fine"])
      const text = (name: string) => failures.get(name) ?? "loads"
      assert.include(text("bf16"), "Unsupported: the input 'INPUT0' has the datatype BF16")
      assert.include(text("int4"), "Unsupported: the output 'OUTPUT0' has the datatype INT4")
      for (
        const [name, type, output] of [
          ["sequence", "SEQUENCE", "SEQUENCE"],
          ["map", "SEQUENCE", "SCORES"],
          ["optional", "OPTIONAL", "OPTIONAL"]
        ] as const
      ) {
        assert.include(
          text(name),
          `Unsupported: Unsupported ONNX Type 'ONNX_TYPE_${type}' for I/O '${output}', expected 'ONNX_TYPE_TENSOR'.`
        )
      }
    }))

  it.effect("says what is wrong with a model file that is missing, cut short, empty or something else", () =>
    Effect.gen(function*() {
      const { failures } = yield* load({
        "missing/config.pbtxt": `platform: "onnxruntime_onnx"`,
        "missing/1": null,
        "cut/1/model.onnx": model.subarray(0, model.length / 2),
        "empty/1/model.onnx": "",
        "text/1/model.onnx": "version https://git-lfs.github.com/spec/v1\n",
        "directory/1/model.onnx": null
      })
      const text = (name: string) => failures.get(name) ?? "loads"
      assert.match(
        text("missing"),
        /^failed to load 'missing' version 1: Internal: failed to stat file \S+\/missing\/1\/model.onnx\n/
      )
      assert.include(text("cut"), "is not a complete ONNX model")
      assert.include(text("empty"), "is empty (0 bytes)")
      assert.include(text("text"), "git lfs pull")
      assert.match(
        text("directory"),
        /^failed to load 'directory' version 1: Unavailable: unable to find '\S+\/1\/model.onnx\/model.onnx' for model instance 'directory'\n/
      )
    }))
})
