import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Result } from "effect"
import { readFile } from "node:fs/promises"
import * as OnnxExecutor from "../../src/layers/execution/OnnxExecutor.ts"
import * as SharedTensorMemory from "../../src/layers/execution/SharedTensorMemory.ts"
import * as FileModelRepository from "../../src/layers/repository/FileModelRepository.ts"
import * as MemoryModelRepository from "../../src/layers/repository/MemoryModelRepository.ts"
import * as DirectScheduler from "../../src/layers/scheduling/DirectScheduler.ts"
import * as LocalStatistics from "../../src/layers/telemetry/LocalStatistics.ts"
import type { Tensor } from "../../src/schema/Inference.ts"
import { type Model, ModelRepository } from "../../src/services/ModelRepository.ts"
import * as Models from "../fixtures/onnx/Models.ts"
import * as TemporaryRepository from "../repository/TemporaryRepository.ts"

const execution = Layer.mergeAll(
  OnnxExecutor.layer.pipe(Layer.provide(SharedTensorMemory.layer)),
  DirectScheduler.layer,
  LocalStatistics.layer,
  TemporaryRepository.platform
)

const build = <E>(layer: Layer.Layer<ModelRepository, E>) =>
  Effect.map(Layer.build(layer), (context) => Context.get(context, ModelRepository))

const open = (paths: ReadonlyArray<string>, options: Partial<FileModelRepository.Options> = {}) =>
  build(FileModelRepository.layer({ paths, ...options }).pipe(Layer.provide(execution)))

const modelOf = (repository: ModelRepository["Service"], name: string, version = ""): Model =>
  Result.getOrThrow(repository.lookup(name, version))

const float = (name: string, shape: ReadonlyArray<number>, values: ReadonlyArray<number>): Tensor => ({
  name,
  datatype: "FP32",
  shape,
  data: new Uint8Array(Float32Array.from(values).buffer)
})

/** Runs a model and gives the floats of its first output. */
const run = (model: Model, inputs: ReadonlyArray<Tensor>) =>
  model.scheduler.submit({
    inputs,
    outputs: model.config.output.slice(0, 1).map(({ name }) => name),
    batchSize: inputs[0]?.shape[0] ?? 1,
    priority: 0,
    timeoutMicros: 0,
    deadlineMicros: 0
  }).pipe(Effect.map(({ outputs, release }) => {
    const { byteLength, byteOffset, buffer } = outputs[0]!.data
    const values = [...new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer)]
    release()
    return values
  }))

describe("FileModelRepository with ONNX Runtime", () => {
  it.live("loads what it finds and runs it: plain, external data, several versions, a bare file", () =>
    Effect.gen(function*() {
      const external = Models.externalData()
      const root = yield* TemporaryRepository.make({
        "plain/1/model.onnx": Models.identity("FP32"),
        "external/1/model.onnx": external.model,
        "external/1/weights.bin": external.weights,
        "folder/1/model.onnx/model.onnx": external.model,
        "folder/1/model.onnx/weights.bin": external.weights,
        "versions/config.pbtxt": "version_policy { all { } } instance_group { count: 1 kind: KIND_CPU }",
        "versions/1/model.onnx": Models.identity("FP32"),
        "versions/2/model.onnx": Models.externalData().model,
        "versions/2/weights.bin": external.weights
      })
      const bare = yield* TemporaryRepository.make({ "bare.onnx": external.model, "weights.bin": external.weights })
      const repository = yield* open([root, bare])
      assert.deepStrictEqual((yield* repository.index).map(({ name, state, version }) => [name, version, state]), [
        ["bare", "1", "READY"],
        ["external", "1", "READY"],
        ["folder", "1", "READY"],
        ["plain", "1", "READY"],
        ["versions", "1", "READY"],
        ["versions", "2", "READY"]
      ])
      assert.isTrue(yield* repository.allReady)
      const four = [float("INPUT0", [1, 4], [10, 20, 30, 40])]
      for (const [name, version] of [["external", ""], ["folder", ""], ["bare", "1"], ["versions", "2"]] as const) {
        assert.deepStrictEqual(yield* run(modelOf(repository, name, version), four), [11, 22, 33, 44], name)
      }
      const sixteen = Array.from({ length: 16 }, (_, index) => index)
      for (const [name, version] of [["plain", "1"], ["versions", "1"]] as const) {
        assert.deepStrictEqual(
          yield* run(modelOf(repository, name, version), [float("INPUT0", [1, 16], sixteen)]),
          sixteen
        )
      }
    }))

  it.live("survives every broken model file and says what is wrong with each", () =>
    Effect.gen(function*() {
      const good = Models.identity("FP32")
      const external = Models.externalData()
      const noise = Uint8Array.from({ length: 4096 }, (_, index) => (index * 2654435761) >>> 24)
      const halfOp = Buffer.from(good)
      halfOp.write("Idontity", halfOp.indexOf("Identity"))
      const failures = new Map<string, string>()
      const root = yield* TemporaryRepository.make({
        "good/1/model.onnx": good,
        "missing/config.pbtxt": `backend: "onnxruntime"`,
        "missing/1": null,
        "empty/1/model.onnx": "",
        "noise/1/model.onnx": noise,
        "truncated/1/model.onnx": good.subarray(0, good.length - 5),
        "unknown_operator/1/model.onnx": halfOp,
        "no_weights/1/model.onnx": external.model,
        "short_weights/1/model.onnx": external.model,
        "short_weights/1/weights.bin": external.weights.subarray(0, 7),
        "bf16/1/model.onnx": Models.identity("BF16"),
        "int4/1/model.onnx": Models.castTo("INT4"),
        "uint4/1/model.onnx": Models.castTo("UINT4"),
        "sequence/1/model.onnx": Models.sequenceOutput(),
        "map/1/model.onnx": Models.mapOutput(),
        "optional/1/model.onnx": Models.optionalOutput()
      })
      const repository = yield* open([root], {
        exitOnError: false,
        onEvent: (event) =>
          Effect.sync(() => {
            if (event._tag === "Failed") failures.set(event.model, FileModelRepository.formatFailure(event))
          })
      })
      assert.deepStrictEqual(
        (yield* repository.index).filter(({ state }) => state === "READY").map(({ name }) => name),
        ["good"]
      )
      assert.strictEqual(failures.size, 13)
      for (const [name, text] of failures) {
        assert.match(
          text,
          new RegExp(`^failed to load '${name}' version 1: (Internal|Unsupported|Invalid argument): .{20}`)
        )
      }
      assert.include(failures.get("unknown_operator"), "Idontity")
      assert.include(failures.get("no_weights"), "weights.bin")
      const sixteen = Array.from({ length: 16 }, () => 1)
      assert.deepStrictEqual(yield* run(modelOf(repository, "good"), [float("INPUT0", [1, 16], sixteen)]), sixteen)
    }))

  it.live("runs models whose config reshapes, and models without a first dimension of any size", () =>
    Effect.gen(function*() {
      const root = yield* TemporaryRepository.make({
        "scalar/1/model.onnx": Models.scalar(),
        "per_row/1/model.onnx": Models.scalarPerRow(),
        "fixed/1/model.onnx": Models.identity("FP32", [1, 4]),
        "zero/1/model.onnx": Models.zeroDim(),
        "strings/1/model.onnx": Models.simpleString()
      })
      const repository = yield* open([root])
      const shapes = (name: string) => {
        const { inputs, maxBatchSize } = modelOf(repository, name).signature
        return [maxBatchSize, inputs[0]?.shape, inputs[0]?.modelShape]
      }
      assert.deepStrictEqual(shapes("scalar"), [0, [1], []])
      assert.deepStrictEqual(shapes("per_row"), [4, [-1, 1], [-1]])
      assert.deepStrictEqual(shapes("fixed"), [0, [1, 4], [1, 4]])
      assert.deepStrictEqual(shapes("zero"), [0, [0, 16], [0, 16]])
      assert.deepStrictEqual(shapes("strings"), [4, [-1, 16], [-1, 16]])
    }))

  it.live("keeps Silero's and other real models out of trouble: their files load as they are", () =>
    Effect.gen(function*() {
      const directory = "node_modules/@ricky0123/vad-web/dist"
      const root = yield* TemporaryRepository.make({
        "silero/config.pbtxt": "version_policy { all { } }",
        "silero/4/model.onnx": yield* Effect.promise(() => readFile(`${directory}/silero_vad_legacy.onnx`)),
        "silero/5/model.onnx": yield* Effect.promise(() => readFile(`${directory}/silero_vad_v5.onnx`))
      })
      const repository = yield* open([root])
      assert.deepStrictEqual(repository.readyVersions("silero"), [4, 5])
    }))
})

describe("MemoryModelRepository with ONNX Runtime", () => {
  it.live("finishes the work of a model that is unloaded, and takes no more", () =>
    Effect.gen(function*() {
      const root = yield* TemporaryRepository.make({ "slow.onnx": Models.slow(2000) })
      const repository = yield* build(
        MemoryModelRepository.layerFromFiles({
          models: [{
            name: "slow",
            path: `${root}/slow.onnx`,
            config: { instance_group: [{ count: 1, kind: "KIND_CPU" }] }
          }]
        }).pipe(Layer.provide(execution))
      )
      const model = modelOf(repository, "slow")
      const values = Array.from({ length: 16 }, (_, index) => index)
      const submit = Effect.forkChild(run(model, [float("INPUT0", [1, 16], values)]), { startImmediately: true })
      const accepted = [yield* submit, yield* submit]
      yield* repository.unload("slow")
      assert.isTrue(Result.isFailure(repository.lookup("slow", "")))
      assert.deepStrictEqual((yield* repository.index)[0]?.state, "UNLOADING")
      const refused = yield* Effect.flip(run(model, [float("INPUT0", [1, 16], values)]))
      assert.strictEqual(refused._tag, "Stopping")
      for (const fiber of accepted) assert.deepStrictEqual(yield* Fiber.join(fiber), values)
      yield* repository.load("slow")
      assert.deepStrictEqual(yield* run(modelOf(repository, "slow"), [float("INPUT0", [1, 16], values)]), values)
    }))
})

describe("check with ONNX Runtime", () => {
  it.live("opens each version once and leaves nothing behind", () =>
    Effect.gen(function*() {
      const root = yield* TemporaryRepository.make({
        "good/1/model.onnx": Models.simple(),
        "bad/1/model.onnx": Models.simple().subarray(0, 100)
      })
      const rows = yield* FileModelRepository.check({ paths: [root] })
      assert.deepStrictEqual(rows.map(({ model, status }) => [model, status]), [["bad", "UNAVAILABLE"], [
        "good",
        "READY"
      ]])
      assert.strictEqual(rows[1]?.config?.instance_group[0]?.count, 2, "the final config, not what the check opened")
    }).pipe(Effect.provide(execution)))
})
