import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as GpuSessions from "../../../src/layers/execution/internal/gpu/GpuSessions.ts"
import * as ProcessHost from "../../../src/layers/execution/internal/process/ProcessHost.ts"
import type { FoundDevice, PlannedInstance } from "../../../src/services/Executor.ts"

const devices: ReadonlyArray<FoundDevice> = [
  { kind: "CPU", id: 0 },
  { kind: "GPU", id: 0, providers: ["webgpu"] },
  { kind: "GPU", id: 1, providers: ["tensorrt", "cuda"] }
]

const make = GpuSessions.make({
  devices,
  memoryLimits: [],
  host: ProcessHost.options({ heapMegabytes: 64, environment: {} }),
  path: undefined
})

const on = (kind: "CPU" | "GPU", id: number, ...providers: ReadonlyArray<string>): PlannedInstance => ({
  name: "m_0",
  device: { kind, id },
  ...(providers.length === 0 ? {} : { providers: providers.map((name) => ({ name, options: {} })) })
})

describe("GpuSessions", () => {
  it.effect("asks for the providers of the plan, otherwise for the best of the GPU", () =>
    Effect.gen(function*() {
      const { settings } = yield* make
      const asked = (instance: PlannedInstance) => settings(instance, {}).executionProviders
      assert.isUndefined(asked(on("CPU", 0)))
      assert.deepStrictEqual(asked(on("GPU", 0)), [{ name: "webgpu" }])
      assert.deepStrictEqual(asked(on("GPU", 1)), [{ name: "cuda", deviceId: 1 }])
      assert.deepStrictEqual(asked(on("GPU", 1, "tensorrt", "cuda")), [
        { name: "tensorrt", deviceId: 1 },
        { name: "cuda", deviceId: 1 }
      ])
    }).pipe(Effect.scoped))

  it.effect("keeps the CPU from its operators on GPUs alone", () =>
    Effect.gen(function*() {
      const { settings } = yield* make
      const given = { extra: { session: { disable_cpu_ep_fallback: "1", intra_op: { allow_spinning: "0" } } } }
      assert.deepStrictEqual(settings(on("GPU", 0), given).extra, given.extra)
      assert.deepStrictEqual(settings(on("CPU", 0), given).extra, { session: { intra_op: { allow_spinning: "0" } } })
    }).pipe(Effect.scoped))

  it.effect("has one process for WebGPU whatever is wished, and one for each other instance unless threads are", () =>
    Effect.gen(function*() {
      const { place } = yield* make
      assert.strictEqual(place(on("GPU", 0), undefined, "thread"), "shared")
      assert.strictEqual(place(on("GPU", 0), "thread", "thread"), "shared")
      assert.strictEqual(place(on("GPU", 1), undefined, "thread"), "process")
      assert.strictEqual(place(on("GPU", 1), "thread", "process"), "thread")
      assert.strictEqual(place(on("CPU", 0), undefined, "process"), "process")
      assert.strictEqual(place(on("CPU", 0), undefined, "thread"), "thread")
    }).pipe(Effect.scoped))
})
