/** What every `Executor` promises. The model that `path` names must give its inputs back: OUTPUT0 is INPUT0. */
import { assert, layer } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, type Layer, Option, Scope } from "effect"
import type { DataType } from "../../src/schema/DataType.ts"
import type { Tensor } from "../../src/schema/Inference.ts"
import { Executor, type ModelPlan, type StartedRun } from "../../src/services/Executor.ts"

/** A plan of an identity model, with free rows of free width. */
export const identityPlan = (
  path: string,
  options: { readonly instances?: number; readonly datatype?: DataType; readonly shape?: ReadonlyArray<number> } = {}
): ModelPlan => {
  const { datatype = "FP32", instances = 1, shape = [-1, 16] } = options
  return {
    model: "identity",
    version: 1,
    path,
    inputs: [{ name: "INPUT0", datatype, shape }],
    outputs: [{ name: "OUTPUT0", datatype, shape }],
    batched: true,
    maxBatchSize: 64,
    operators: new Set(["Identity"]),
    instances: Array.from({ length: instances }, (_, index) => ({
      name: `identity_${index}`,
      device: { kind: "CPU" as const, id: 0 }
    })),
    session: {}
  }
}

export const rows = (count: number, first = 0): Tensor => ({
  name: "INPUT0",
  datatype: "FP32",
  shape: [count, 16],
  data: new Uint8Array(Float32Array.from({ length: count * 16 }, (_, i) => first + i).buffer)
})

export const executorSuite = (name: string, executor: Layer.Layer<Executor>, path: () => string): void =>
  layer(executor)(name, (it) => {
    it.effect(
      "gives rows, shape, datatype and bytes of an identity back",
      Effect.fnUntraced(function*() {
        const instances = yield* (yield* Executor).open(identityPlan(path()))
        for (const count of [1, 3, 0, 700, 1]) {
          const input = rows(count, count)
          const result = yield* instances.slots.withPermit(instances.run([input], ["OUTPUT0"]))
          assert.strictEqual(result.outputs.length, 1)
          const output = result.outputs[0]!
          assert.strictEqual(output.name, "OUTPUT0")
          assert.strictEqual(output.datatype, "FP32")
          assert.deepStrictEqual([...output.shape], [count, 16])
          assert.deepStrictEqual(new Uint8Array(output.data), input.data)
          result.release()
        }
      }, Effect.scoped)
    )

    it.effect(
      "keeps an output intact while later runs use the same instance",
      Effect.fnUntraced(function*() {
        const instances = yield* (yield* Executor).open(identityPlan(path()))
        const small = yield* instances.run([rows(1, 5)], ["OUTPUT0"])
        const large = yield* instances.run([rows(600, 7)], ["OUTPUT0"])
        yield* instances.run([rows(1, 100)], ["OUTPUT0"])
        yield* instances.run([rows(600, 100)], ["OUTPUT0"])
        assert.deepStrictEqual(new Uint8Array(small.outputs[0]!.data), rows(1, 5).data)
        assert.deepStrictEqual(new Uint8Array(large.outputs[0]!.data), rows(600, 7).data)
      }, Effect.scoped)
    )

    it.effect(
      "has one permit per instance, and each gives its own answer side by side",
      Effect.fnUntraced(function*() {
        const instances = yield* (yield* Executor).open(identityPlan(path(), { instances: 3 }))
        assert.strictEqual(instances.count, 3)
        assert.isTrue(instances.healthy())
        for (let i = 0; i < 3; i++) assert.isTrue(yield* instances.slots.takeIfAvailable(1))
        assert.isFalse(yield* instances.slots.takeIfAvailable(1))
        yield* instances.slots.release(3)
        const results = yield* Effect.forEach(
          Array.from({ length: 24 }, (_, index) => index),
          (index) => instances.slots.withPermit(instances.run([rows(1 + index % 3, index)], ["OUTPUT0"])),
          { concurrency: "unbounded" }
        )
        results.forEach((result, index) =>
          assert.deepStrictEqual(new Uint8Array(result.outputs[0]!.data), rows(1 + index % 3, index).data)
        )
      }, Effect.scoped)
    )

    it.effect(
      "refuses names that the model does not have, and serves the next run",
      Effect.fnUntraced(function*() {
        const instances = yield* (yield* Executor).open(identityPlan(path()))
        const input = yield* Effect.flip(instances.run([{ ...rows(1), name: "NO" }], ["OUTPUT0"]))
        assert.strictEqual(input._tag, "InvalidRequest")
        assert.include(input.message, "'NO'")
        const output = yield* Effect.flip(instances.run([rows(1)], ["NONE"]))
        assert.strictEqual(output._tag, "InvalidRequest")
        assert.include(output.message, "'NONE'")
        assert.strictEqual((yield* instances.run([rows(2)], ["OUTPUT0"])).outputs[0]!.shape[0], 2)
      }, Effect.scoped)
    )

    it.effect(
      "runs what lies ready in the order of its start, and takes nothing back that has ended",
      Effect.fnUntraced(function*() {
        const instances = yield* (yield* Executor).open(identityPlan(path()))
        const lent = yield* instances.lend
        const answers: Array<number> = []
        const all = Deferred.makeUnsafe<void>()
        const runs: Array<StartedRun> = []
        for (let round = 0; round < 40; round++) {
          // From a few bytes to more than the executor copies without need.
          const count = [1, 700, 40_000][round % 3]!
          while (!lent.accepts()) yield* Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))
          runs.push(
            lent.start([rows(count, round)], ["OUTPUT0"], (exit) => {
              const { outputs: [output], release } = Exit.getSuccess(exit).pipe(Option.getOrThrow)
              assert.deepStrictEqual([...output!.shape], [count, 16])
              const view = new DataView(output!.data.buffer, output!.data.byteOffset)
              answers.push(view.getFloat32(0, true))
              assert.strictEqual(view.getFloat32(count * 64 - 4, true), round + count * 16 - 1)
              release()
              if (answers.length === 40) Deferred.doneUnsafe(all, Exit.void)
            })
          )
        }
        yield* Deferred.await(all)
        assert.deepStrictEqual(answers, Array.from({ length: 40 }, (_, round) => round))
        assert.isTrue(runs.every((run) => !run.withdraw()))
      }, Effect.scoped)
    )

    it.effect(
      "lets a run end before its scope closes",
      Effect.fnUntraced(function*() {
        const executor = yield* Executor
        const scope = yield* Scope.make()
        const instances = yield* Scope.provide(executor.open(identityPlan(path())), scope)
        const run = yield* Effect.forkChild(instances.run([rows(2)], ["OUTPUT0"]), { startImmediately: true })
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual((yield* Fiber.join(run)).outputs[0]!.shape[0], 2)
      })
    )
  })
