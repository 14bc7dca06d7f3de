import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Logger, References } from "effect"
import { TestClock } from "effect/testing"
import * as CustomExecutor from "../../src/layers/execution/CustomExecutor.ts"
import * as SharedTensorMemory from "../../src/layers/execution/SharedTensorMemory.ts"
import * as Tensors from "../../src/schema/Tensor.ts"
import { Executor, type Instances, type ModelPlan } from "../../src/services/Executor.ts"
import { TensorMemory } from "../../src/services/TensorMemory.ts"
import { folder, plan, spec } from "./CustomModules.ts"

const module = folder()
const layerWith = (options: CustomExecutor.Options) =>
  CustomExecutor.layerWith(options).pipe(Layer.provideMerge(SharedTensorMemory.layer))
const isolations = ["thread", "process"] as const

const head = `import { Effect } from "effect"
import { InvalidRequest, Tensor } from "galatea/custom"
`

const open = (source: string, rest: Partial<ModelPlan> = {}) =>
  Effect.flatMap(Executor, (executor) => executor.open(plan(module(source), rest)))

/** A batch of one row, whose first number tells the module what to do. */
const ask = (instances: Instances, ...values: ReadonlyArray<number>) =>
  instances.slots.withPermit(
    instances.run([Tensors.from("X", [1, values.length], Float32Array.from(values))], ["Y"])
  )

/** A module whose runs do what is at the place that their first number says; any other number gives the input back. */
const faulty = (...faults: ReadonlyArray<string>) =>
  `${head}class Odd extends Error {}
   const faults = [${faults.map((fault) => `(X) => ${fault}`).join(",\n")}]
   export default ({ X }) => {
     const fault = faults[Tensor.values(X, "FP32")[0]]
     return fault === undefined ? { Y: X } : fault(X)
   }`

describe.each(isolations)("failures of custom models in a %s", (isolation) => {
  const layer = layerWith({ isolation })
  it.effect("become the error of the request, and the next one is served", () => {
    const lines: Array<string> = []
    const logger = Logger.make(({ fiber, message }) => {
      if ("model" in fiber.getRef(References.CurrentLogAnnotations)) lines.push(String(message))
    })
    return Effect.gen(function*() {
      const instances = yield* open(faulty(
        `new InvalidRequest({ message: "X is odd" })`,
        `Effect.fail({ _tag: "Sad", message: "no words left" })`,
        `Effect.fail({ _tag: "Sad" })`,
        `Effect.sync(() => { throw new Odd("a bug") })`,
        `{ throw new Odd("a bug") }`,
        `{ throw new InvalidRequest({ message: "X is odd" }) }`,
        `Promise.reject(new InvalidRequest({ message: "X is odd" }))`,
        `Promise.reject(new Odd("a bug"))`,
        `Effect.interrupt`,
        `Effect.andThen(Effect.sleep(1), Effect.die("nothing"))`,
        `{ const circle = {}; circle.self = circle; throw circle }`,
        `Effect.fail({ large: 1n })`,
        `Effect.fail(new InvalidRequest({ message: "x".repeat(100_000) }))`
      ))
      const expected = [
        ["InvalidRequest", "X is odd"],
        ["ExecutionFailed", "custom model error: no words left"],
        ["ExecutionFailed", "custom model error: Sad"],
        ["ExecutionFailed", "custom model error: a bug"],
        ["ExecutionFailed", "custom model error: a bug"],
        ["InvalidRequest", "X is odd"],
        ["InvalidRequest", "X is odd"],
        ["ExecutionFailed", "custom model error: a bug"],
        ["ExecutionFailed", "custom model error: the model interrupted itself"],
        ["ExecutionFailed", "custom model error: nothing"],
        ["ExecutionFailed", "custom model error: a value was thrown that has no message"],
        ["ExecutionFailed", "custom model error: a value was thrown that has no message"],
        ["InvalidRequest", `${"x".repeat(8192)}… (91808 more characters)`]
      ]
      for (const [fault, [tag, message]] of expected.entries()) {
        const error = yield* Effect.flip(ask(instances, fault))
        assert.deepStrictEqual([error._tag, error.message], [tag, message], String(fault))
        yield* ask(instances, 100)
      }
      // A message sent before the answers to later runs has been heard by now.
      assert.deepStrictEqual(
        lines.map((line) => line.split("\n")[0]),
        ["Error: a bug", "Error: a bug", "Error: a bug", "Error: nothing", "Error: {}"]
      )
      for (const line of lines.slice(0, 3)) assert.match(line, /model\.ts:\d+/)
    }).pipe(Effect.scoped, Effect.provide([layer, Logger.layer([logger])]))
  })

  it.effect("are answers that are not what the config says, in words", () =>
    Effect.gen(function*() {
      const wrong: ReadonlyArray<readonly [string, string]> = [
        ["undefined", "the model gave nothing, expected its outputs: a list of tensors, or an object by name"],
        ["42", "the model gave a value of type number, expected its outputs"],
        ["[X]", "the model gave an output 'X', which its config does not have: it has 'Y'"],
        ["[{ ...X, name: undefined }]", "the model gave a tensor without a name among its outputs"],
        ["[{ ...X, name: 'Y' }, { ...X, name: 'Y' }]", "the model gave 'Y' more than once among its outputs"],
        ["({ Y: 5 })", "the model gave a value of type number as 'Y' of its outputs, expected a tensor"],
        ["({ Y: { ...X, data: X.data.buffer } })", "the model gave a value of type object as 'Y' of its outputs"],
        ["[{ ...X, name: 'Y', datatype: 'INT32' }]", "the model gave 'Y' as INT32, its config says FP32"],
        ["[{ ...X, name: 'Y', shape: [1] }]", "the model gave 'Y' in the shape [1], expected [-1,2]"],
        ["[{ ...X, name: 'Y', shape: [1, 2.5] }]", "the model gave 'Y' in the shape [1,2.5], expected [-1,2]"],
        ["[{ ...X, name: 'Y', shape: [2, 2] }]", "with 2 rows (shape [2,2], dimension 0), expected 1, as many as"],
        ["[{ ...X, name: 'Y', data: X.data.slice(1) }]", "with 7 bytes, its shape [1,2] of FP32 has 8"],
        ["({ outputs: { Y: X }, parameters: { p: null } })", "gave null as parameter 'p', expected a text"],
        ["({ outputs: { Y: X }, parameters: { p: 0 / 0 } })", "a value of type number as parameter 'p'"],
        ["({ Y: Float32Array.of(1) })", "the model gave a Float32Array as 'Y' of its outputs, expected a tensor"],
        ["({ Y: { ...X, datatype: undefined } })", "a value of type object as 'Y' of its outputs, expected a tensor"],
        ["[Tensor.from('Y', [1], [true])]", "expected a typed array, got an array: Tensor.fromBooleans for BOOL"],
        ["({ outputs: 3 })", "the model gave a value of type number as its outputs"]
      ]
      const instances = yield* open(faulty(...wrong.map(([fault]) => fault)), { outputs: [spec("Y", "FP32", [-1, 2])] })
      for (const [fault, [source, message]] of wrong.entries()) {
        const error = yield* Effect.flip(ask(instances, fault, 0))
        assert.strictEqual(error._tag, "ExecutionFailed", source)
        assert.include(error.message, message, source)
        yield* ask(instances, 100, 0)
      }
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("are elements of BYTES that do not add up", () =>
    Effect.gen(function*() {
      const instances = yield* open(
        faulty(
          `({ Y: { datatype: "BYTES", shape: [1, 1], data: Uint8Array.of(9, 0, 0, 0, 1) } })`,
          `[Tensor.fromStrings("Y", [1, 1], ["a", "b"])]`
        ),
        { outputs: [spec("Y", "BYTES", [-1, 1])] }
      )
      assert.include((yield* Effect.flip(ask(instances, 0))).message, "with bytes that end within an element")
      assert.include((yield* Effect.flip(ask(instances, 1))).message, "with 2 elements, its shape [1,1] has 1")
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("that nothing catches are in the log with their stack", () => {
    const lines: Array<string> = []
    const logger = Logger.make(({ fiber, message }) => {
      if ("model" in fiber.getRef(References.CurrentLogAnnotations)) lines.push(String(message))
    })
    return Effect.gen(function*() {
      const faults = ["setTimeout(() => { throw new Odd('late') }, 1)", "void Promise.reject(new Odd('lost'))"]
      for (const fault of faults) {
        const instances = yield* open(faulty(`Effect.callback(() => { ${fault} })`))
        yield* Effect.flip(ask(instances, 0))
      }
      assert.strictEqual(lines.length, 2)
      for (const [i, message] of ["late", "lost"].entries()) {
        assert.match(
          lines[i]!,
          new RegExp(`^an error that nothing in the module caught: Error: ${message}\n.*model\\.ts:\\d+`)
        )
      }
    }).pipe(Effect.scoped, Effect.provide([layer, Logger.layer([logger])]))
  })

  const crashes: ReadonlyArray<readonly [string, string, RegExp]> = [
    ["ends its process", "process.exit(3)", /its (?:thread|process) ended with code 3/],
    [
      "throws where nobody catches it",
      `Effect.callback(() => { setTimeout(() => { throw new Odd("late") }, 1) })`,
      /: late$/
    ],
    ["leaves a promise rejected", `Effect.callback(() => { void Promise.reject(new Odd("lost")) })`, /: lost$/],
    ["fills its heap", "{ const all = []; while (true) all.push({ all: [...all] }) }", /memory/i]
  ]
  for (const [what, fault, message] of crashes) {
    it.effect(`lose the instance alone where a run ${what}`, () =>
      Effect.gen(function*() {
        const memory = yield* TensorMemory
        const instances = yield* open(faulty(fault), {
          instances: [0, 1].map((i) => ({ name: `m_${i}`, device: { kind: "CPU", id: 0 } }))
        })
        const error = yield* Effect.flip(ask(instances, 0))
        assert.strictEqual(error._tag, "InstanceLost")
        assert.isTrue(error._tag === "InstanceLost" && error.begun)
        assert.match(instances.condition!().lastLoss!, message)
        yield* ask(instances, 100)
        assert.isTrue(instances.healthy())
        // The other one is not back before its time; both serve then.
        yield* TestClock.adjust("1 second")
        yield* instances.slots.withPermits(2)(Effect.void)
        yield* ask(instances, 100)
        assert.strictEqual(memory.usage().inUse, 0)
      }).pipe(Effect.scoped, Effect.provide(layerWith({ isolation, workerHeapMegabytes: 48 }))))
  }

  it.effect("stop a run that never ends, and replace its instance", () =>
    Effect.gen(function*() {
      const instances = yield* open(faulty("{ while (true); }", "Effect.never"))
      for (const fault of [0, 1]) {
        const run = yield* Effect.forkChild(Effect.flip(ask(instances, fault)), { startImmediately: true })
        yield* TestClock.adjust("8 seconds")
        const error = yield* Fiber.join(run)
        assert.strictEqual(error._tag, "InstanceLost")
        assert.include(error.message, "it did not answer within")
        assert.isFalse(instances.healthy())
        yield* TestClock.adjust("1 second")
        yield* ask(instances, 100)
      }
    }).pipe(Effect.scoped, Effect.provide(layerWith({ isolation, stallTimeout: "6 seconds" }))))
})
