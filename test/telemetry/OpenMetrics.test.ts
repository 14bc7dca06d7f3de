import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
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
  const { openMetrics } = Context.get(context, Metrics)
  return {
    statistics: Context.get(context, Statistics),
    openMetrics,
    /** The lines of one family. */
    family: (name: string) =>
      Effect.map(openMetrics, (text) => {
        const lines = text.split("\n")
        const first = lines.indexOf(lines.find((line) => line.startsWith(`# TYPE ${name} `))!)
        const length = lines.slice(first + 1).findIndex((line) => /^# (?:TYPE|EOF)/.test(line))
        return lines.slice(first, first + 1 + length)
      })
  }
})

const times = { request: 250_999, queue: 1500, computeInput: 2000, computeInfer: 200_000, computeOutput: 0 }
const trace = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", sampled: true }

describe("OpenMetrics", () => {
  it.effect("names a counter without _total in its head, and leaves those of Triton as they are", () =>
    Effect.gen(function*() {
      const { family, statistics } = yield* start()
      const books = yield* statistics.open({ model: "m", version: 1 })
      books.loaded(0)
      books.succeeded(3, times)
      assert.deepStrictEqual(yield* family("nv_inference_count"), [
        "# TYPE nv_inference_count unknown",
        "# HELP nv_inference_count Number of inferences performed (does not include cached requests)",
        "nv_inference_count{model=\"m\",version=\"1\"} 3"
      ])
      assert.deepStrictEqual((yield* family("galatea_rejected_requests")).slice(2), [
        "galatea_rejected_requests_total{model=\"m\",reason=\"queue_full\",version=\"1\"} 0",
        "galatea_rejected_requests_total{model=\"m\",reason=\"deadline\",version=\"1\"} 0",
        "galatea_rejected_requests_total{model=\"m\",reason=\"stopping\",version=\"1\"} 0",
        "galatea_rejected_requests_total{model=\"m\",reason=\"suspended\",version=\"1\"} 0",
        "galatea_rejected_requests_total{model=\"m\",reason=\"invalid\",version=\"1\"} 0"
      ])
      assert.deepStrictEqual((yield* family("process_cpu_seconds")).slice(0, 2), [
        "# TYPE process_cpu_seconds counter",
        "# UNIT process_cpu_seconds seconds"
      ])
    }))

  it.effect("has the last sampled trace of each bucket, and no other", () =>
    Effect.gen(function*() {
      const { family, statistics } = yield* start()
      const books = yield* statistics.open({ model: "m", version: 1 })
      books.loaded(0)
      yield* TestClock.adjust("1500 millis")
      books.succeeded(1, { ...times, queue: 300_000 }, { ...trace, spanId: "1111111111111111" })
      yield* TestClock.adjust("1 second")
      books.succeeded(1, { ...times, queue: 400_000 }, trace)
      yield* TestClock.adjust("1 second")
      books.succeeded(1, { ...times, queue: 450_000 }, { ...trace, spanId: "2222222222222222", sampled: false })
      books.succeeded(1, { ...times, queue: 70e9 }, trace)
      books.succeeded(1, { ...times, queue: 0 })
      const name = "galatea_queue_duration_seconds"
      const labels = "model=\"m\",version=\"1\""
      const exemplar = `# {trace_id="${trace.traceId}",span_id="${trace.spanId}"}`
      const lines = yield* family(name)
      assert.deepStrictEqual(lines.slice(0, 2), [`# TYPE ${name} histogram`, `# UNIT ${name} seconds`])
      const bucket = (le: string) => lines.find((line) => line.startsWith(`${name}_bucket{${labels},le="${le}"}`))!
      assert.strictEqual(bucket("0.0001"), `${name}_bucket{${labels},le="0.0001"} 1`)
      assert.strictEqual(bucket("0.0005"), `${name}_bucket{${labels},le="0.0005"} 4 ${exemplar} 0.0004 2.500`)
      assert.strictEqual(bucket("1.0"), `${name}_bucket{${labels},le="1.0"} 4`)
      assert.strictEqual(bucket("+Inf"), `${name}_bucket{${labels},le="+Inf"} 5 ${exemplar} 70 3.500`)
      assert.strictEqual(lines.at(-2), `${name}_count{${labels}} 5`)
    }))

  it.effect("has a trace of a request that the cache answered", () =>
    Effect.gen(function*() {
      const { family, statistics } = yield* start()
      const books = yield* statistics.open({ model: "m", version: 1, cached: true })
      books.loaded(0)
      books.cacheHit({ request: 90_000, queue: 0, lookup: 10 }, trace)
      const line = (yield* family("galatea_request_duration_seconds")).find((text) => text.includes(" # {"))
      assert.include(line!, "le=\"0.0001\"} 1 # {trace_id=\"0af7651916cd43dd8448eb211c80319c\"")
    }))

  it.effect("writes numbers as its labels have them, and NaN", () =>
    Effect.gen(function*() {
      const { family, statistics } = yield* start({ quantiles: [0.5, 1] })
      const books = yield* statistics.open({ model: "m", version: 1 })
      books.loaded(0)
      const labels = "model=\"m\",version=\"1\""
      assert.deepStrictEqual((yield* family("nv_inference_queue_summary_us")).slice(2), [
        `nv_inference_queue_summary_us{${labels},quantile="0.5"} NaN`,
        `nv_inference_queue_summary_us{${labels},quantile="1.0"} NaN`,
        `nv_inference_queue_summary_us_count{${labels}} 0`,
        `nv_inference_queue_summary_us_sum{${labels}} 0`
      ])
    }))

  it.effect("ends with its mark, and names no family twice", () =>
    Effect.gen(function*() {
      const { openMetrics, statistics } = yield* start({ histogramLatencies: true, quantiles: [0.5] })
      const books = yield* statistics.open({ model: "m", version: 1, cached: true })
      books.loaded(0)
      const text = yield* openMetrics
      assert.isTrue(text.endsWith("\n# EOF\n"))
      const names = Array.from(text.matchAll(/^# TYPE (\S+)/mg), ([, name]) => name!)
      assert.strictEqual(new Set(names).size, names.length)
      assert.isAbove(names.length, 30)
    }))
})
