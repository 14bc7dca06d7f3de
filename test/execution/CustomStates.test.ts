/** States of sequences in custom models, as an instance sees them: scheduling §11.5. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Layer } from "effect"
import * as CustomExecutor from "../../src/layers/execution/CustomExecutor.ts"
import * as SharedTensorMemory from "../../src/layers/execution/SharedTensorMemory.ts"
import * as Tensors from "../../src/schema/Tensor.ts"
import {
  Executor,
  type Instances,
  type Isolation,
  type ModelPlan,
  type RunFailure
} from "../../src/services/Executor.ts"
import { folder, plan, spec } from "./CustomModules.ts"

const module = folder()
const isolations = ["thread", "process"] as const
const layerIn = (isolation: Isolation) =>
  CustomExecutor.layerWith({ isolation }).pipe(Layer.provideMerge(SharedTensorMemory.layer))

const head = `import { Effect } from "effect"
import { Tensor } from "galatea/custom"
`

/** A model with the output Y and the state S → S_OUT, of one number or as many as `width`. */
const open = (source: string, sameBuffer: boolean | undefined, width = 1) => {
  const rest: Partial<ModelPlan> = {
    inputs: [spec("X", "FP32", [-1, 1]), spec("S", "FP32", [-1, width])],
    outputs: [spec("Y", "FP32", [-1, 1]), spec("S_OUT", "FP32", [-1, width])],
    ...(sameBuffer === undefined ? {} : { states: [{ input: "S", output: "S_OUT", sameBuffer }] })
  }
  return Effect.flatMap(Executor, (executor) => executor.open(plan(module(head + source), rest)))
}

const step = (instances: Instances, state: Float32Array) =>
  Effect.map(
    instances.run([
      Tensors.from("X", [1, 1], Float32Array.of(1)),
      Tensors.from("S", [1, state.length], state)
    ], ["Y", "S_OUT"]),
    ({ outputs }) =>
      Object.fromEntries(outputs.map((output) => [output.name, [...Tensors.values(output, "FP32")].slice(0, 3)]))
  )

describe.each(isolations)("states of custom models in a %s", (isolation) => {
  const layer = layerIn(isolation)
  it.effect("are given by their output name, and are outputs of the run", () =>
    Effect.gen(function*() {
      const instances = yield* open(
        `export default ({ X, S }) => ({
           outputs: { Y: X },
           states: [Tensor.from("S_OUT", [1, 1], Float32Array.of(Tensor.values(S, "FP32")[0] + 1))]
         })`,
        false
      )
      assert.deepStrictEqual(yield* step(instances, Float32Array.of(41)), { Y: [1], S_OUT: [42] })
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("86 no state section: a state that is given fails the run", () =>
    Effect.gen(function*() {
      const instances = yield* open(
        `export default ({ X, S }) => ({ outputs: { Y: X }, states: { undefined_state: S } })`,
        undefined
      )
      const error = yield* Effect.flip(step(instances, Float32Array.of(0)))
      assert.strictEqual(error._tag, "ExecutionFailed")
      assert.include(
        error.message,
        "unable to add state 'undefined_state'. State configuration is missing for model 'm'."
      )
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("87 wrong state name: a state that the config does not have fails the run", () =>
    Effect.gen(function*() {
      const instances = yield* open(
        `export default ({ X, S }) => ({ outputs: { Y: X }, states: { undefined_state: S } })`,
        false
      )
      const error = yield* Effect.flip(step(instances, Float32Array.of(0)))
      assert.strictEqual(error._tag, "ExecutionFailed")
      assert.include(error.message, "state 'undefined_state' is not a valid state name.")
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("88 no StateUpdate: a state that is written to and not given is left out, and what was read stays", () =>
    Effect.gen(function*() {
      for (const width of [1, 20_000]) {
        const instances = yield* open(
          `export default ({ X, S }) => { Tensor.values(S, "FP32").fill(9); return { Y: X } }`,
          false,
          width
        )
        const memory = new Float32Array(new SharedArrayBuffer(width * 4)).fill(5)
        assert.deepStrictEqual(yield* step(instances, memory), { Y: [1] })
        assert.isTrue(memory.every((value) => value === 5))
      }
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("89 single buffer: what is written into the state is its new value, where the run succeeds", () =>
    Effect.gen(function*() {
      for (const width of [3, 20_000]) {
        const instances = yield* open(
          `export default ({ X, S }) => Effect.suspend(() => {
             const state = Tensor.values(S, "FP32")
             state[0] += 1
             return state[0] > 7 ? Effect.fail({ message: "enough" }) : Effect.succeed({ Y: X })
           })`,
          true,
          width
        )
        const memory = new Float32Array(new SharedArrayBuffer(width * 4)).fill(6)
        assert.deepStrictEqual(yield* step(instances, memory), { Y: [1], S_OUT: [7, 6, 6] })
        memory.fill(7)
        assert.include((yield* Effect.flip(step(instances, memory))).message, "enough")
        assert.isTrue(memory.every((value) => value === 7))
      }
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("have the size that the config says", () =>
    Effect.gen(function*() {
      const instances = yield* open(
        `export default ({ X }) => ({ outputs: { Y: X }, states: { S_OUT: { ...X, shape: [1, 2] } } })`,
        false
      )
      const error = yield* Effect.flip(step(instances, Float32Array.of(0)))
      assert.include(error.message, "the model gave 'S_OUT' in the shape [1,2], expected [-1,1]")
    }).pipe(Effect.scoped, Effect.provide(layer)))
})

describe.each(isolations)("ends of sequences in a %s", (isolation) => {
  const layer = layerIn(isolation)
  it.effect("are told to a model that wants to hear of them, in order with its runs", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const instances = yield* executor.open(plan(
        module(`${head}
          const heard = []
          export const onSequenceEnd = (id, why) => Effect.delay(Effect.sync(() => heard.push(typeof id + id + why)), 1)
          export default () => [Tensor.fromStrings("Y", [heard.length], heard)]`),
        { inputs: [spec("X", "FP32", [1])], outputs: [spec("Y", "BYTES", [-1])], batched: false }
      ))
      const lent = yield* instances.lend
      const heard = Deferred.makeUnsafe<ReadonlyArray<string>, RunFailure>()
      lent.sequenceEnded!(7n, "finished")
      lent.sequenceEnded!("seven", "lost")
      lent.start([Tensors.from("X", [1], Float32Array.of(1))], ["Y"], (exit) => {
        Deferred.doneUnsafe(heard, Exit.map(exit, ({ outputs }) => Tensors.values(outputs[0]!, "BYTES")))
      })
      assert.deepStrictEqual(yield* Deferred.await(heard), ["bigint7finished", "stringsevenlost"])
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("are not told to a model that does not", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const instances = yield* executor.open(plan(module("export default ({ X }) => ({ Y: X })")))
      assert.isUndefined((yield* instances.lend).sequenceEnded)
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.effect("may fail, which is logged and harms nobody", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const instances = yield* executor.open(plan(module(
        "export const onSequenceEnd = () => { throw new Error('no') }\nexport default ({ X }) => ({ Y: X })"
      )))
      const lent = yield* instances.lend
      lent.sequenceEnded!(1n, "cancelled")
      const done = Deferred.makeUnsafe<string>()
      lent.start([Tensors.from("X", [1, 1], Float32Array.of(1))], ["Y"], (exit) => {
        Deferred.doneUnsafe(done, Exit.succeed(exit._tag))
      })
      assert.strictEqual(yield* Deferred.await(done), "Success")
    }).pipe(Effect.scoped, Effect.provide(layer)))
})
