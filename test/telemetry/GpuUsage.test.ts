import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { chmodSync, existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as LocalStatistics from "../../src/layers/telemetry/LocalStatistics.ts"
import * as PrometheusMetrics from "../../src/layers/telemetry/PrometheusMetrics.ts"
import { Metrics } from "../../src/services/Metrics.ts"
import * as TemporaryRepository from "../repository/TemporaryRepository.ts"

/** A folder with an `nvidia-smi` that prints the file `gpus`, or fails where that is not there. */
const fake = Effect.fnUntraced(function*(gpus: string) {
  const folder = yield* TemporaryRepository.make({
    "nvidia-smi": "#!/bin/sh\ncd \"$(dirname \"$0\")\"\necho >> asked\nexec cat gpus\n",
    gpus
  })
  chmodSync(join(folder, "nvidia-smi"), 0o755)
  return folder
})

const start = (options: PrometheusMetrics.Options) =>
  Effect.map(
    Layer.build(PrometheusMetrics.layerWith(options).pipe(Layer.provideMerge(LocalStatistics.layer))),
    (context) => Context.get(context, Metrics).exposition
  )

const until = Effect.fnUntraced(function*<A>(read: Effect.Effect<A>, holds: (value: A) => boolean) {
  for (let value = yield* read;; value = yield* read) {
    if (holds(value)) return value
    yield* Effect.sleep("5 millis")
  }
})

const value = (text: string, series: string) => Number(text.split(`\n${series} `)[1]?.split("\n")[0])
const families = (text: string) => Array.from(text.matchAll(/^# TYPE (nv_gpu\S+|nv_energy\S+)/mg), ([, name]) => name)

describe("metrics of GPUs", () => {
  it.live("are those of Triton, one series for each GPU", () =>
    Effect.gen(function*() {
      const folder = yield* fake(
        "0, GPU-1, H100, 9.0, 1000, 250, 25, 100.5, 700.00\n1, GPU-2, Old, 6.1, 1, 1, 5, [N/A], 9\n"
      )
      const exposition = yield* start({ programPath: folder, interval: "10 millis" })
      const text = yield* until(exposition, (text) => value(text, "nv_energy_consumption{gpu_uuid=\"GPU-1\"}") > 0)
      assert.strictEqual(value(text, "nv_gpu_utilization{gpu_uuid=\"GPU-1\"}"), 0.25)
      assert.strictEqual(value(text, "nv_gpu_utilization{gpu_uuid=\"GPU-2\"}"), 0.05)
      assert.strictEqual(value(text, "nv_gpu_memory_total_bytes{gpu_uuid=\"GPU-1\"}"), 1000 * 1048576)
      assert.strictEqual(value(text, "nv_gpu_memory_used_bytes{gpu_uuid=\"GPU-1\"}"), 250 * 1048576)
      assert.strictEqual(value(text, "nv_gpu_power_usage{gpu_uuid=\"GPU-1\"}"), 100.5)
      assert.strictEqual(value(text, "nv_gpu_power_limit{gpu_uuid=\"GPU-2\"}"), 9)
      assert.notInclude(text, "nv_gpu_power_usage{gpu_uuid=\"GPU-2\"}")
      assert.notInclude(text, "nv_energy_consumption{gpu_uuid=\"GPU-2\"}")
      assert.include(text, "# TYPE nv_energy_consumption counter\n")
    }).pipe(Effect.scoped))

  it.live("are absent where they are not wanted, and where there is no nvidia-smi", () =>
    Effect.gen(function*() {
      const folder = yield* fake("0, GPU-1, H100, 9.0, 1000, 250, 25, 100.5, 700.00\n")
      const off = yield* start({ programPath: folder, gpu: false, interval: "10 millis" })
      const none = yield* start({ programPath: "/nowhere", interval: "10 millis" })
      const on = yield* start({ programPath: folder, interval: "10 millis" })
      yield* until(on, (text) => families(text).length === 6)
      assert.deepStrictEqual(families(yield* off), [])
      assert.deepStrictEqual(families(yield* none), [])
    }).pipe(Effect.scoped))

  it.live("go away, and are asked for no more, after three failures in a row", () =>
    Effect.gen(function*() {
      const folder = yield* fake("0, GPU-1, H100, 9.0, 1000, 250, 25, 100.5, 700.00\n")
      const exposition = yield* start({ programPath: folder, interval: "10 millis" })
      yield* until(exposition, (text) => families(text).length === 6)
      writeFileSync(join(folder, "nvidia-smi"), "#!/bin/sh\necho broken\nexit 9\n")
      yield* until(exposition, (text) => families(text).length === 0)
      writeFileSync(join(folder, "nvidia-smi"), "#!/bin/sh\ntouch \"$(dirname \"$0\")/again\"\nexit 9\n")
      yield* Effect.sleep("50 millis")
      assert.isFalse(existsSync(join(folder, "again")))
    }).pipe(Effect.scoped))
})
