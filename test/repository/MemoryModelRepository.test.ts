import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Result } from "effect"
import * as MemoryModelRepository from "../../src/layers/repository/MemoryModelRepository.ts"
import { Books } from "../../src/layers/telemetry/internal/Books.ts"
import * as ModelConfig from "../../src/schema/ModelConfig.ts"
import * as ModelSignature from "../../src/schema/ModelSignature.ts"
import { type Model, ModelRepository } from "../../src/services/ModelRepository.ts"
import * as Models from "../fixtures/onnx/Models.ts"
import * as FakeExecution from "./FakeExecution.ts"
import * as TemporaryRepository from "./TemporaryRepository.ts"

const model = (name: string, version: number): Model => ({
  name,
  version,
  config: ModelConfig.make({ name }),
  signature: ModelSignature.make(ModelConfig.make({ name })),
  scheduler: { submit: () => Effect.die("nothing runs here"), depth: () => ({ waiting: 0, running: 0 }) },
  statistics: new Books(name, version, () => 0),
  healthy: () => true
})

const build = <E>(layer: Layer.Layer<ModelRepository, E>) =>
  Effect.map(Layer.build(layer), (context) => Context.get(context, ModelRepository))

const fromFiles = (options: MemoryModelRepository.Options, log = FakeExecution.log()) =>
  build(
    MemoryModelRepository.layerFromFiles(options).pipe(
      Layer.provide([FakeExecution.layer(log), TemporaryRepository.platform])
    )
  )

describe("MemoryModelRepository.layer", () => {
  it.effect("lends the very models it was given", () =>
    Effect.gen(function*() {
      const [one, two] = [model("m", 1), model("m", 2)]
      const repository = yield* build(MemoryModelRepository.layer([one, two, model("a", 7)]))
      const found = repository.lookup("m", "")
      assert.isTrue(Result.isSuccess(found) && found.success.scheduler === two.scheduler)
      assert.deepStrictEqual(repository.readyVersions("m"), [1, 2])
      assert.deepStrictEqual(yield* repository.index, [
        { name: "a", version: "7", state: "READY" },
        { name: "m", version: "1", state: "READY" },
        { name: "m", version: "2", state: "READY" }
      ])
      assert.isTrue(yield* repository.allReady)
    }))

  it.effect("unloads and loads on demand", () =>
    Effect.gen(function*() {
      const repository = yield* build(MemoryModelRepository.layer([model("m", 1)]))
      yield* repository.unload("m")
      yield* repository.unload("unknown")
      yield* Effect.yieldNow
      assert.isTrue(Result.isFailure(repository.lookup("m", "1")))
      assert.deepStrictEqual(yield* repository.index, [
        { name: "m", version: "1", state: "UNAVAILABLE", reason: "unloaded" }
      ])
      yield* repository.load("m")
      assert.isTrue(Result.isSuccess(repository.lookup("m", "1")))
      const unknown = yield* Effect.flip(repository.load("unknown"))
      assert.strictEqual(unknown.message, "failed to load 'unknown', failed to poll from model repository")
      assert.strictEqual((yield* Effect.flip(repository.load("m", { config: "{}" })))._tag, "Unsupported")
    }))

  it.effect("unloads and loads one version by itself", () =>
    Effect.gen(function*() {
      const repository = yield* build(MemoryModelRepository.layer([model("m", 1), model("m", 2)]))
      yield* repository.unload("m", { version: "2" })
      assert.deepStrictEqual(repository.readyVersions("m"), [1])
      yield* repository.load("m", { version: 2 })
      assert.deepStrictEqual(repository.readyVersions("m"), [1, 2])
      assert.match((yield* Effect.flip(repository.load("m", { version: 3 }))).message, /there is no version 3$/)
      assert.strictEqual((yield* Effect.flip(repository.unload("m", { version: "x" })))._tag, "InvalidRequest")
      assert.deepStrictEqual(repository.readyVersions("m"), [1, 2])
    }))
})

describe("MemoryModelRepository.layerFromFiles", () => {
  it.effect("loads files with as much of a config as is given", () =>
    Effect.gen(function*() {
      const root = yield* TemporaryRepository.make({ "net.onnx": Models.simple() })
      const log = FakeExecution.log()
      const path = `${root}/net.onnx`
      const repository = yield* fromFiles({
        models: [
          { name: "plain", path },
          { name: "given", version: 3, path, config: { max_batch_size: 2, instance_group: [{ count: 1 }] } }
        ]
      }, log)
      const found = Result.getOrThrow(repository.lookup("given", "3"))
      assert.strictEqual(found.config.name, "given")
      assert.strictEqual(found.config.max_batch_size, 2)
      assert.strictEqual(Result.getOrThrow(repository.lookup("plain", "")).config.max_batch_size, 4)
      assert.deepStrictEqual(
        log.plans.map(({ instances, model, path }) => [model, instances.length, path]).sort(),
        [["given", 1, path], ["plain", 2, path]]
      )
    }))

  it.effect("closes what it unloads, the queue first", () =>
    Effect.gen(function*() {
      const root = yield* TemporaryRepository.make({ "net.onnx": Models.simple() })
      const log = FakeExecution.log()
      const repository = yield* fromFiles({ models: [{ name: "m", path: `${root}/net.onnx` }] }, log)
      yield* repository.unload("m")
      yield* Effect.yieldNow
      assert.deepStrictEqual(log.events, ["inspect m", "open m 1", "schedule m 1", "unschedule m 1", "close m 1"])
    }))

  it.effect("fails with every model that does not load", () =>
    Effect.gen(function*() {
      const root = yield* TemporaryRepository.make({ "net.onnx": Models.simple(), "junk.onnx": "junk" })
      const error = yield* Effect.flip(fromFiles({
        models: [
          { name: "good", path: `${root}/net.onnx` },
          { name: "junk", path: `${root}/junk.onnx` },
          { name: "negative", path: `${root}/net.onnx`, config: { max_batch_size: -1 } }
        ]
      }))
      assert.deepStrictEqual(error.failures.map(({ model }) => model).sort(), ["junk", "negative"])
      assert.strictEqual(
        error.failures.find(({ model }) => model === "negative")?.reason,
        "Invalid argument: 'max_batch_size' must be non-negative value for negative"
      )
    }))

  const chain = (model: string): MemoryModelRepository.Ensemble["config"] => ({
    platform: "ensemble",
    max_batch_size: 4,
    input: [{ name: "IN", data_type: "TYPE_INT32", dims: [16] }],
    output: [{ name: "OUT", data_type: "TYPE_INT32", dims: [16] }],
    ensemble_scheduling: {
      step: [
        {
          model_name: model,
          model_version: -1,
          input_map: { INPUT0: "IN", INPUT1: "IN" },
          output_map: { OUTPUT0: "OUT" }
        }
      ]
    }
  })

  it.effect("takes ensembles, which come and go with what they consist of", () =>
    Effect.gen(function*() {
      const root = yield* TemporaryRepository.make({ "net.onnx": Models.simple() })
      const path = `${root}/net.onnx`
      const repository = yield* fromFiles({
        models: [{ name: "e", config: chain("m") }, { name: "m", path }, { name: "other", path }]
      })
      const ready = (name: string) => Result.isSuccess(repository.lookup(name, ""))
      assert.deepStrictEqual((yield* repository.index).map(({ name, state }) => [name, state]), [
        ["e", "READY"],
        ["m", "READY"],
        ["other", "READY"]
      ])
      yield* repository.unload("m")
      assert.isFalse(ready("e"))
      assert.match(
        (yield* repository.index)[0]!.reason!,
        /^Invalid argument: ensemble 'e' depends on 'm' which has no loaded version\.$/
      )
      yield* repository.load("m")
      assert.isTrue(ready("e"))
      yield* repository.unload("e", { unloadDependents: true })
      assert.isTrue(ready("m"), "it was loaded by its name")
      yield* repository.unload("m")
      yield* repository.load("e")
      assert.isTrue(ready("e") && ready("m"))
      yield* repository.unload("e", { unloadDependents: true })
      assert.isFalse(ready("m"))
      assert.isTrue(ready("other"))
      assert.match((yield* Effect.flip(repository.load("e", { version: 2 }))).message, /there is no version 2$/)
    }))

  it.effect("says why an ensemble does not load", () =>
    Effect.gen(function*() {
      const root = yield* TemporaryRepository.make({ "net.onnx": Models.simple() })
      const path = `${root}/net.onnx`
      const error = yield* Effect.flip(fromFiles({
        models: [
          { name: "m", path },
          { name: "lonely", config: chain("absent") },
          { name: "empty", config: { platform: "ensemble" } },
          { name: "m", config: chain("m") }
        ]
      }))
      assert.deepStrictEqual(Object.fromEntries(error.failures.map(({ model, reason }) => [model, reason])), {
        lonely:
          "Invalid argument: ensemble lonely contains models that are not available or ambiguous: absent\nstep 0 names 'absent'",
        empty: "Invalid argument: ensemble scheduling must be set for ensemble empty whose platform is ensemble",
        m: "Invalid argument: ensemble 'm' is given twice"
      })
    }))

  it.effect("warns of a misspelt parameter of an ensemble, and names the model that it probably meant", () =>
    Effect.gen(function*() {
      const root = yield* TemporaryRepository.make({ "net.onnx": Models.simple() })
      const warnings: Array<string> = []
      const error = yield* Effect.flip(fromFiles({
        models: [
          { name: "double", path: `${root}/net.onnx` },
          { name: "e", config: { ...chain("doubel"), parameters: { "galatea.conditon.0": { string_value: "IN" } } } }
        ],
        onEvent: (event) =>
          Effect.sync(() => event._tag === "Warning" && event.model === "e" && warnings.push(event.message))
      }))
      assert.match(error.failures[0]!.reason, /step 0 names 'doubel': did you mean 'double'\?$/)
      assert.deepStrictEqual(warnings, [
        "parameter 'galatea.conditon.0' of model 'e' is unknown and has no effect: did you mean 'galatea.condition.0'?"
      ])
    }))
})
