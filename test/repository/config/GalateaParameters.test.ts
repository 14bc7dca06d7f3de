import { assert, describe, it } from "@effect/vitest"
import { warnings } from "../../../src/layers/repository/internal/config/GalateaParameters.ts"
import { parse } from "./Stages.ts"

const model = "name: \"m\" platform: \"onnxruntime_onnx\""
const ensemble = "name: \"e\" platform: \"ensemble\""

const said = (config: string, ...keys: ReadonlyArray<string>) =>
  warnings(
    parse(`${config} ${keys.map((key) => `parameters { key: "${key}" value { string_value: "x" } }`).join(" ")}`)
  )

describe("parameters of this server", () => {
  const typos: ReadonlyArray<readonly [config: string, key: string, meant: string]> = [
    [ensemble, "galatea.conditon.0", "galatea.condition.0"],
    [ensemble, "galatea.fanout.0", "galatea.fan_out.0"],
    [ensemble, "galatea.maxfanout.12", "galatea.max_fan_out.12"],
    [ensemble, "Galatea.Gather.1", "galatea.gather.1"],
    [ensemble, "galatea.Fan_Out.0", "galatea.fan_out.0"],
    [ensemble, "galatea.fan_out", "galatea.fan_out.‹step›"],
    [model, "galatea.sequence.maxbacklog", "galatea.sequence.max_backlog"],
    [model, "galatea.sequence_max_backlog", "galatea.sequence.max_backlog"],
    [model, "galatea.batchdim.x", "galatea.batch_dim.x"],
    [model, "galatea.batchdim.a.b", "galatea.batch_dim.a.b"],
    [model, "galatea.share.sr", "galatea.shared.sr"],
    [model, "galatea.isolatoin", "galatea.isolation"],
    [model, "galatea.max_run_microsecond", "galatea.max_run_microseconds"],
    [model, "galatea.max_memory_megabyte", "galatea.max_memory_megabytes"]
  ]
  for (const [config, key, meant] of typos) {
    it(`takes ${key} for ${meant}`, () => {
      const name = config === model ? "m" : "e"
      assert.deepStrictEqual(said(config, key), [
        `parameter '${key}' of model '${name}' is unknown and has no effect: did you mean '${meant}'?`
      ])
    })
  }

  it("lists all where none is near", () => {
    assert.deepStrictEqual(said(model, "galatea.colour"), [
      "parameter 'galatea.colour' of model 'm' is unknown and has no effect: known are 'galatea.batch_dim.‹tensor›', " +
      "'galatea.shared.‹tensor›', 'galatea.sequence.max_backlog', 'galatea.isolation', 'galatea.max_run_microseconds', " +
      "'galatea.max_memory_megabytes', 'galatea.max_memory_growth_megabytes', 'galatea.retry', 'galatea.provider_fallback', " +
      "'galatea.fan_out.‹step›', 'galatea.gather.‹step›', 'galatea.max_fan_out.‹step›', 'galatea.condition.‹step›'."
    ])
  })

  it("says which have no effect on such a model", () => {
    assert.deepStrictEqual(said(model, "galatea.condition.0", "galatea.sequence.max_backlog"), [
      "parameter 'galatea.condition.0' of model 'm' has no effect: it is for ensembles, which have platform: \"ensemble\".",
      "parameter 'galatea.sequence.max_backlog' of model 'm' has no effect: it is for models with sequence_batching."
    ])
    assert.deepStrictEqual(said(ensemble, "galatea.shared.x"), [
      "parameter 'galatea.shared.x' of model 'e' has no effect: it is for models that are no ensemble: give it to the models " +
      "of its steps."
    ])
  })

  it("says where bounds on instances have no effect", () => {
    const threads = `${model} parameters { key: "galatea.isolation" value { string_value: "thread" } }`
    assert.deepStrictEqual(said(threads, "galatea.max_memory_megabytes", "galatea.max_run_microseconds"), [
      "parameter 'galatea.max_memory_megabytes' of model 'm' has no effect: it is for models whose instances have processes of " +
      "their own, with galatea.isolation 'process'."
    ])
    assert.deepStrictEqual(said(ensemble, "galatea.isolation"), [
      "parameter 'galatea.isolation' of model 'e' has no effect: it is for models that have instances: give it to the models " +
      "of the ensemble's steps."
    ])
    assert.deepStrictEqual(said(`${model} sequence_batching {}`, "galatea.retry"), [
      "parameter 'galatea.retry' of model 'm' has no effect: it is for models that have instances and no sequence_batching, " +
      "whose steps have a rule of their own."
    ])
    assert.deepStrictEqual(said(model, "galatea.retry", "galatea.max_memory_megabytes"), [])
  })

  it("has nothing to say of those that are read, nor of other people's", () => {
    assert.deepStrictEqual(said(model, "galatea.batch_dim.x", "galatea.shared.y", "session.x", "conditon"), [])
    assert.deepStrictEqual(said(`${model} sequence_batching {}`, "galatea.sequence.max_backlog"), [])
    const keys = ["fan_out", "gather", "max_fan_out", "condition"].map((name) => `galatea.${name}.0`)
    assert.deepStrictEqual(said(ensemble, ...keys), [])
  })
})
