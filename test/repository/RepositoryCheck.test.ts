import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as FileModelRepository from "../../src/layers/repository/FileModelRepository.ts"
import type { LoadEvent } from "../../src/services/ModelRepository.ts"
import * as Models from "../fixtures/onnx/Models.ts"
import { chain, nested } from "./ensemble/Configs.ts"
import * as FakeExecution from "./FakeExecution.ts"
import * as TemporaryRepository from "./TemporaryRepository.ts"

const check = (
  paths: ReadonlyArray<string>,
  options: Partial<FileModelRepository.Options> = {},
  log = FakeExecution.log()
) =>
  FileModelRepository.check({ paths, ...options }).pipe(
    Effect.provide(Layer.merge(FakeExecution.layer(log), TemporaryRepository.platform))
  )

describe("check", () => {
  it.effect("gives a row for each version, and for each model that has none", () =>
    Effect.gen(function*() {
      const onnx = Models.simple()
      const log = FakeExecution.log()
      const events: Array<LoadEvent> = []
      const root = yield* TemporaryRepository.make({
        "m/config.pbtxt": "version_policy { all { } } tags { key: \"a\" value: \"b\" }",
        "m/1/model.onnx": onnx,
        "m/2/model.onnx": "",
        "m/old": null,
        "none/config.pbtxt": "version_policy { latest { } }",
        "none/1/model.onnx": onnx,
        "bad/config.pbtxt": "x",
        "dangling": { link: "nowhere" }
      })
      const rows = yield* check([root], { onEvent: (event) => Effect.sync(() => events.push(event)) }, log)
      assert.deepStrictEqual(
        rows.map(({ config, model, status, version }) => [model, version, status, config?.max_batch_size]),
        [
          ["bad", undefined, "UNAVAILABLE", undefined],
          ["dangling", undefined, "UNAVAILABLE", undefined],
          ["m", 1, "READY", 4],
          ["m", 2, "UNAVAILABLE", 0],
          ["none", undefined, "UNAVAILABLE", 0]
        ]
      )
      assert.isTrue(rows[0]?.reason?.startsWith("Internal: failed to read text proto from "))
      assert.isTrue(rows[3]?.reason?.startsWith("Internal: "))
      assert.isTrue(rows[4]?.reason?.startsWith("Invalid argument: at least one version must be available"))
      assert.isUndefined(rows[2]?.reason)
      const warnings = rows[2]?.warnings.join("\n") ?? ""
      assert.include(warnings, "field \"tags\" is an old name of \"metric_tags\"")
      assert.include(warnings, "ignore version directory 'old' which fails to convert to integral number")
      assert.include(warnings, "autofilled max_batch_size to 4 for model 'm'")
      assert.deepStrictEqual(log.plans.map(({ instances }) => instances.length), [1], "one instance is enough")
      assert.deepStrictEqual(log.events, ["inspect m", "open m 1", "close m 1"])
      assert.deepStrictEqual(
        events.map(({ _tag }) => _tag).sort(),
        ["Failed", "Failed", "Failed", "Failed", "Found", "Loading", "Loading", "Ready"]
      )
    }))

  it.effect("warns of parameters that nobody reads, also of a model that fails", () =>
    Effect.gen(function*() {
      const typo = (key: string) => `parameters { key: "${key}" value { string_value: "IN" } }`
      const root = yield* TemporaryRepository.make({
        "m/1/model.onnx": Models.simple(),
        "m/config.pbtxt": typo("galatea.batchdim.INPUT0"),
        "e/config.pbtxt": `${chain("m")} ${typo("galatea.conditon.0")}`,
        "e/1": null,
        "f/config.pbtxt": `platform: "ensemble" ${typo("galatea.fanout.0")}`,
        "f/1": null
      })
      const rows = yield* check([root])
      const unknown = (key: string, model: string, meant: string) =>
        `parameter '${key}' of model '${model}' is unknown and has no effect: did you mean '${meant}'?`
      assert.deepStrictEqual(
        rows.map(({ status, warnings }) => [status, warnings.filter((warning) => warning.includes("galatea"))]),
        [
          ["READY", [unknown("galatea.conditon.0", "e", "galatea.condition.0")]],
          ["UNAVAILABLE", [unknown("galatea.fanout.0", "f", "galatea.fan_out.0")]],
          ["READY", [unknown("galatea.batchdim.INPUT0", "m", "galatea.batch_dim.INPUT0")]]
        ]
      )
    }))

  it.effect("judges ensembles by their models, without serving any", () =>
    Effect.gen(function*() {
      const onnx = Models.simple()
      const ensemble = (name: string, config: string): TemporaryRepository.Tree => ({
        [`${name}/config.pbtxt`]: config,
        [`${name}/1`]: null
      })
      const log = FakeExecution.log()
      const root = yield* TemporaryRepository.make({
        "m/1/model.onnx": onnx,
        "broken/1/model.onnx": "no model",
        "wide/1/model.onnx": Models.simple({ shape: ["batch", 8] }),
        ...ensemble("a_good", chain((from, to) => nested("b_good", from, to))),
        ...ensemble("b_good", chain("m", "m")),
        ...ensemble("c_failing", chain("m", "broken")),
        ...ensemble("d_outer", chain((from, to) => nested("c_failing", from, to))),
        ...ensemble("e_wide", chain("m", "wide")),
        ...ensemble("f_round", chain((from, to) => nested("f_round", from, to))),
        ...ensemble("g_alone", chain("absent")),
        ...ensemble("i_misspelt", chain("m", "wiide")),
        ...ensemble("h_wrong", "platform: \"ensemble\"")
      })
      const rows = yield* check([root], { loadThreadCount: 1 }, log)
      const said = Object.fromEntries(rows.map(({ model, reason, status }) => [model, reason ?? status]))
      assert.strictEqual(said["a_good"], "READY")
      assert.strictEqual(said["b_good"], "READY")
      assert.match(
        said["c_failing"]!,
        /^Invalid argument: ensemble 'c_failing' depends on 'broken' which has no loaded version\. Model 'broken' loading failed with error: version 1 is at UNAVAILABLE state: /
      )
      assert.match(
        said["d_outer"]!,
        /^Invalid argument: ensemble 'd_outer' depends on 'c_failing' which is not valid\. Model 'c_failing' failed with error: ensemble /
      )
      assert.match(said["e_wide"]!, /^Invalid argument: in ensemble e_wide, ensemble tensor t1: inconsistent shape: /)
      assert.strictEqual(
        said["f_round"],
        "Invalid argument: circular dependency between ensembles: f_round -> f_round"
      )
      assert.match(
        said["g_alone"]!,
        /contains models that are not available or ambiguous: absent\nstep 0 names 'absent'$/
      )
      assert.match(
        said["i_misspelt"]!,
        /not available or ambiguous: wiide\nstep 1 names 'wiide': did you mean 'wide'\?$/
      )
      assert.match(said["h_wrong"]!, /ensemble scheduling must be set for ensemble h_wrong/)
      assert.deepStrictEqual(log.events.filter((event) => event.startsWith("open")).toSorted(), [
        "open m 1",
        "open wide 1"
      ])
      assert.deepStrictEqual(
        rows.find(({ model }) => model === "a_good")?.config?.model_transaction_policy,
        { decoupled: false }
      )
    }))

  it.effect("fails only for a root that cannot be listed", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(check(["/does/not/exist"]))
      assert.strictEqual(error._tag, "PollFailed")
    }))
})
