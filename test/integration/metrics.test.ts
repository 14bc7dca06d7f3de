/** A started server under load: statistics, metrics and a real Prometheus say the same. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { execFileSync, spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Models from "../fixtures/onnx/Models.ts"
import * as Child from "./cli/Child.ts"
import * as Exposition from "./Exposition.ts"
import { find } from "./Programs.ts"

const repository = {
  simple: {
    "config.pbtxt": "max_batch_size: 8\nmetric_tags { key: \"team\" value: \"vision\" }\n"
      + "model_metrics { metric_control { metric_identifier { family: \"nv_inference_first_response_histogram_ms\" }\n"
      + "histogram_options { buckets: [ 1, 60000 ] } } }\n",
    1: { "model.onnx": Models.simple() }
  },
  other: { "config.pbtxt": "max_batch_size: 8\n", 1: { "model.onnx": Models.simple() } }
}

const data = (rows: number) => Array.from({ length: 16 * rows }, (_, i) => i)
const infer = (url: string, model: string, rows: number, shape: ReadonlyArray<number> = [rows, 16]) =>
  Child.ask(`${url}/v2/models/${model}/infer`, {
    method: "POST",
    body: JSON.stringify({
      inputs: ["INPUT0", "INPUT1"].map((name) => ({ name, shape, datatype: "INT32", data: data(rows) }))
    })
  })

const serve = Effect.fnUntraced(function*(variables: Readonly<Record<string, string>> = {}) {
  const models = yield* Child.folder(repository)
  const server = yield* Child.serve([
    models,
    "--metrics-config=summary_latencies=true",
    "--metrics-config=histogram_latencies=true"
  ], { variables })
  assert.notInclude(server.err(), "metric", "nothing of it is warned of")
  return { url: server.url, metrics: /metrics at (\S+)/.exec(server.out())![1]! }
})

/** Requests of one to four rows, and one that is refused before it counts. */
const load = Effect.fnUntraced(function*(url: string) {
  for (const rows of [1, 2, 3, 4, 4]) assert.strictEqual((yield* infer(url, "simple", rows)).status, 200)
  assert.strictEqual((yield* infer(url, "simple", 9)).status, 400)
})

const phases = ["queue", "compute_input", "compute_infer", "compute_output"] as const

describe("statistics and metrics of a started server", () => {
  it.live("add up", () =>
    Effect.scoped(Effect.gen(function*() {
      const { metrics, url } = yield* serve()
      const began = yield* Clock.currentTimeMillis
      yield* load(url)
      assert.include(JSON.parse((yield* Child.ask(`${url}/v2`)).text).extensions, "statistics")
      const all = JSON.parse((yield* Child.ask(`${url}/v2/models/stats`)).text).model_stats
      assert.deepStrictEqual(all.map(({ name }: { name: string }) => name), ["other", "simple"])
      const [idle, stats] = all
      assert.strictEqual(idle.inference_stats.success.count, 0)
      assert.strictEqual(stats.inference_count, 14)
      assert.strictEqual(stats.inference_stats.success.count, 5)
      assert.strictEqual(stats.inference_stats.fail.count, 0)
      assert.isAtLeast(stats.last_inference, began)
      let executions = 0
      let rows = 0
      for (const { batch_size: size, compute_infer: { count } } of stats.batch_stats) {
        executions += count
        rows += size * count
      }
      assert.deepStrictEqual([executions, rows], [stats.execution_count, 14])

      const families = Exposition.parse((yield* Child.ask(metrics)).text)
      const labels = { model: "simple", version: "1", _team: "vision" }
      const value = (name: string, more: Readonly<Record<string, string>> = {}) =>
        Exposition.value(families, name, { ...labels, ...more })
      assert.strictEqual(value("nv_inference_request_success"), 5)
      assert.strictEqual(value("nv_inference_count"), 14)
      assert.strictEqual(value("nv_inference_exec_count"), stats.execution_count)
      assert.strictEqual(value("galatea_batch_size_count"), stats.execution_count)
      assert.strictEqual(value("galatea_batch_size_sum"), 14)
      assert.isAbove(value("nv_model_load_duration_secs"), 0.001)
      for (const reason of ["REJECTED", "CANCELED", "BACKEND", "OTHER"]) {
        assert.strictEqual(value("nv_inference_request_failure", { reason }), 0)
      }
      const { success } = stats.inference_stats
      for (
        const [phase, { count, ns }] of [
          ["request", success],
          ...phases.map((name) => [name, stats.inference_stats[name]])
        ]
      ) {
        assert.strictEqual(count, 5, phase)
        // Each of the five was cut to whole microseconds.
        const micros = value(`nv_inference_${phase}_duration_us`)
        assert.isAtMost(micros, ns / 1000)
        assert.isAbove(micros, ns / 1000 - 5)
        assert.strictEqual(value(`nv_inference_${phase}_summary_us_sum`), micros)
        assert.strictEqual(value(`galatea_${phase}_duration_seconds_count`), 5)
        assert.approximately(value(`galatea_${phase}_duration_seconds_sum`), ns / 1e9, 1e-9)
      }
      assert.isAtLeast(success.ns, phases.reduce((sum, name) => sum + stats.inference_stats[name].ns, 0))
      assert.isAbove(value("nv_inference_request_summary_us", { quantile: "0.5" }), 0)

      const buckets = families.get("nv_inference_first_response_histogram_ms")!.samples
        .filter((sample) => sample.name.endsWith("_bucket"))
      const bounds = (model: string) =>
        buckets.filter(({ labels }) => labels["model"] === model).map(({ labels }) => labels["le"])
      assert.deepStrictEqual(bounds("simple"), ["1", "60000", "+Inf"])
      assert.deepStrictEqual(bounds("other"), ["100", "500", "2000", "5000", "+Inf"])
      assert.strictEqual(value("nv_inference_first_response_histogram_ms_bucket", { le: "60000" }), 5)
      assert.strictEqual(Exposition.value(families, "nv_inference_count", { model: "other" }), 0)
      for (const name of families.keys()) assert.notMatch(name, /^nv_(gpu|cache|energy)/)
    })))

  it.live("count what is turned away, and what waits and runs", () =>
    Effect.scoped(Effect.gen(function*() {
      const models = yield* Child.folder({
        slow: {
          "config.pbtxt": "instance_group { count: 1 kind: KIND_CPU }\n",
          1: { "model.onnx": Models.slow(8000) }
        }
      })
      const server = yield* Child.serve([models, "--max-queue-size=2"])
      const metrics = /metrics at (\S+)/.exec(server.out())![1]!
      const body = JSON.stringify({
        inputs: [{ name: "INPUT0", datatype: "FP32", shape: [1, 16], data: data(1) }]
      })
      const ask = Child.ask(`${server.url}/v2/models/slow/infer`, { method: "POST", body })
      const seen: Array<readonly [pending: number, executing: number]> = []
      const watch = Effect.gen(function*() {
        const families = Exposition.parse((yield* Child.ask(metrics)).text)
        seen.push([
          Exposition.value(families, "galatea_pending_requests"),
          Exposition.value(families, "galatea_executing_instances")
        ])
        assert.strictEqual(Exposition.value(families, "nv_inference_pending_request_count"), seen.at(-1)![0])
      })
      const [answers] = yield* Effect.all([
        Effect.all(Array.from({ length: 6 }, () => ask), { concurrency: 6 }),
        Effect.repeat(Effect.delay(watch, "20 millis"), { times: 10 })
      ], { concurrency: 2 })
      const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b)
      assert.deepStrictEqual(new Set(statuses), new Set([200, 503]))
      const refused = statuses.filter((status) => status === 503).length
      const families = Exposition.parse((yield* Child.ask(metrics)).text)
      const labels = { model: "slow", version: "1" }
      assert.strictEqual(
        Exposition.value(families, "galatea_rejected_requests_total", { ...labels, reason: "queue_full" }),
        refused
      )
      assert.strictEqual(Exposition.value(families, "nv_inference_request_success", labels), 6 - refused)
      assert.strictEqual(Exposition.value(families, "galatea_pending_requests", labels), 0)
      assert.strictEqual(Exposition.value(families, "galatea_executing_instances", labels), 0)
      assert.isTrue(seen.some(([pending, executing]) => pending > 0 && executing > 0), JSON.stringify(seen))
      assert.isTrue(seen.every(([pending]) => pending <= 2), JSON.stringify(seen))
    })))
})

const prometheus = find("prometheus")
const promtool = find("promtool")
if (prometheus === undefined || promtool === undefined) {
  process.stderr.write(
    "SKIPPED: no prometheus and promtool on PATH, so no real Prometheus reads the metrics (apt-get install prometheus)\n"
  )
}

describe.skipIf(prometheus === undefined || promtool === undefined)("a real Prometheus", () => {
  it.live("accepts every line, and remarks only on names that are Triton's", () =>
    Effect.scoped(Effect.gen(function*() {
      const { metrics, url } = yield* serve()
      yield* load(url)
      const { text } = yield* Child.ask(metrics)
      // It exits with 3 for remarks and with 1 for what it cannot read; remarks and failures are lines of the same output.
      const { status, stderr, stdout } = spawnSync(promtool!, ["check", "metrics"], { input: text, encoding: "utf8" })
      assert.oneOf(status, [0, 3], stderr)
      const remarks = `${stdout}${stderr}`.trim().split("\n").filter((line) => line !== "")
      assert.isAbove(remarks.length, 0, "Triton's names are against its rules")
      for (const line of remarks) assert.match(line, /^nv_/)
    })))

  it.live("scrapes the server and answers queries with what the server counted", () =>
    Effect.scoped(Effect.gen(function*() {
      // Nobody listens there: a trace that is sampled is an exemplar, whatever becomes of it then.
      const { metrics, url } = yield* serve({
        OTEL_TRACES_EXPORTER: "otlp",
        OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9"
      })
      yield* load(url)
      const folder = yield* Child.folder({})
      writeFileSync(
        join(folder, "prometheus.yml"),
        "global: { scrape_interval: 500ms, scrape_timeout: 500ms }\nscrape_configs:\n  - job_name: galatea\n"
          + `    static_configs: [ { targets: [ "${new URL(metrics).host}" ] } ]\n`
      )
      execFileSync(promtool!, ["check", "config", join(folder, "prometheus.yml")], { stdio: "ignore" })
      const scraper = yield* Child.start([], {
        program: [
          prometheus!,
          `--config.file=${join(folder, "prometheus.yml")}`,
          `--storage.tsdb.path=${join(folder, "data")}`,
          "--web.listen-address=127.0.0.1:0",
          "--enable-feature=exemplar-storage"
        ]
      })
      const [, address] = yield* scraper.printed(/"Listening on" .*address="?(127\.0\.0\.1:\d+)/)
      yield* scraper.printed(/Server is ready to receive web requests/)
      const query = (text: string) =>
        Effect.map(
          Child.ask(`http://${address}/api/v1/query?query=${encodeURIComponent(text)}`),
          (answer): number | undefined => {
            const result = JSON.parse(answer.text).data.result
            assert.isAtMost(result.length, 1, answer.text)
            return result.length === 0 ? undefined : Number(result[0].value[1])
          }
        )
      let up: number | undefined
      while (up !== 1) {
        yield* Effect.sleep("100 millis")
        up = yield* query("up{job=\"galatea\"}")
      }
      // The newest of what was scraped, also where a later scrape took too long.
      const newest = (series: string) => `last_over_time(${series}[1h])`
      const simple = "{model=\"simple\",version=\"1\",_team=\"vision\"}"
      assert.strictEqual(yield* query(newest(`nv_inference_count${simple}`)), 14)
      assert.strictEqual(yield* query(newest(`galatea_request_duration_seconds_count${simple}`)), 5)
      const median = yield* query(
        `histogram_quantile(0.5, ${newest(`galatea_request_duration_seconds_bucket${simple}`)})`
      )
      assert.isAbove(median!, 0)
      assert.isBelow(median!, 60)
      assert.isAbove((yield* query(newest("process_resident_memory_bytes{job=\"galatea\"}")))!, 1e6)
      const name = "galatea_request_duration_seconds_bucket"
      const now = (yield* Clock.currentTimeMillis) / 1000
      const kept = JSON.parse(
        (yield* Child.ask(`http://${address}/api/v1/query_exemplars?query=${name}&start=${now - 3600}&end=${now + 60}`))
          .text
      )
      const exemplars = kept.data.flatMap((series: { readonly exemplars: ReadonlyArray<unknown> }) => series.exemplars)
      assert.isAbove(exemplars.length, 0)
      for (const { labels, value } of exemplars) {
        assert.match(labels.trace_id, /^[0-9a-f]{32}$/)
        assert.match(labels.span_id, /^[0-9a-f]{16}$/)
        assert.isAbove(Number(value), 0)
      }
    })))
})
