import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as LocalStatistics from "../../src/layers/telemetry/LocalStatistics.ts"
import * as PrometheusMetrics from "../../src/layers/telemetry/PrometheusMetrics.ts"
import { Metrics } from "../../src/services/Metrics.ts"
import { Statistics } from "../../src/services/Statistics.ts"

const start = Effect.fnUntraced(function*(options: PrometheusMetrics.Options = {}) {
  const context = yield* Layer.build(
    PrometheusMetrics.layerWith(options).pipe(
      Layer.provideMerge(LocalStatistics.layerWith({ quantiles: options.quantiles !== undefined }))
    )
  )
  const { exposition } = Context.get(context, Metrics)
  return {
    statistics: Context.get(context, Statistics),
    exposition,
    /** The lines of one family. */
    family: (name: string) =>
      Effect.map(exposition, (text) => {
        const lines = text.split("\n")
        const first = lines.findIndex((line) => line.startsWith(`# HELP ${name} `))
        if (first === -1) return []
        const length = lines.slice(first + 1).findIndex((line) => line.startsWith("# HELP ") || line === "")
        return lines.slice(first, first + 1 + length)
      })
  }
})

const times = { request: 250_999, queue: 1500, computeInput: 2000, computeInfer: 200_000, computeOutput: 0 }

describe("PrometheusMetrics", () => {
  it.effect("writes a counter with help, type and sorted labels, whole numbers without a point", () =>
    Effect.gen(function*() {
      const { family, statistics } = yield* start()
      const books = yield* statistics.open({ model: "m", version: 2 })
      books.loaded(1.5e9)
      books.succeeded(3, times)
      assert.deepStrictEqual(yield* family("nv_inference_count"), [
        "# HELP nv_inference_count Number of inferences performed (does not include cached requests)",
        "# TYPE nv_inference_count counter",
        "nv_inference_count{model=\"m\",version=\"2\"} 3"
      ])
      assert.strictEqual(
        (yield* family("nv_inference_request_duration_us"))[2],
        "nv_inference_request_duration_us{model=\"m\",version=\"2\"} 250"
      )
      assert.strictEqual(
        (yield* family("nv_model_load_duration_secs"))[2],
        "nv_model_load_duration_secs{model=\"m\",version=\"2\"} 1.5"
      )
    }))

  it.effect("has every reason of a failure from the start", () =>
    Effect.gen(function*() {
      const { family, statistics } = yield* start()
      const books = yield* statistics.open({ model: "m", version: 1 })
      books.loaded(0)
      books.failed("CANCELED", 5)
      books.refused("stopping")
      const series = (name: string, reason: string, value: number) =>
        `${name}{model="m",reason="${reason}",version="1"} ${value}`
      const failure = "nv_inference_request_failure"
      assert.sameMembers((yield* family(failure)).slice(2), [
        series(failure, "REJECTED", 0),
        series(failure, "CANCELED", 1),
        series(failure, "BACKEND", 0),
        series(failure, "OTHER", 0)
      ])
      const rejected = "galatea_rejected_requests_total"
      assert.deepStrictEqual((yield* family(rejected)).slice(2), [
        series(rejected, "queue_full", 0),
        series(rejected, "deadline", 0),
        series(rejected, "stopping", 1),
        series(rejected, "suspended", 0),
        series(rejected, "invalid", 0)
      ])
    }))

  it.effect("writes histograms as count, sum and cumulative buckets", () =>
    Effect.gen(function*() {
      const { family, statistics } = yield* start({ histogramLatencies: true })
      const books = yield* statistics.open({ model: "m", version: 1, firstResponseBuckets: [0.5, 10] })
      books.loaded(0)
      books.succeeded(1, { ...times, request: 7e6 })
      books.succeeded(1, { ...times, request: 70e6 })
      books.succeeded(1, { ...times, request: 0 })
      const name = "nv_inference_first_response_histogram_ms"
      const base = "model=\"m\",version=\"1\""
      assert.deepStrictEqual(yield* family(name), [
        `# HELP ${name} Duration from request to first response in milliseconds`,
        `# TYPE ${name} histogram`,
        `${name}_count{${base}} 3`,
        `${name}_sum{${base}} 77`,
        `${name}_bucket{${base},le="0.5"} 1`,
        `${name}_bucket{${base},le="10"} 2`,
        `${name}_bucket{${base},le="+Inf"} 3`
      ])
      const own = yield* family("galatea_request_duration_seconds")
      assert.include(own, `galatea_request_duration_seconds_bucket{${base},le="0.0001"} 1`)
      assert.include(own, `galatea_request_duration_seconds_bucket{${base},le="0.01"} 2`)
      assert.include(own, `galatea_request_duration_seconds_sum{${base}} 0.077`)
    }))

  it.effect("writes summaries of the last minute, Nan when it was idle", () =>
    Effect.gen(function*() {
      const { family, statistics } = yield* start({ quantiles: [0.5, 0.999] })
      const books = yield* statistics.open({ model: "m", version: 1 })
      books.loaded(0)
      for (const micros of [10, 20, 30]) books.succeeded(1, { ...times, queue: micros * 1000 })
      const name = "nv_inference_queue_summary_us"
      const base = "model=\"m\",version=\"1\""
      const head = [
        `# HELP ${name} Summary of inference queuing duration in microseconds (includes cached requests)`,
        `# TYPE ${name} summary`,
        `${name}_count{${base}} 3`,
        `${name}_sum{${base}} 60`
      ]
      assert.deepStrictEqual(yield* family(name), [
        ...head,
        `${name}{${base},quantile="0.5"} 20`,
        `${name}{${base},quantile="0.999"} 30`
      ])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* family(name), [
        ...head,
        `${name}{${base},quantile="0.5"} Nan`,
        `${name}{${base},quantile="0.999"} Nan`
      ])
    }))

  it.effect("labels by tags and namespace, with names that labels can have and values escaped", () =>
    Effect.gen(function*() {
      const { family, statistics } = yield* start()
      const books = yield* statistics.open({
        model: "a\"b",
        version: 1,
        namespace: "/models",
        tags: { team: "x\\y\nz", "cost-center": "7", _name__: "n" }
      })
      books.loaded(0)
      assert.strictEqual(
        (yield* family("nv_inference_count"))[2],
        "nv_inference_count{_cost_center=\"7\",_name_=\"n\",_team=\"x\\\\y\\nz\",model=\"a\\\"b\",namespace=\"/models\"," +
          "version=\"1\"} 0"
      )
    }))

  it.effect("shows a version from when it is open until it closes, and one series for the same labels", () =>
    Effect.gen(function*() {
      const { exposition, family, statistics } = yield* start()
      const name = "nv_inference_count"
      assert.notInclude(yield* exposition, "nv_inference")
      const [first, second] = [yield* Scope.make(), yield* Scope.make()]
      const old = yield* Scope.provide(statistics.open({ model: "m", version: 1 }), first)
      assert.deepStrictEqual(yield* family(name), [], "still loading")
      old.loaded(1)
      old.succeeded(5, times)
      const successor = yield* Scope.provide(statistics.open({ model: "m", version: 1 }), second)
      const value = Effect.map(family(name), (lines) => lines.slice(2).map((line) => line.split(" ")[1]))
      assert.deepStrictEqual(yield* value, ["5"], "the successor still loads")
      successor.loaded(1)
      successor.succeeded(2, times)
      assert.deepStrictEqual(yield* value, ["2"])
      yield* Scope.close(first, Exit.void)
      assert.deepStrictEqual(yield* value, ["2"])
      yield* Scope.close(second, Exit.void)
      assert.notInclude(yield* exposition, "nv_inference")
    }))

  it.effect("leaves out only the counters of microseconds when they are turned off", () =>
    Effect.gen(function*() {
      const names = (text: string) => Array.from(text.matchAll(/^# TYPE (\S+)/mg), ([, name]) => name!)
      const all = yield* start()
      const few = yield* start({ counterLatencies: false })
      for (const { statistics } of [all, few]) (yield* statistics.open({ model: "m", version: 1 })).loaded(0)
      const before = names(yield* all.exposition)
      const after = names(yield* few.exposition)
      assert.deepStrictEqual(before.filter((name) => !after.includes(name)), [
        "nv_inference_request_duration_us",
        "nv_inference_queue_duration_us",
        "nv_inference_compute_input_duration_us",
        "nv_inference_compute_infer_duration_us",
        "nv_inference_compute_output_duration_us"
      ])
      assert.deepStrictEqual(after.filter((name) => !before.includes(name)), [])
    }))

  it.effect("tells of the process, and of the machine unless told not to", () =>
    Effect.gen(function*() {
      const { exposition } = yield* start({ pinnedMemoryPoolBytes: 1024 })
      const text = yield* exposition
      const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1])
      assert.strictEqual(value("nv_pinned_memory_pool_total_bytes"), 1024)
      assert.isAbove(value("process_resident_memory_bytes"), value("galatea_heap_used_bytes"))
      assert.isAbove(value("process_cpu_seconds_total"), 0)
      assert.approximately(value("process_start_time_seconds"), performance.timeOrigin / 1000, 0.001)
      assert.isAbove(value("nv_cpu_memory_total_bytes"), value("nv_cpu_memory_used_bytes"))
      assert.isAtMost(value("nv_cpu_utilization"), 1)
      assert.isTrue(text.endsWith("\n") && !text.endsWith("\n\n"))
      const without = yield* start({ cpu: false })
      assert.notInclude(yield* without.exposition, "nv_cpu_")
    }))

  it.effect("looks at the machine once in each interval", () =>
    Effect.gen(function*() {
      const { family } = yield* start({ interval: "10 seconds" })
      const used = Effect.map(family("nv_cpu_memory_used_bytes"), (lines) => lines[2])
      const first = yield* used
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(yield* used, first)
      let changed = false
      const held: Array<Buffer> = []
      for (let i = 0; i < 10 && !changed; i++) {
        // More than the C library can have kept for itself.
        held.push(Buffer.alloc(64 * 1024 ** 2, 1))
        yield* TestClock.adjust("10 seconds")
        changed = (yield* used) !== first
      }
      assert.isTrue(changed)
    }))
})
