import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Layer, Logger, References } from "effect"
import { existsSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import * as CustomExecutor from "../../src/layers/execution/CustomExecutor.ts"
import * as SharedTensorMemory from "../../src/layers/execution/SharedTensorMemory.ts"
import * as DataTypes from "../../src/schema/DataType.ts"
import type { Tensor } from "../../src/schema/Inference.ts"
import * as Tensors from "../../src/schema/Tensor.ts"
import { Executor, type Isolation, type ModelPlan } from "../../src/services/Executor.ts"
import { TensorMemory } from "../../src/services/TensorMemory.ts"
import { executorSuite } from "../suites/executorSuite.ts"
import { folder, plan, spec } from "./CustomModules.ts"

const module = folder()
const isolations = ["thread", "process"] as const
const layerIn = (isolation: Isolation) =>
  CustomExecutor.layerWith({ isolation }).pipe(Layer.provideMerge(SharedTensorMemory.layer))

const identity = module(`export default ({ INPUT0 }) => [{ ...INPUT0, name: "OUTPUT0" }]`, "model.mjs")
for (const isolation of isolations) {
  executorSuite(`CustomExecutor in a ${isolation}`, layerIn(isolation), () => identity)
}

const floats = (shape: ReadonlyArray<number>, values: ReadonlyArray<number>): Tensor =>
  Tensors.from("X", shape, Float32Array.from(values))

const valuesOf = (tensor: Tensor | undefined) => Array.from(Tensors.values(tensor!, "FP32"))

/** Opens a module in the scope of the test. */
const open = (source: string, rest: Partial<ModelPlan> = {}) =>
  Effect.flatMap(Executor, (executor) => executor.open(plan(module(source), rest)))

const head = `import { Effect } from "effect"
import { type CustomModel, InvalidRequest, Tensor } from "galatea/custom"
`

describe.each(isolations)("custom models in a %s", (isolation) => {
  const layer = layerIn(isolation)
  it.effect("run an effect that takes time, in TypeScript, with what the server shares and with files beside it", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const path = module(
        `${head}import { scale } from "./scale.ts"
         const run: CustomModel.Run = (inputs) => Effect.gen(function*() {
           yield* Effect.sleep("1 millis")
           const x = inputs["X"]!
           return [Tensor.from("Y", x.shape, scale(Tensor.values(x, "FP32")))]
         })
         export default run`,
        "model.ts",
        { "scale.ts": "export const scale = (x: Float32Array): Float32Array => x.map((value) => value * 2)" }
      )
      const instances = yield* executor.open(plan(path))
      for (let round = 0; round < 3; round++) {
        const { outputs, parameters, release } = yield* instances.run([floats([1, 2], [1, round])], ["Y"])
        assert.deepStrictEqual([outputs.length, outputs[0]!.name, outputs[0]!.datatype], [1, "Y", "FP32"])
        assert.deepStrictEqual(valuesOf(outputs[0]), [2, 2 * round])
        assert.isUndefined(parameters)
        release()
      }
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("may give promises and plain values, by name or in a list", () =>
    Effect.gen(function*() {
      for (
        const body of [
          "({ X }) => ({ Y: { ...X } })",
          "async ({ X }) => ({ Y: X })",
          "({ X }) => ({ outputs: [{ ...X, name: 'Y' }] })",
          "({ X }) => new Promise((done) => setTimeout(() => done({ outputs: { Y: X }, parameters: {} }), 1))"
        ]
      ) {
        const instances = yield* open(`export default ${body}`)
        const { outputs } = yield* instances.run([floats([1, 2], [3, 4])], ["Y"])
        assert.deepStrictEqual(valuesOf(outputs[0]), [3, 4], body)
      }
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("take an output that is called outputs for an output", () =>
    Effect.gen(function*() {
      const instances = yield* open("export default ({ X }) => ({ outputs: X })", {
        outputs: [spec("outputs", "FP32", [-1, -1])]
      })
      const { outputs } = yield* instances.run([floats([1, 1], [3])], ["outputs"])
      assert.deepStrictEqual(valuesOf(outputs[0]), [3])
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("carry every datatype bit by bit, small and large, also where the shape is not known before", () =>
    Effect.gen(function*() {
      const { table } = DataTypes
      const specs = (prefix: string) =>
        table.flatMap(({ name }) => [spec(`${prefix}_${name}`, name, [4]), spec(`${prefix}S_${name}`, name, [-1])])
      const instances = yield* open(
        `export default (inputs) => Object.values(inputs).map((tensor) => ({ ...tensor, name: tensor.name.replace("X", "Y") }))`,
        { inputs: specs("X"), outputs: specs("Y"), batched: false }
      )
      const data = (byteSize: number, length: number) =>
        byteSize > 0
          ? Uint8Array.from({ length: byteSize * length }, (_, i) => (i * 37 + 1) % 251)
          // Neither text nor without NUL: a module is given the bytes.
          : Uint8Array.from({ length: 6 * length }, (_, i) => [2, 0, 0, 0, 0, 255][i % 6]!)
      const inputs = table.flatMap(({ byteSize, name }) =>
        [["X", 4], ["XS", 20_000]].map(([prefix, length]): Tensor => ({
          name: `${prefix}_${name}`,
          datatype: name,
          shape: [Number(length)],
          data: data(byteSize, Number(length))
        }))
      )
      const { outputs } = yield* instances.run(inputs, inputs.map(({ name }) => name.replace("X", "Y")))
      for (const [i, input] of inputs.entries()) {
        const { data, ...rest } = outputs[i]!
        assert.deepStrictEqual(rest, {
          name: input.name.replace("X", "Y"),
          datatype: input.datatype,
          shape: input.shape
        })
        assert.isTrue(Buffer.from(data).equals(input.data), input.name)
      }
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("may leave outputs out, and give parameters of the answer", () =>
    Effect.gen(function*() {
      const memory = yield* TensorMemory
      const instances = yield* open(
        `export default ({ X }) => ({ outputs: { B: X }, parameters: { at: 3, big: 2n ** 60n, on: true, text: "t" } })`,
        { outputs: [spec("A", "FP32", [-1, 10_000]), spec("B", "FP32", [-1, 2])] }
      )
      const before = memory.usage().inUse
      const { outputs, parameters, release } = yield* instances.run([floats([1, 2], [1, 2])], ["A", "B"])
      assert.deepStrictEqual(outputs.map(({ name }) => name), ["B"])
      assert.deepStrictEqual([...parameters!], [["at", 3], ["big", 2n ** 60n], ["on", true], ["text", "t"]])
      release()
      assert.strictEqual(memory.usage().inUse, before)
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("know their instance, their parameters, and what is asked for", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const path = module(
        `${head}export default (_, context) => [Tensor.fromStrings("Y", [1], [JSON.stringify(context)])]`
      )
      const instances = yield* executor.open(plan(path, {
        inputs: [spec("X", "FP32", [1])],
        outputs: [spec("Y", "BYTES", [1]), spec("Z", "BYTES", [1])],
        batched: false,
        parameters: { words: "words.txt" }
      }))
      const { outputs } = yield* instances.run([floats([1], [0])], ["Y"])
      assert.deepStrictEqual(JSON.parse(Tensors.values(outputs[0]!, "BYTES")[0]!), {
        model: "m",
        version: 1,
        instance: "m_0",
        directory: dirname(path),
        parameters: { words: "words.txt" },
        outputs: ["Y"]
      })
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("set themselves up once for each instance, and clean up when it closes", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const path = module(
        `${head}import { readFileSync, writeFileSync } from "node:fs"
         import { join } from "node:path"
         export const make: CustomModel.Make = ({ directory, instance }) => Effect.gen(function*() {
           const factor = Number(readFileSync(join(directory, "factor.txt"), "utf8"))
           yield* Effect.addFinalizer(() => Effect.sync(() => writeFileSync(join(directory, instance + ".closed"), "")))
           let runs = 0
           return ({ X }) => [Tensor.from("Y", [1, 2], Float32Array.of(factor, ++runs))]
         })`,
        "model.ts",
        { "factor.txt": "7" }
      )
      yield* Effect.scoped(Effect.gen(function*() {
        const instances = yield* executor.open(plan(path))
        for (const run of [1, 2]) {
          const { outputs } = yield* instances.run([floats([1, 2], [0, 0])], ["Y"])
          assert.deepStrictEqual(valuesOf(outputs[0]), [7, run])
        }
        assert.isFalse(existsSync(join(dirname(path), "m_0.closed")))
      }))
      assert.isTrue(existsSync(join(dirname(path), "m_0.closed")))
    }).pipe(Effect.provide(layer)))

  it.effect("make tensors of booleans, texts and bytes", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const path = module(
        `${head}export default () => [
           Tensor.fromBooleans("BOOLS", [2], [true, false]),
           Tensor.fromStrings("TEXTS", [2], ["grün", Uint8Array.of(65)]),
           Tensor.fromBytes("BITS", "BF16", [1], Uint8Array.of(0x80, 0x3f))
         ]`
      )
      const outputs = [spec("BOOLS", "BOOL", [2]), spec("TEXTS", "BYTES", [2]), spec("BITS", "BF16", [1])]
      const instances = yield* executor.open(plan(path, { outputs }))
      const answer = yield* instances.run([floats([1, 1], [0])], outputs.map(({ name }) => name))
      const [bools, texts, bits] = answer.outputs
      assert.deepStrictEqual(Tensors.values(bools!, "BOOL"), Uint8Array.of(1, 0))
      assert.deepStrictEqual(Tensors.values(texts!, "BYTES"), ["grün", "A"])
      assert.deepStrictEqual(Tensors.values(bits!, "BF16"), Uint16Array.of(0x3f80))
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("load a changed file anew", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const source = (value: number) =>
        `${head}export default () => [Tensor.from("Y", [1, 1], Float32Array.of(${value}))]`
      const path = module(source(1))
      for (const value of [1, 2]) {
        writeFileSync(path, source(value))
        const { outputs } = yield* Effect.scoped(Effect.flatMap(
          executor.open(plan(path)),
          (instances) => instances.run([floats([1, 1], [0])], ["Y"])
        ))
        assert.deepStrictEqual(valuesOf(outputs[0]), [value])
      }
    }).pipe(Effect.provide(layer)))

  it.effect("log as the server does, with their instance, also what they print", () => {
    const lines: Array<string> = []
    const told = Deferred.makeUnsafe<void>()
    const logger = Logger.make(({ fiber, logLevel, message }) => {
      const { instance, model } = fiber.getRef(References.CurrentLogAnnotations)
      if (model === undefined) return
      lines.push([logLevel, ...Array.isArray(message) ? message : [message], model, instance].join(" "))
      if (lines.length === 4) Deferred.doneUnsafe(told, Exit.void)
    })
    return Effect.gen(function*() {
      const instances = yield* open(
        `${head}console.log("loaded %d", 1)\nconsole.debug({ a: 1 })\nconsole.error("bad")\n` +
          `export default ({ X }) => Effect.as(Effect.logWarning("seen", 1), { Y: X })`
      )
      yield* instances.run([floats([1, 1], [0])], ["Y"])
      yield* Deferred.await(told)
      assert.deepStrictEqual(lines, [
        "Info loaded 1 m m_0",
        "Debug { a: 1 } m m_0",
        "Error bad m m_0",
        "Warn seen 1 m m_0"
      ])
    }).pipe(
      Effect.scoped,
      Effect.provide([layer, Logger.layer([logger])]),
      Effect.provideService(References.MinimumLogLevel, "Debug")
    )
  })
})
