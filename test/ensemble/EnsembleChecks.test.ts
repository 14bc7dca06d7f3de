import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as EnsembleChecks from "../../src/layers/ensemble/EnsembleChecks.ts"
import { validateConfig } from "../../src/layers/repository/internal/config/Validate.ts"
import * as ModelSignature from "../../src/schema/ModelSignature.ts"
import * as TextFormat from "../../src/schema/proto/TextFormat.ts"
import { doubling, ensemble, type Step } from "../repository/ensemble/Configs.ts"

const parse = (text: string, name: string) => {
  const parsed = TextFormat.parseModelConfig(new TextEncoder().encode(text), { path: name })
  const { config } = Result.getOrThrow(parsed)
  return { ...config, name, version_policy: { latest: { num_versions: 1 }, all: undefined, specific: undefined } }
}

const io = (kind: string, name: string, type: string, dims: string, more = "") =>
  `${kind} { name: "${name}" data_type: TYPE_${type} dims: [ ${dims} ] ${more} }`

const model = (batch: number, ...lines: ReadonlyArray<string>) =>
  ModelSignature.make(parse(`max_batch_size: ${batch}\n${lines.join("\n")}`, "m"))

const two = (batch: number, type: string, dims: string) =>
  model(
    batch,
    io("input", "INPUT0", type, dims),
    io("input", "INPUT1", type, dims),
    io("output", "OUTPUT0", type, dims),
    io("output", "OUTPUT1", type, dims)
  )

type Models = Readonly<Record<string, ModelSignature.ModelSignature>>

const problem = (text: string, models: Models): string | undefined => {
  const config = parse(text, "e")
  assert.deepStrictEqual(validateConfig(config), Result.succeed(undefined), "the ensemble by itself is fine")
  return EnsembleChecks.problemOf(
    config,
    ModelSignature.make(config),
    config.ensemble_scheduling!.step.map(({ model_name: name }) => models[name])
  )
}

const parameter = (key: string, value: string) =>
  `parameters { key: "galatea.${key}" value { string_value: "${value}" } }`

const pair = (a: string, b: string, more = ""): string =>
  ensemble({ steps: [doubling(a, "IN", "temp"), doubling(b, "temp", "OUT")], more })

const plain = { a: two(4, "INT32", "16"), b: two(4, "INT32", "16") }

describe("an ensemble and its models", () => {
  const fits: ReadonlyArray<readonly [what: string, text: string, models: Models]> = [
    ["of the same shapes", pair("a", "b"), plain],
    ["of any size", pair("a", "b"), { ...plain, b: two(4, "INT32", "-1") }],
    ["one that does not batch, by its dims", pair("a", "b"), { ...plain, b: two(0, "INT32", "16") }],
    ["one that does not batch, by its complete shape", pair("a", "b"), { ...plain, b: two(0, "INT32", "-1, 16") }],
    ["one that batches more", pair("a", "b"), { ...plain, b: two(64, "INT32", "16") }],
    ["one that is not known yet", pair("a", "b"), { a: plain.a }],
    [
      "an output that nobody wants",
      ensemble({ steps: [{ model: "a", inputs: { INPUT0: "IN", INPUT1: "IN" }, outputs: { OUTPUT1: "OUT" } }] }),
      plain
    ],
    [
      "an optional input that is left out",
      ensemble({ steps: [{ model: "o", inputs: { X: "IN" }, outputs: { Y: "OUT" } }] }),
      {
        o: model(
          4,
          io("input", "X", "INT32", "16"),
          io("input", "MORE", "INT32", "16", "optional: true"),
          io("output", "Y", "INT32", "16")
        )
      }
    ],
    [
      "a reshaped input of the ensemble",
      ensemble({
        steps: [doubling("a", "IN", "OUT")],
        inputs: { IN: { dims: "4, 4", more: "reshape { shape: [ 16 ] }" } },
        outputs: { OUT: { dims: "2, 8", more: "reshape { shape: [ 16 ] }" } }
      }),
      plain
    ]
  ]
  for (const [what, text, models] of fits) {
    it(`fit: ${what}`, () => assert.isUndefined(problem(text, models)))
  }

  const faults: ReadonlyArray<readonly [what: string, text: string, models: Models, expected: string]> = [
    [
      "batch",
      ensemble({ batch: 3, steps: [doubling("a", "IN", "OUT")] }),
      { a: two(2, "INT32", "16") },
      "ensemble e allows maximum batch size 3, but it contains model a which only allows maximum batch size to be 2\n" +
      "in step 0 'a': lower max_batch_size of the ensemble, or raise that of the model"
    ],
    [
      "data type",
      pair("a", "b"),
      { ...plain, b: two(4, "FP32", "16") },
      "in ensemble e, ensemble tensor temp: inconsistent data type: TYPE_INT32 is inferred from model a while TYPE_FP32 is " +
      "inferred from model b\nIN -> step 0 'a' -> temp -> step 1 'b'"
    ],
    [
      "data type of the ensemble itself",
      pair("a", "b"),
      { a: two(4, "FP32", "16") },
      "in ensemble e, ensemble tensor IN: inconsistent data type: TYPE_INT32 is inferred from model e while TYPE_FP32 is " +
      "inferred from model a\nIN -> step 0 'a'"
    ],
    [
      "shape",
      pair("a", "b"),
      { ...plain, b: two(4, "INT32", "16, 16, 16") },
      "in ensemble e, ensemble tensor temp: inconsistent shape: [-1,16] is inferred from model a while [-1,16,16,16] is " +
      "inferred from model b\nIN -> step 0 'a' -> temp -> step 1 'b'"
    ],
    [
      "shape of what the ensemble gives",
      ensemble({ steps: [doubling("a", "IN", "OUT")], outputs: { OUT: { dims: "8" } } }),
      plain,
      "in ensemble e, ensemble tensor OUT: inconsistent shape: [-1,8] is inferred from model e while [-1,16] is inferred from " +
      "model a\nIN -> step 0 'a' -> OUT"
    ],
    [
      "an input that is none",
      ensemble({
        steps: [doubling("a", "IN", "temp_5"), {
          model: "b",
          inputs: { invalid: "temp_5" },
          outputs: { OUTPUT0: "OUT" }
        }]
      }),
      plain,
      "in ensemble e, ensemble tensor temp_5 is mapping to non-existing input invalid in model b\n" +
      "IN -> step 0 'a' -> temp_5 -> step 1 'b', which has the inputs 'INPUT0', 'INPUT1'"
    ],
    [
      "an output that is none",
      ensemble({
        steps: [
          { model: "a", inputs: { INPUT0: "IN", INPUT1: "IN" }, outputs: { invalid: "temp" } },
          doubling("b", "temp", "OUT")
        ]
      }),
      plain,
      "in ensemble e, ensemble tensor temp is mapped from non-existing output invalid in model a\n" +
      "IN -> step 0 'a' -> temp -> step 1 'b': step 0 'a' has the outputs 'OUTPUT0', 'OUTPUT1'"
    ],
    [
      "an input that gets nothing",
      ensemble({ steps: [{ model: "a", inputs: { INPUT1: "IN" }, outputs: { OUTPUT0: "OUT" } }] }),
      plain,
      "in ensemble e, input INPUT0 in model a is not mapped to any ensemble tensors\n" +
      "add it to the input_map of step 0 'a', which has 'INPUT1'"
    ]
  ]
  for (const [what, text, models, expected] of faults) {
    it(`do not fit: ${what}`, () => assert.strictEqual(problem(text, models), expected))
  }

  it("have the middle of a long way left out", () => {
    const names = Array.from({ length: 20 }, (_, i) => `m${i}`)
    const steps = names.map((name, i): Step => doubling(name, i === 0 ? "IN" : `t${i}`, i === 19 ? "OUT" : `t${i + 1}`))
    const models = Object.fromEntries(names.map((name, i) => [name, two(4, i === 19 ? "FP32" : "INT32", "16")]))
    assert.match(
      problem(ensemble({ steps }), models)!,
      /\nIN -> step 0 'm0' -> t1 -> step 1 'm1' -> t2 -> step 2 'm2' -> \.\.\. -> .* -> t19 -> step 19 'm19'$/
    )
  })
})

describe("parts and conditions", () => {
  const crops = (inputs: Step["inputs"], outputs: Step["outputs"], ...more: ReadonlyArray<string>) =>
    ensemble({
      batch: 0,
      inputs: { CROPS: { type: "FP32", dims: "-1" }, SHAPES: { type: "INT64", dims: "-1, 3" } },
      outputs: { ROWS: { type: "FP32", dims: "-1, 10" } },
      steps: [{ model: "r", inputs, outputs }],
      more: more.join("\n")
    })
  const recogniser = model(8, io("input", "X", "FP32", "3, -1, -1"), io("output", "Y", "FP32", "10"))

  it("fit: flat parts with their shapes, gathered as rows", () => {
    const text = crops({ X: "CROPS" }, { Y: "ROWS" }, parameter("fan_out.0", "CROPS@SHAPES"))
    assert.isUndefined(problem(text, { r: recogniser }))
    const single = model(0, io("input", "X", "FP32", "3, -1, -1"), io("output", "Y", "FP32", "1, 10"))
    assert.isUndefined(problem(text, { r: single }))
    assert.match(
      problem(text, { r: model(8, io("input", "X", "FP32", "-1, -1, -1, -1"), io("output", "Y", "FP32", "10")) })!,
      /^in ensemble e, ensemble tensor SHAPES: inconsistent shape: \[-1,3\] is inferred from model e while \[-1,4\] or \[-1,5\] is inferred from parameter 'galatea\.fan_out\.0'\n/
    )
    assert.match(
      problem(text.replace("TYPE_INT64", "TYPE_INT32"), { r: recogniser })!,
      /^in ensemble e, ensemble tensor SHAPES: inconsistent data type: TYPE_INT32 is inferred from model e while TYPE_INT64 is inferred from parameter/
    )
    assert.match(
      problem(text, { r: model(8, io("input", "X", "UINT8", "3, -1, -1"), io("output", "Y", "FP32", "10")) })!,
      /^in ensemble e, ensemble tensor CROPS: inconsistent data type: TYPE_FP32 is inferred from model e while TYPE_UINT8/
    )
    assert.match(
      problem(text, { r: model(8, io("input", "X", "FP32", "3, -1, -1"), io("output", "Y", "FP32", "11")) })!,
      /^in ensemble e, ensemble tensor ROWS: inconsistent shape: \[-1,10\] is inferred from model e while \[-1,11\]/
    )
  })

  it("fit: rows as parts, for models that batch and that do not", () => {
    const text = (dims: string) =>
      ensemble({
        batch: 0,
        inputs: { IN: { dims } },
        outputs: { OUT: { dims } },
        steps: [doubling("a", "IN", "OUT")],
        more: parameter("fan_out.0", "IN")
      })
    assert.isUndefined(problem(text("-1, 16"), { a: two(4, "INT32", "16") }))
    assert.isUndefined(problem(text("-1, 16"), { a: two(0, "INT32", "1, 16") }))
    assert.match(problem(text("16"), { a: two(4, "INT32", "16") })!, /inconsistent shape: \[16\] is .* \[-1,16\] is/)
    assert.match(
      problem(text("-1, 16"), { a: two(0, "INT32", "2, 16") })!,
      /inconsistent shape: \[-1,16\] is .* \[-1,2,16\] is/
    )
  })

  it("fit: a gathered tensor and its shapes, written by the step", () => {
    const text = (type: string, dims: string) =>
      ensemble({
        batch: 0,
        inputs: { IN: { dims: "-1, 16" } },
        outputs: { OUT: { dims: "-1" }, SHAPES: { type, dims } },
        steps: [doubling("a", "IN", "OUT")],
        more: `${parameter("fan_out.0", "IN")} ${parameter("gather.0", "OUT@SHAPES")}`
      })
    assert.isUndefined(problem(text("INT64", "-1, 1"), plain))
    assert.match(
      problem(text("INT64", "-1, 2"), plain)!,
      /tensor SHAPES: inconsistent shape: .* from parameter 'galatea\.gather\.0'\n/
    )
    assert.match(problem(text("INT32", "-1, 1"), plain)!, /tensor SHAPES: inconsistent data type: TYPE_INT32/)
  })

  it("fit: a condition of one truth value", () => {
    const text = (type: string, dims: string) =>
      ensemble({
        inputs: { IN: {}, IF: { type, dims } },
        steps: [doubling("a", "IN", "OUT")],
        more: parameter("condition.0", "!IF")
      })
    assert.isUndefined(problem(text("BOOL", "1"), plain))
    assert.isUndefined(problem(text("BOOL", "-1"), plain))
    assert.strictEqual(
      problem(text("BOOL", "2"), plain),
      "in ensemble e, ensemble tensor IF: inconsistent shape: [-1,2] is inferred from model e while [1,1] is inferred from " +
        "parameter 'galatea.condition.0'\nIF -> step 0 'a'"
    )
    assert.match(problem(text("INT32", "1"), plain)!, /tensor IF: inconsistent data type: TYPE_INT32 .* TYPE_BOOL/)
    assert.match(
      problem(text("INT32", "1"), {})!,
      /tensor IF: inconsistent data type/,
      "also before the model is known"
    )
  })
})
