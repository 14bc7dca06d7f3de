import { NodeFileSystem, NodePath } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, FileSystem, Layer, Semaphore } from "effect"
import { InferenceSession } from "onnxruntime-node"
import * as OnnxReader from "../../../src/layers/repository/internal/onnx/OnnxReader.ts"
import * as OptionalInputs from "../../../src/layers/repository/internal/onnx/OptionalInputs.ts"
import * as StoredValue from "../../../src/layers/repository/internal/onnx/StoredValue.ts"
import type { Tensor } from "../../../src/schema/Inference.ts"
import type { ExecutionResult, Instances, ModelPlan } from "../../../src/services/Executor.ts"
import { Executor } from "../../../src/services/Executor.ts"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as Onnx from "../../fixtures/onnx/OnnxWriter.ts"
import * as Protobuf from "../../fixtures/onnx/Protobuf.ts"

const platform = Layer.merge(NodeFileSystem.layer, NodePath.layer)

const inFolder = Effect.fnUntraced(function*(model: Uint8Array) {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped()
  yield* fs.writeFile(`${folder}/model.onnx`, model)
  return { folder, path: `${folder}/model.onnx` }
})

const float32 = (...values: ReadonlyArray<number>) => new Uint8Array(Float32Array.from(values).buffer)

const run = (path: string, feeds: Readonly<Record<string, ReadonlyArray<number>>>, extra: object = {}) =>
  Effect.promise(async () => {
    const session = await InferenceSession.create(path, { logSeverityLevel: 4, ...extra })
    const plain = Object.fromEntries(
      Object.entries(feeds).map(([name, values]) => [name, {
        type: "float32",
        dims: [values.length],
        data: Float32Array.from(values),
        location: "cpu"
      }])
    )
    const outputs = await session.run(plain as never)
    await session.release()
    return [...outputs["OUTPUT0"]!.data as Float32Array]
  })

describe("OptionalInputs", () => {
  it.effect("a request's value replaces the stored one, which the original ignores", () =>
    Effect.gen(function*() {
      const { path } = yield* inFolder(Models.optionalInput())
      const promoted = yield* OptionalInputs.promote({ model: "m", path, names: ["BIAS"] })
      const feeds = { INPUT0: [1, 2, 3, 4], BIAS: [5, 5, 5, 5] }
      assert.deepStrictEqual(yield* run(path, feeds), [11, 22, 33, 44])
      assert.deepStrictEqual(yield* run(promoted.path, feeds), [6, 7, 8, 9])
      assert.deepStrictEqual(promoted.defaults, [
        { name: "BIAS", datatype: "FP32", shape: [4], data: float32(10, 20, 30, 40) }
      ])
      const info = yield* OnnxReader.read({ model: "m", path: promoted.path })
      assert.deepStrictEqual(info.inputs.map((input) => input.name), ["INPUT0", "BIAS"])
    }).pipe(Effect.scoped, Effect.provide(platform)))

  it.effect("keeps the other stored values, and finds what lies in files beside the original", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const { folder, path } = yield* inFolder(Onnx.model({
        inputs: ["INPUT0", "A", "B"].map((name) => Onnx.tensorInfo(name, "FP32", [2])),
        outputs: [Onnx.tensorInfo("OUTPUT0", "FP32", [2])],
        nodes: [
          Onnx.node("Add", ["INPUT0", "A"], ["first"]),
          Onnx.node("Add", ["first", "B"], ["second"]),
          Onnx.node("Add", ["second", "C"], ["OUTPUT0"])
        ],
        initializers: [
          Onnx.initializer("A", "FP32", [2], Float32Array.of(1, 2)),
          Onnx.externalInitializer("B", "FP32", [2], { location: "weights.bin", offset: 8, length: 8 }),
          Onnx.externalInitializer("C", "FP32", [2], { location: "weights.bin", offset: 0, length: 8 })
        ]
      }))
      yield* fs.writeFile(`${folder}/weights.bin`, float32(100, 200, 10, 20))
      const promoted = yield* OptionalInputs.promote({ model: "m", path, names: ["B", "A"] })
      assert.deepStrictEqual(promoted.defaults.map((value) => [value.name, [...new Float32Array(value.data.buffer)]]), [
        ["B", [10, 20]],
        ["A", [1, 2]]
      ])
      const extra = { session: { model_external_initializers_file_folder_path: folder } }
      assert.deepStrictEqual(promoted.configEntries, {
        "session.model_external_initializers_file_folder_path": yield* fs.realPath(folder)
      })
      const outputs = yield* run(promoted.path, { INPUT0: [0, 0], A: [3, 3], B: [7, 7] }, { extra })
      assert.deepStrictEqual(outputs, [110, 210])
    }).pipe(Effect.scoped, Effect.provide(platform)))

  it.effect("removes the copy with the scope", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const { path } = yield* inFolder(Models.optionalInput())
      const promoted = yield* Effect.scoped(OptionalInputs.promote({ model: "m", path, names: ["BIAS"] }))
      assert.isFalse(yield* fs.exists(promoted.path))
    }).pipe(Effect.scoped, Effect.provide(platform)))

  it.effect("says which value is not stored, and where a file leads out of the folder", () =>
    Effect.gen(function*() {
      const message = Effect.fnUntraced(function*(model: Uint8Array, name: string) {
        const { path } = yield* inFolder(model)
        return (yield* Effect.flip(OptionalInputs.promote({ model: "m", path, names: [name] }))).message
      })
      assert.include(yield* message(Models.optionalInput(), "INPUT0"), "'INPUT0' has no stored value in dense form")
      const external = (location: string, size: number) =>
        Onnx.model({
          inputs: [],
          outputs: [],
          nodes: [],
          initializers: [Onnx.externalInitializer("B", "FP32", [size], { location })]
        })
      assert.include(yield* message(external("../weights.bin", 2), "B"), "not below the model's folder")
      assert.include(yield* message(external("/dev/zero", 2), "B"), "not below the model's folder")
      assert.include(yield* message(external("weights.bin", 2 ** 40), "B"), "and the limit is")
      assert.include(yield* message(external("absent.bin", 2), "B"), "absent.bin")
    }).pipe(Effect.scoped, Effect.provide(platform)))

  it.effect("opens the copy with what the plan says, and gives runs the defaults that they lack", () =>
    Effect.gen(function*() {
      const { path } = yield* inFolder(Models.optionalInput())
      const plans: Array<ModelPlan> = []
      const ran: Array<ReadonlyArray<Tensor>> = []
      const slots = yield* Semaphore.make(1)
      const result: ExecutionResult = {
        outputs: [],
        begunAtNanos: 0,
        computeInputNanos: 0,
        computeInferNanos: 0,
        computeOutputNanos: 0,
        release: () => {}
      }
      const instances: Instances = {
        count: 1,
        slots,
        healthy: () => true,
        run: (inputs) => {
          ran.push(inputs)
          return Effect.succeed(result)
        },
        lend: Effect.succeed({
          name: "m",
          index: 0,
          lost: Effect.never,
          accepts: () => true,
          quick: () => true,
          start: (inputs, _outputs, done) => {
            ran.push(inputs)
            done(Exit.succeed(result))
            return { withdraw: () => false }
          }
        })
      }
      const executor = Executor.of({
        devices: [],
        inspect: () => Effect.die("not asked"),
        open: (plan) => {
          plans.push(plan)
          return Effect.succeed(instances)
        }
      })
      const plan: ModelPlan = {
        model: "m",
        version: 1,
        path,
        inputs: [],
        outputs: [],
        batched: false,
        instances: [],
        session: { intraOpNumThreads: 3 }
      }
      assert.strictEqual(yield* OptionalInputs.open(executor, plan, []), instances)
      assert.strictEqual(plans[0], plan)

      const opened = yield* OptionalInputs.open(executor, plan, ["BIAS"])
      assert.notStrictEqual(plans[1]!.path, path)
      assert.strictEqual(plans[1]!.session.intraOpNumThreads, 3)
      const input: Tensor = { name: "INPUT0", datatype: "FP32", shape: [4], data: float32(1, 2, 3, 4) }
      const bias: Tensor = { name: "BIAS", datatype: "FP32", shape: [4], data: float32(0, 0, 0, 0) }
      yield* opened.run([input], [])
      yield* opened.run([bias, input], [])
      assert.deepStrictEqual(ran[0]!.map((tensor) => [tensor.name, new Float32Array(tensor.data.buffer)[0]]), [
        ["INPUT0", 1],
        ["BIAS", 10]
      ])
      assert.deepStrictEqual(ran[1], [bias, input])
      const lent = yield* opened.lend
      lent.start([input], [], () => {})
      lent.start([bias, input], [], () => {})
      assert.deepStrictEqual(ran.slice(2), ran.slice(0, 2))
    }).pipe(Effect.scoped, Effect.provide(platform)))
})

describe("StoredValue.decode", () => {
  const tensor = (elemType: number, shape: ReadonlyArray<number>, ...fields: ReadonlyArray<Protobuf.Encoded>) =>
    Protobuf.toBytes(
      Protobuf.concat(Protobuf.packedInts(1, shape), Protobuf.int(2, elemType), Protobuf.text(8, "v"), ...fields)
    )
  const decode = (...given: Parameters<typeof tensor>) => StoredValue.decode(tensor(...given)).data

  it("reads numbers from the list of their kind, packed or not", () => {
    const limits = [-(2n ** 63n), -1n, 2n ** 63n - 1n]
    const int64 = new Uint8Array(BigInt64Array.from(limits).buffer)
    assert.deepStrictEqual(decode(7, [3], Protobuf.packedInts(7, limits)), int64)
    assert.deepStrictEqual(decode(7, [3], ...limits.map((value) => Protobuf.int(7, value))), int64)
    assert.deepStrictEqual(decode(13, [1], Protobuf.int(11, 2n ** 64n - 1n)), new Uint8Array(8).fill(255))
    assert.deepStrictEqual(decode(1, [2], Protobuf.float(4, 1), Protobuf.float(4, -2)), float32(1, -2))
    assert.deepStrictEqual(decode(3, [2], Protobuf.packedInts(5, [-1, 5])), Uint8Array.of(255, 5))
    assert.deepStrictEqual(decode(10, [1], Protobuf.packedInts(5, [0x3c00])), Uint8Array.of(0, 0x3c))
    assert.deepStrictEqual(decode(9, [], Protobuf.int(5, 1)), Uint8Array.of(1))
  })

  it("writes strings as requests carry them", () => {
    const strings = ["a", "", "ö"].map((value) => Protobuf.text(6, value))
    assert.deepStrictEqual(
      decode(8, [3], ...strings),
      Uint8Array.of(1, 0, 0, 0, 97, 0, 0, 0, 0, 2, 0, 0, 0, 0xc3, 0xb6)
    )
  })

  it("refuses a number of elements that does not fit the shape, and unknown types", () => {
    assert.throws(() => decode(1, [3], Protobuf.float(4, 1)), "of shape [3] holds 1 elements")
    assert.throws(() => decode(22, [2]), "element type 22")
  })
})
