import { assert, describe, it } from "@effect/vitest"
import { fault } from "./Stages.ts"

const tensor = (kind: string) => (name: string) => `${kind} { name: "${name}" data_type: TYPE_FP32 dims: [ 16 ] }`
const inputs = (...names: ReadonlyArray<string>) => names.map(tensor("input")).join(" ")
const outputs = (...names: ReadonlyArray<string>) => names.map(tensor("output")).join(" ")
const map = (field: string, entries: Readonly<Record<string, string>>) =>
  Object.entries(entries).map(([key, value]) => `${field} { key: "${key}" value: "${value}" }`).join(" ")
const step = (
  input: Readonly<Record<string, string>>,
  output: Readonly<Record<string, string>>,
  model = "model_name: \"simple\""
) => `step { ${model} model_version: -1 ${map("input_map", input)} ${map("output_map", output)} }`
const ensemble = (...steps: ReadonlyArray<string>) => `ensemble_scheduling { ${steps.join(" ")} }`
const io = `${inputs("data")} ${outputs("prob")}`
const first = step({ x: "data" }, { y: "temp" })
const second = step({ x: "temp" }, { y: "prob" })
const fine = `platform: "ensemble" max_batch_size: 4 ${io} ${ensemble(first, second)}`

const cases: ReadonlyArray<readonly [name: string, text: string, expected: string]> = [
  ["no_step", `${io} ${ensemble()}`, "must specify 'step' for ensemble 'no_step'"],
  [
    "no_model_name",
    `${io} ${ensemble(first, step({ x: "temp" }, { y: "prob" }, ""))}`,
    "must specify 'model_name' in step 1 of ensemble 'no_model_name'"
  ],
  [
    "no_input_map",
    `${io} ${ensemble(first, step({}, { y: "prob" }))}`,
    "must specify 'input_map' in step 1 of ensemble 'no_input_map'"
  ],
  [
    "no_output_map",
    `${io} ${ensemble(first, step({ x: "temp" }, {}))}`,
    "must specify 'output_map' in step 1 of ensemble 'no_output_map'"
  ],
  [
    "has_backend",
    `backend: "ensemble" ${io} ${ensemble(first, second)}`,
    "Ensemble model 'has_backend' must have platform type 'ensemble' and empty backend type"
  ],
  [
    "ensemble_scheduling_not_set",
    io,
    "ensemble scheduling must be set for ensemble ensemble_scheduling_not_set whose platform is ensemble"
  ],
  [
    "instance_group_set",
    `instance_group { } ${io} ${ensemble(first, second)}`,
    "instance group should not be specified for ensemble 'instance_group_set'"
  ],
  [
    "optimization_set",
    `optimization { } ${io} ${ensemble(first, second)}`,
    "optimization should not be specified for ensemble 'optimization_set'"
  ],
  [
    "model_warmup_set",
    `model_warmup { } ${io} ${ensemble(first, second)}`,
    "model_warmup can not be specified for ensemble 'model_warmup_set'"
  ],
  [
    "output_to_tensor_overmapped",
    `${io} ${ensemble(step({ x: "data" }, { y: "temp", z: "temp" }), second)}`,
    "ensemble tensor 'temp' can appear in an output map only once for ensemble 'output_to_tensor_overmapped' step 0"
  ],
  [
    "written_by_two_steps",
    `${io} ${ensemble(first, step({ x: "data" }, { y: "temp" }), second)}`,
    "ensemble tensor 'temp' can appear in an output map only once for ensemble 'written_by_two_steps' step 1"
  ],
  [
    "redundant_tensor_as_output",
    `${io} ${ensemble(step({ x: "data" }, { y: "temp", z: "temp_6" }), second)}`,
    "ensemble tensor 'temp_6' is unused in ensemble 'redundant_tensor_as_output'\ndata -> step 0 'simple' -> temp_6"
  ],
  [
    "redundant_tensor_as_input",
    `${io} ${ensemble(first, second, step({ x: "temp_6" }, { y: "temp_7" }))}`,
    "ensemble tensor 'temp_7' is unused in ensemble 'redundant_tensor_as_input'\ntemp_6 -> step 2 'simple' -> temp_7"
  ],
  [
    "unreachable_input",
    `${inputs("data", "data_2")} ${outputs("prob")} ${ensemble(first, second)}`,
    "ensemble input 'data_2' for ensemble unreachable_input' is not used"
  ],
  [
    "unreachable_output",
    `${inputs("data")} ${outputs("prob", "prob_2")} ${ensemble(first, second)}`,
    "ensemble output 'prob_2' for ensemble unreachable_output' is not used"
  ],
  [
    "unreachable_output_2",
    `${inputs("data")} ${outputs("prob", "prob_2")} ${ensemble(first, second, step({ x: "prob_2" }, { y: "temp_3" }))}`,
    "output 'prob_2' for ensemble 'unreachable_output_2' is not written"
  ],
  [
    "unreachable_output_3",
    `${inputs("data")} ${outputs("prob", "prob_2")} ${
      ensemble(first, second, step({ x: "not_written_tensor" }, { y: "prob_2" }))
    }`,
    "output 'prob_2' for ensemble 'unreachable_output_3' is not written: at least one of its depending tensors, " +
    "'not_written_tensor', is not connected\nnot_written_tensor -> step 2 'simple' -> prob_2"
  ],
  [
    "output_through_two_steps",
    `${io} ${ensemble(step({ x: "data", z: "nowhere" }, { y: "temp" }), second)}`,
    "output 'prob' for ensemble 'output_through_two_steps' is not written: at least one of its depending tensors, " +
    "'nowhere', is not connected\nnowhere -> step 0 'simple' -> temp -> step 1 'simple' -> prob"
  ],
  [
    "circle_of_steps",
    `${io} ${ensemble(step({ x: "data", z: "prob" }, { y: "temp" }), second)}`,
    "output 'prob' for ensemble 'circle_of_steps' is not written: at least one of its depending tensors, 'temp', is " +
    "not connected, because the steps wait for each other\nprob -> step 0 'simple' -> temp -> step 1 'simple' -> prob"
  ],
  [
    "circle_of_one_step",
    `${io} ${ensemble(step({ x: "data", z: "prob" }, { y: "prob" }))}`,
    "output 'prob' for ensemble 'circle_of_one_step' is not written, because its step waits for what it writes itself\n" +
    "prob -> step 0 'simple' -> prob"
  ],
  [
    "misspelt_input",
    `${io} ${ensemble(step({ x: "dta" }, { y: "temp" }), second)}`,
    "ensemble input 'data' for ensemble misspelt_input' is not used; step 0 (model 'simple') reads 'dta', which nothing " +
    "writes: did you mean 'data'?"
  ],
  [
    "other_input",
    `${io} ${ensemble(step({ x: "picture" }, { y: "temp" }), second)}`,
    "ensemble input 'data' for ensemble other_input' is not used; step 0 (model 'simple') reads 'picture', which nothing writes"
  ],
  [
    "misspelt_output",
    `${io} ${ensemble(first, step({ x: "temp" }, { y: "porb" }))}`,
    "ensemble output 'prob' for ensemble misspelt_output' is not used; step 1 (model 'simple') writes 'porb', which nothing " +
    "reads: did you mean 'prob'?"
  ],
  [
    "misspelt_between",
    `${io} ${ensemble(step({ x: "data" }, { y: "temp_1" }), step({ x: "tmp1" }, { y: "prob" }))}`,
    "output 'prob' for ensemble 'misspelt_between' is not written: at least one of its depending tensors, 'tmp1', is not " +
    "connected: did you mean 'temp_1'?\ntmp1 -> step 1 'simple' -> prob"
  ],
  [
    "misspelt_between_used_ones",
    `${io} ${ensemble(first, step({ x: "temp", z: "tmep" }, { y: "prob" }))}`,
    "output 'prob' for ensemble 'misspelt_between_used_ones' is not written: at least one of its depending tensors, 'tmep', is " +
    "not connected: did you mean 'temp'?\ntmep -> step 1 'simple' -> prob"
  ],
  [
    "not_its_own_output",
    `${io} ${ensemble(step({ x: "data", z: "porb" }, { y: "prob" }))}`,
    "output 'prob' for ensemble 'not_its_own_output' is not written: at least one of its depending tensors, 'porb', is " +
    "not connected\nporb -> step 0 'simple' -> prob"
  ]
]

describe("ensembles", () => {
  it("accepts steps in any order, and outputs of a step that nobody maps", () => {
    assert.isUndefined(fault(fine))
    assert.isUndefined(fault(`platform: "ensemble" ${io} ${ensemble(second, first)}`))
    assert.isUndefined(fault(
      `platform: "ensemble" ${inputs("a", "b")} ${outputs("c", "temp")} ${
        ensemble(step({ x: "a", y: "b" }, { z: "temp" }), step({ x: "temp", y: "a" }, { z: "c" }))
      }`
    ))
  })

  it("counts tensors that parameters read and write", () => {
    const said = (entries: Readonly<Record<string, string>>) =>
      Object.entries(entries).map(([key, value]) => `parameters { key: "${key}" value { string_value: "${value}" } }`)
        .join(" ")
    const more = (parameters: Readonly<Record<string, string>>, outs = outputs("prob")) =>
      `platform: "ensemble" ${inputs("data", "more")} ${outs} ${said(parameters)} ${ensemble(first, second)}`
    assert.strictEqual(fault(more({}), { name: "e" }), "ensemble input 'more' for ensemble e' is not used")
    assert.isUndefined(fault(more({ "galatea.condition.0": "more" })))
    assert.isUndefined(fault(more({ "galatea.fan_out.1": "temp@more" })))
    const gather = { "galatea.fan_out.0": "data@more", "galatea.gather.0": "temp@shapes" }
    assert.strictEqual(
      fault(more(gather), { name: "e" }),
      "ensemble tensor 'shapes' is unused in ensemble 'e'\ndata -> step 0 'simple' -> shapes"
    )
    assert.isUndefined(fault(more(gather, outputs("prob", "shapes"))))
    assert.strictEqual(
      fault(more({ "galatea.condition.0": "prob", "galatea.fan_out.1": "temp@more" }), { name: "e" }),
      "output 'prob' for ensemble 'e' is not written: at least one of its depending tensors, 'temp', is not connected, because " +
        "the steps wait for each other\nprob -> step 0 'simple' -> temp -> step 1 'simple' -> prob"
    )
    assert.strictEqual(
      fault(more({ "galatea.condition.7": "more" }), { name: "e" }),
      "parameter 'galatea.condition.7' of ensemble 'e' names step '7', expected the index of a step: 0 to 1"
    )
  })

  for (const [name, text, expected] of cases) {
    it(`refuses ${name}`, () => {
      assert.strictEqual(fault(`platform: "ensemble" ${text}`, { name }), expected)
    })
  }

  it("checks a long chain of steps in linear time", () => {
    const chain = Array.from({ length: 3000 }, (_, index) => step({ x: `t${index + 1}` }, { y: `t${index}` }))
    assert.isUndefined(fault(`platform: "ensemble" ${inputs("t3000")} ${outputs("t0")} ${ensemble(...chain)}`))
  })
})
