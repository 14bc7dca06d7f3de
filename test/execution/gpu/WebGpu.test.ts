import { assert, describe, it, layer as shared } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import * as StringTensor from "../../../src/layers/execution/internal/StringTensor.ts"
import * as OnnxExecutor from "../../../src/layers/execution/OnnxExecutor.ts"
import * as SharedTensorMemory from "../../../src/layers/execution/SharedTensorMemory.ts"
import * as DataTypes from "../../../src/schema/DataType.ts"
import type { InstanceLost } from "../../../src/schema/Errors.ts"
import type { Tensor } from "../../../src/schema/Inference.ts"
import { Executor, type ModelPlan, type PlannedInstance } from "../../../src/services/Executor.ts"
import * as Models from "../../fixtures/onnx/Models.ts"
import { executorSuite, identityPlan, rows } from "../../suites/executorSuite.ts"
import * as SwiftShader from "./SwiftShader.ts"

const folder = mkdtempSync(join(tmpdir(), "galatea-webgpu-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
const file = (bytes: Uint8Array): string => {
  const path = join(folder, `${files++}.onnx`)
  writeFileSync(path, bytes)
  return path
}

const gpu = (instance: PlannedInstance): PlannedInstance => ({ ...instance, device: { kind: "GPU", id: 0 } })

const onGpu = (plan: ModelPlan): ModelPlan => ({ ...plan, instances: plan.instances.map(gpu) })

const layerCpu = OnnxExecutor.layerWith({ gpus: SwiftShader.gpus }).pipe(Layer.provideMerge(SharedTensorMemory.layer))

/** Every instance of every plan is on the GPU. */
const layer = Layer.effect(
  Executor,
  Effect.map(Executor, (executor) => Executor.of({ ...executor, open: (plan) => executor.open(onGpu(plan)) }))
).pipe(Layer.provideMerge(layerCpu))

const identityFile = file(Models.identity("FP32"))

/** No operator may be left to the CPU. */
const strict = { configEntries: { "session.disable_cpu_ep_fallback": "1" } }

const simplePlan = (datatype: "INT32" | "FP32" | "FP64", changes: Partial<ModelPlan> = {}): ModelPlan => ({
  ...identityPlan(file(Models.simple({ datatype }))),
  model: "simple",
  inputs: ["INPUT0", "INPUT1"].map((name) => ({ name, datatype, shape: [-1, 16] })),
  outputs: ["OUTPUT0", "OUTPUT1"].map((name) => ({ name, datatype, shape: [-1, 16] })),
  ...changes
})

const pair = (count: number, first = 0): ReadonlyArray<Tensor> => [
  rows(count, first),
  { ...rows(count, 1), name: "INPUT1" }
]

const device = Effect.sync(SwiftShader.processes)

/** The processes that were started meanwhile. */
const startedBy = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const before = yield* device
    const value = yield* effect
    return { value, pids: (yield* device).filter((pid) => !before.includes(pid)) }
  })

describe.skipIf(SwiftShader.variables === undefined)("WebGPU", () => {
  executorSuite("OnnxExecutor on a GPU", layer, () => identityFile)

  it.live("is found as a device", () =>
    Effect.gen(function*() {
      const { devices, gpus } = yield* Executor
      assert.deepStrictEqual([...devices], [
        { kind: "CPU", id: 0 },
        { kind: "GPU", id: 0, providers: ["webgpu"] }
      ])
      assert.isDefined(gpus?.missing["cuda"])
    }).pipe(Effect.provide(layer)))

  it.live("really runs operators, and says so where it has none for a type", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const instances = yield* executor.open(simplePlan("FP32", { session: strict }))
      const { outputs } = yield* instances.run(pair(2, 10), ["OUTPUT0", "OUTPUT1"])
      const sums = new Float32Array(new Uint8Array(outputs[0]!.data).buffer)
      assert.deepStrictEqual(Array.from(sums.subarray(0, 3)), [11, 13, 15])
      const error = yield* Effect.flip(executor.open(simplePlan("FP64", { session: strict })))
      assert.match(error.message, /fallback to CPU EP has been explicitly disabled/)
      // The CPU is what is left, and is not kept from its own.
      const left = yield* executor.open(simplePlan("FP64"))
      assert.strictEqual(left.count, 1)
      const cpu = yield* Effect.provide(
        Effect.flatMap(Executor, (executor) => executor.open(simplePlan("FP64", { session: strict }))),
        layerCpu
      )
      assert.strictEqual(cpu.count, 1)
    }).pipe(Effect.scoped, Effect.provide(layer)))

  const patterns: Readonly<Record<string, ReadonlyArray<number>>> = {
    BOOL: [0, 1, 1, 0],
    // One, minus two, a half, the largest.
    FP16: [0, 60, 0, 192, 0, 56, 255, 123]
  }
  shared(layer, { excludeTestServices: true })("tensors", (it) => {
    for (const { byteSize, name } of DataTypes.table.filter((row) => row.ort !== undefined && row.byteSize > 0)) {
      it.effect(`carries ${name} bit by bit, in and out`, () =>
        Effect.gen(function*() {
          const bytes = Uint8Array.from(
            patterns[name] ?? Array.from({ length: byteSize * 4 }, (_, i) => (i * 37 + 1) % 120)
          )
          const plan: ModelPlan = {
            ...identityPlan(file(Models.identity(name as never, ["n"])), { datatype: name, shape: [-1] }),
            batched: false
          }
          const instances = yield* (yield* Executor).open(plan)
          const input = { name: "INPUT0", datatype: name, shape: [4], data: bytes }
          const { outputs } = yield* instances.run([input], ["OUTPUT0"])
          assert.strictEqual(outputs[0]!.datatype, name)
          assert.deepStrictEqual(new Uint8Array(outputs[0]!.data), bytes)
        }).pipe(Effect.scoped))
    }

    it.effect("carries strings", () =>
      Effect.gen(function*() {
        const plan: ModelPlan = {
          ...identityPlan(file(Models.identity("BYTES", ["n"])), { datatype: "BYTES", shape: [-1] }),
          batched: false
        }
        const instances = yield* (yield* Executor).open(plan)
        const data = StringTensor.encode(["", "plain", "ümläut \u{1F600}"])
        const { outputs } = yield* instances.run([{ name: "INPUT0", datatype: "BYTES", shape: [3], data }], ["OUTPUT0"])
        assert.deepStrictEqual(new Uint8Array(outputs[0]!.data), new Uint8Array(data))
      }).pipe(Effect.scoped))
  })

  it.live("has one process for all instances of all models, which ends with the last", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const { pids } = yield* startedBy(Effect.scoped(Effect.gen(function*() {
        const first = yield* startedBy(executor.open(identityPlan(identityFile, { instances: 3 })))
        assert.lengthOf(first.pids, 1)
        const second = yield* startedBy(executor.open(simplePlan("FP32")))
        assert.lengthOf(second.pids, 0)
        const cpu = yield* Effect.provide(
          Effect.flatMap(Executor, (executor) => executor.open(simplePlan("FP32"))),
          layerCpu
        )
        const both = yield* Effect.all([
          ...Array.from({ length: 8 }, (_, i) =>
            Effect.map(
              first.value.slots.withPermit(first.value.run([rows(2, i)], ["OUTPUT0"])),
              ({ outputs }) => assert.deepStrictEqual(new Uint8Array(outputs[0]!.data), rows(2, i).data)
            )),
          ...Array.from({ length: 4 }, (_, i) =>
            Effect.gen(function*() {
              const onGpu = yield* second.value.run(pair(3, i), ["OUTPUT0", "OUTPUT1"])
              const onCpu = yield* cpu.run(pair(3, i), ["OUTPUT0", "OUTPUT1"])
              for (const at of [0, 1]) {
                assert.deepStrictEqual(
                  new Uint8Array(onGpu.outputs[at]!.data),
                  new Uint8Array(onCpu.outputs[at]!.data)
                )
              }
            }))
        ], { concurrency: "unbounded" })
        assert.lengthOf(both, 12)
      })))
      assert.deepStrictEqual(pids, [])
      // A further one starts anew.
      const again = yield* executor.open(identityPlan(identityFile))
      assert.strictEqual(again.count, 1)
    }).pipe(Effect.scoped, Effect.provide(layer)))

  it.live("leaves other models alone when one is refused, or not wanted while it opens", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const { pids, value: instances } = yield* startedBy(executor.open(identityPlan(identityFile)))
      const refused = yield* Effect.flip(executor.open({ ...identityPlan(file(new Uint8Array(8))), model: "broken" }))
      assert.include(refused.message, "broken")
      const unwanted = yield* Effect.forkChild(Effect.scoped(executor.open(simplePlan("FP32"))), {
        startImmediately: true
      })
      yield* Fiber.interrupt(unwanted)
      const result = yield* instances.run([rows(1, 9)], ["OUTPUT0"])
      assert.deepStrictEqual(new Uint8Array(result.outputs[0]!.data), rows(1, 9).data)
      assert.strictEqual(instances.condition?.().losses ?? 0, 0)
      assert.includeMembers([...(yield* device)], [...pids])
    }).pipe(Effect.scoped, Effect.provide(layer)))

  for (const signal of ["SIGKILL", "SIGSEGV"] as const) {
    it.live(`loses all instances of the GPU by ${signal} of its process, and opens them again in one`, () =>
      Effect.gen(function*() {
        const executor = yield* Executor
        const first = yield* startedBy(executor.open(identityPlan(identityFile, { instances: 2 })))
        const second = yield* executor.open(simplePlan("FP32"))
        assert.lengthOf(first.pids, 1)
        const before = yield* device
        yield* Effect.scoped(Effect.gen(function*() {
          const lent = [yield* first.value.lend, yield* first.value.lend, yield* second.lend]
          process.kill(first.pids[0]!, signal)
          const answered = Deferred.makeUnsafe<Exit.Exit<unknown, unknown>>()
          lent[0]!.start([rows(1)], ["OUTPUT0"], (exit) => Deferred.doneUnsafe(answered, Exit.succeed(exit)))
          const error = yield* Effect.flip((yield* Deferred.await(answered)) as Exit.Exit<never, InstanceLost>)
          assert.strictEqual(error._tag, "InstanceLost")
          assert.include(error.message, signal)
          for (const { lost } of lent) yield* lost
        }))
        for (let i = 0; i < 4; i++) {
          const result = yield* first.value.run([rows(2, i)], ["OUTPUT0"])
          assert.deepStrictEqual(new Uint8Array(result.outputs[0]!.data), rows(2, i).data)
        }
        yield* second.run(pair(1), ["OUTPUT0"])
        const after = yield* device
        assert.notInclude(after, first.pids[0])
        assert.lengthOf(after, before.length)
      }).pipe(Effect.scoped, Effect.provide(layer)))
  }

  it.live("refuses a GPU that is not there", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      const plan = identityPlan(identityFile)
      const error = yield* Effect.flip(
        executor.open({ ...plan, instances: [{ name: "m_0", device: { kind: "GPU", id: 3 } }] })
      )
      assert.strictEqual(
        error.message,
        "instance 'm_0' of model 'identity' asks for device GPU 3; this server has GPU 0"
      )
    }).pipe(Effect.scoped, Effect.provide(layerCpu)))
})
