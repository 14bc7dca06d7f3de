import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as EnsembleExtensions from "../../src/layers/ensemble/EnsembleExtensions.ts"
import * as ModelConfig from "../../src/schema/ModelConfig.ts"
import { io, parameters, step } from "./FakeModels.ts"

const config = (said: Readonly<Record<string, string>>) =>
  ModelConfig.make({
    name: "e",
    input: [io("IN"), io("S"), io("F")],
    output: [io("OUT")],
    parameters: parameters(said),
    ensemble_scheduling: {
      step: [step("a", { x: "IN", z: "S" }, { y: "t", w: "odd@name" }), step("b", { x: "t" }, { y: "OUT" })]
    }
  })

const read = (said: Readonly<Record<string, string>>) => {
  const made = config(said)
  return EnsembleExtensions.read(made, made.ensemble_scheduling!)
}

describe("EnsembleExtensions", () => {
  it("reads what is said of each step", () => {
    assert.deepStrictEqual(
      Result.getOrThrow(read({
        "galatea.fan_out.0": "IN@F, S",
        "galatea.gather.0": "t@shapes,odd@name@others",
        "galatea.max_fan_out.0": "7",
        "galatea.condition.1": "!F",
        "galatea.fan_out.1": "t@shapes",
        "other": "x"
      })),
      [{
        fanOut: [{ tensor: "IN", shapes: "F" }, { tensor: "S", shapes: undefined }],
        gather: [{ tensor: "t", shapes: "shapes" }, { tensor: "odd@name", shapes: "others" }],
        maxFanOut: 7,
        condition: undefined
      }, {
        fanOut: [{ tensor: "t", shapes: "shapes" }],
        gather: [],
        maxFanOut: 1024,
        condition: { tensor: "F", negated: true }
      }]
    )
  })

  const wrong: ReadonlyArray<readonly [Readonly<Record<string, string>>, string]> = [
    [
      { "galatea.fan_out.2": "t" },
      "parameter 'galatea.fan_out.2' of ensemble 'e' names step '2', expected the index of a step: 0 to 1"
    ],
    [
      { "galatea.condition.x": "t" },
      "parameter 'galatea.condition.x' of ensemble 'e' names step 'x', expected the index of a step: 0 to 1"
    ],
    [
      { "galatea.fan_out.1": "IN" },
      "parameter 'galatea.fan_out.1' of ensemble 'e' names 'IN', which is no input of step 1 (model 'b'): its inputs are 't'"
    ],
    [{ "galatea.fan_out.0": "IN,IN" }, "parameter 'galatea.fan_out.0' of ensemble 'e' names 'IN' twice"],
    [
      { "galatea.fan_out.0": "IN@nowhere" },
      "parameter 'galatea.fan_out.0' of ensemble 'e' names 'nowhere', which is neither an input of the ensemble nor written by a step"
    ],
    [
      { "galatea.fan_out.0": "IN", "galatea.gather.0": "OUT@s" },
      "parameter 'galatea.gather.0' of ensemble 'e' names 'OUT', which is no output of step 0 (model 'a'): its outputs are 't', " +
      "'odd@name'"
    ],
    [
      { "galatea.fan_out.0": "IN", "galatea.gather.0": "t" },
      "parameter 'galatea.gather.0' of ensemble 'e' names 't' without a tensor for the shapes of its parts: expected 't@‹shapes›'"
    ],
    [
      { "galatea.fan_out.0": "IN", "galatea.gather.0": "t@s,t@r" },
      "parameter 'galatea.gather.0' of ensemble 'e' names 't' twice"
    ],
    [
      { "galatea.gather.0": "t@s" },
      "parameter 'galatea.gather.0' of ensemble 'e' means nothing without 'galatea.fan_out.0', which says what step 0 (model 'a') " +
      "gets in parts"
    ],
    [
      { "galatea.max_fan_out.1": "3" },
      "parameter 'galatea.max_fan_out.1' of ensemble 'e' means nothing without 'galatea.fan_out.1', which says what step 1 (model " +
      "'b') gets in parts"
    ],
    [
      { "galatea.fan_out.0": "IN", "galatea.max_fan_out.0": "0" },
      "parameter 'galatea.max_fan_out.0' of ensemble 'e' is '0', expected a whole number from 1 to 999999999"
    ],
    [
      { "galatea.condition.0": "!" },
      "parameter 'galatea.condition.0' of ensemble 'e' is '!', expected the name of a BOOL ensemble tensor, or '!' and its name"
    ],
    [
      { "galatea.condition.0": "nowhere" },
      "parameter 'galatea.condition.0' of ensemble 'e' names 'nowhere', which is neither an input of the ensemble nor written by a step"
    ]
  ]
  it.each(wrong)("refuses %o", (said, expected) => {
    assert.strictEqual(Result.merge(Result.map(read(said), () => "read")), expected)
  })
})
