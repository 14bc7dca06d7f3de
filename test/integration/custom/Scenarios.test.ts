/** Scenarios of scheduling §11.5 and §11.6 that need a model which a config cannot make of ONNX. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type * as Child from "../cli/Child.ts"
import { infer, model, numbers, start, step } from "./Running.ts"

const head = `import { Effect } from "effect"
import { Tensor } from "galatea/custom"
const one = (name, value) => Tensor.from(name, [1, 1], Float32Array.of(value))
const of = (tensor) => Tensor.values(tensor, "FP32")[0]
`

/** A sequence model of one row at a time that keeps S: config and module. */
const stateful = (source: string, state: string, rest = "") =>
  model(
    `max_batch_size: 1 ${numbers}
     sequence_batching { max_sequence_idle_microseconds: 60000000 ${
      state === "" ? "" : `state [ {
       input_name: "S" output_name: "S_OUT" data_type: TYPE_FP32 dims: [ 1 ] ${state}
       initial_state: { name: "zero" data_type: TYPE_FP32 dims: [ 1 ] zero_data: true } } ]`
    } ${rest} }
     instance_group { count: 1 kind: KIND_CPU }`,
    head + source
  )

const steps = Effect.fnUntraced(function*(url: string, name: string, values: ReadonlyArray<number>) {
  const answers: Array<unknown> = []
  for (const [i, value] of values.entries()) {
    const { error, outputs } = yield* step(url, name, 1, value, { start: i === 0, end: i === values.length - 1 })
    answers.push(error ?? outputs["Y"]![0])
  }
  return answers
})

const step1: Child.Files = model(
  `max_batch_size: 0 ${numbers}`,
  // Says of each number where in a sequence it stands.
  `${head}export default ({ X }) => {
     const value = of(X)
     return { outputs: { Y: X }, parameters: { sequence_id: 7, sequence_start: value === 1, sequence_end: value === 3 } }
   }`
)

describe("scenarios with custom models", () => {
  it.live("84, 86-89 states of a custom model over HTTP", () =>
    Effect.gen(function*() {
      const url = yield* start({
        adds: stateful(
          `export default ({ X, S }) => ({ outputs: [one("Y", of(S) + of(X))], states: [one("S_OUT", of(S) + of(X))] })`,
          " "
        ),
        undefined_state: stateful(
          `export default ({ X }) => ({ outputs: { Y: X }, states: { undefined_state: X } })`,
          ""
        ),
        wrong_name: stateful(
          `export default ({ X, S }) => ({ outputs: { Y: X }, states: { undefined_state: S } })`,
          " "
        ),
        no_update: stateful(
          `export default ({ X, S }) => {
             const before = of(S)
             Tensor.values(S, "FP32")[0] += of(X)
             return [one("Y", before)]
           }`,
          " "
        ),
        single_buffer: stateful(
          `export default ({ X, S }) => {
             const before = of(S)
             Tensor.values(S, "FP32")[0] += of(X)
             return [one("Y", before)]
           }`,
          "use_same_buffer_for_input_output: true"
        )
      })
      assert.deepStrictEqual(yield* steps(url, "adds", [1, 2, 3]), [1, 3, 6])
      assert.deepStrictEqual(yield* steps(url, "adds", [4, 5]), [4, 9])
      assert.deepStrictEqual(yield* steps(url, "undefined_state", [1]), [
        "custom model error: unable to add state 'undefined_state'. State configuration is missing for model 'undefined_state'."
      ])
      assert.deepStrictEqual(yield* steps(url, "wrong_name", [1]), [
        "custom model error: state 'undefined_state' is not a valid state name."
      ])
      assert.deepStrictEqual(yield* steps(url, "no_update", [1, 2, 3]), [0, 0, 0])
      assert.deepStrictEqual(yield* steps(url, "single_buffer", [1, 2, 3]), [0, 1, 3])
    }).pipe(Effect.scoped))

  it.live("sequence controls, and the end of a sequence, reach a custom model", () =>
    Effect.gen(function*() {
      const control = (name: string, kind: string) =>
        `control_input { name: "${name}" control [ { kind: ${kind} fp32_false_true: [ 0, 1 ] } ] }`
      const url = yield* start({
        m: stateful(
          `let ended = 0
           export const onSequenceEnd = (id, why) => { if (why === "finished") ended += Number(id) }
           export default ({ START, END }) => [one("Y", of(START) + 2 * of(END) + 100 * ended)]`,
          "",
          control("START", "CONTROL_SEQUENCE_START") + control("END", "CONTROL_SEQUENCE_END") +
            control("READY", "CONTROL_SEQUENCE_READY")
        )
      })
      assert.deepStrictEqual(yield* steps(url, "m", [1, 1, 1]), [1, 0, 2])
      assert.deepStrictEqual(yield* steps(url, "m", [1, 1]), [101, 102])
    }).pipe(Effect.scoped))

  it.live("99 flags handed down: the parameters of an answer make a sequence of the next step", () =>
    Effect.gen(function*() {
      const url = yield* start({
        flags: step1,
        told: model(
          `max_batch_size: 0 ${numbers}
           sequence_batching { max_sequence_idle_microseconds: 60000000
             control_input { name: "START" control [ { kind: CONTROL_SEQUENCE_START fp32_false_true: [ 0, 1 ] } ] }
             control_input { name: "END" control [ { kind: CONTROL_SEQUENCE_END fp32_false_true: [ 0, 1 ] } ] } }
           instance_group { count: 1 kind: KIND_CPU }`,
          `${head}export default ({ X, START, END }) => [
             Tensor.from("Y", [1], Float32Array.of(10 * of(X) + of(START) + 2 * of(END)))]`
        ),
        both: {
          "config.pbtxt": `platform: "ensemble" max_batch_size: 0 ${numbers}
            ensemble_scheduling { step [
              { model_name: "flags" model_version: -1 input_map { key: "X" value: "X" } output_map { key: "Y" value: "T" } },
              { model_name: "told" model_version: -1 input_map { key: "X" value: "T" } output_map { key: "Y" value: "Y" } } ] }`,
          "1": {}
        }
      })
      const answers = yield* Effect.forEach([1, 2, 3], (value) => infer(url, "both", value, { rank: 1 }))
      assert.deepStrictEqual(answers.map(({ error, outputs }) => error ?? outputs["Y"]![0]), [11, 20, 32])
    }).pipe(Effect.scoped))

  it.live("100 optional output absent: an answer without it, and no error", () =>
    Effect.gen(function*() {
      const outputs =
        `output [ { name: "Y" data_type: TYPE_FP32 dims: [ 1 ] }, { name: "Z" data_type: TYPE_FP32 dims: [ 1 ] } ]`
      const input = `input [ { name: "X" data_type: TYPE_FP32 dims: [ 1 ] } ]`
      const url = yield* start({
        half: model(`max_batch_size: 2 ${input} ${outputs}`, `${head}export default ({ X }) => ({ Y: X })`),
        whole: {
          "config.pbtxt": `platform: "ensemble" max_batch_size: 2 ${input} ${outputs}
            ensemble_scheduling { step [ { model_name: "half" model_version: -1 input_map { key: "X" value: "X" }
              output_map { key: "Y" value: "Y" } output_map { key: "Z" value: "Z" } } ] }`,
          "1": {}
        }
      })
      for (const name of ["half", "whole"]) {
        const { outputs, status } = yield* infer(url, name, 5)
        assert.deepStrictEqual([status, outputs], [200, { Y: [5] }], name)
      }
    }).pipe(Effect.scoped))
})
