import { assert, describe, it } from "@effect/vitest"
import { between, quantile } from "../../../../src/layers/cli/internal/top/Activity.ts"
import * as Reading from "../../../../src/layers/cli/internal/top/Reading.ts"
import * as Metrics from "./Metrics.ts"

const server = (start: number, cpu: number) =>
  `process_start_time_seconds ${start}\nprocess_cpu_seconds_total ${cpu}\nprocess_resident_memory_bytes 1048576\n`

const read = (text: string, seconds: number) => Reading.read(text, seconds * 1e9)!

describe("quantile", () => {
  it("spreads the values of a bucket evenly, as Prometheus does", () => {
    const buckets = { bounds: [1, 2, Infinity], counts: [10, 20, 20] }
    assert.strictEqual(quantile(0.5, buckets), 1)
    assert.strictEqual(quantile(0.25, buckets), 0.5)
    assert.strictEqual(quantile(0.75, buckets), 1.5)
    assert.strictEqual(quantile(0.99, { bounds: [1, Infinity], counts: [0, 4] }), 1)
    assert.isUndefined(quantile(0.5, { bounds: [1, Infinity], counts: [0, 0] }))
  })
})

describe("between", () => {
  const first = Metrics.version({ requests: 100, rows: 200, executions: 50, durations: [50, 100, 100, 100] })
  const second = Metrics.version({
    requests: 300,
    failures: 8,
    rejections: 4,
    rows: 1000,
    executions: 150,
    pending: 3,
    durations: [50, 290, 300, 300],
    more: [
      "galatea_rejected_requests_total{model=\"simple\",reason=\"invalid\",version=\"1\"} 8",
      "galatea_max_batch_size{model=\"simple\",version=\"1\"} 16",
      "galatea_queue_age_seconds{model=\"simple\",version=\"1\"} 0.25",
      "galatea_executing_instances{model=\"simple\",version=\"1\"} 1",
      "galatea_instances{model=\"simple\",version=\"1\"} 2"
    ]
  })

  it("takes rates, batches and quantiles from what came in between, and the rest as it is now", () => {
    const { cpu, residentBytes, seconds, versions } = between(
      read(first + server(5, 10), 1),
      read(second + server(5, 11), 5),
      [{ model: "simple", version: "1", state: "READY" }]
    )
    assert.deepStrictEqual([seconds, cpu, residentBytes], [4, 0.25, 1048576])
    assert.strictEqual(versions.length, 1)
    const [one] = versions
    assert.deepStrictEqual(
      [one!.requestsPerSecond, one!.failuresPerSecond, one!.rejectionsPerSecond, one!.batch, one!.fullness],
      [50, 2, 3, 8, 0.5]
    )
    // 190 of 200 took 1 to 10 ms: the middle one is the 100th of them, the 198th is the 8th of the 10 above.
    assert.approximately(one!.median!, 0.001 + 0.009 * 100 / 190, 1e-12)
    assert.approximately(one!.p99!, 0.01 + 0.09 * 8 / 10, 1e-12)
    assert.deepStrictEqual(
      [one!.state, one!.now!.pending, one!.now!.queueAgeSeconds, one!.now!.executing, one!.now!.instances],
      ["READY", 3, 0.25, 1, 2]
    )
  })

  it("knows no rates after a restart, nor of a model that was loaded again or is new", () => {
    const restarted = between(read(first + server(5, 10), 1), read(second + server(6, 1), 5), undefined)
    assert.deepStrictEqual([restarted.seconds, restarted.cpu], [undefined, undefined])
    assert.isUndefined(restarted.versions[0]!.requestsPerSecond)
    const again = between(read(second, 1), read(first, 5), undefined)
    assert.deepStrictEqual([again.seconds, again.versions[0]!.requestsPerSecond], [4, undefined])
    const other = between(read(first, 1), read(Metrics.version({ model: "other", requests: 9 }), 5), undefined)
    assert.deepStrictEqual(other.versions.map(({ model, requestsPerSecond }) => [model, requestsPerSecond]), [
      ["other", undefined]
    ])
  })

  it("has models that the server lists and has not loaded", () => {
    const { versions } = between(undefined, read(first, 1), [
      { model: "broken", version: "2", state: "UNAVAILABLE" },
      { model: "never", version: undefined, state: "not loaded" }
    ])
    assert.deepStrictEqual(
      versions.map(({ model, now, state, version }) => [model, version, state, now !== undefined]),
      [["simple", "1", undefined, true], ["broken", "2", "UNAVAILABLE", false], ["never", "", "not loaded", false]]
    )
  })
})

describe("a reading", () => {
  it("keeps apart versions of the same name in several roots", () => {
    const of = (namespace: string, requests: number) =>
      `nv_inference_request_success{model="m",namespace="${namespace}",version="1"} ${requests}\n`
    const { versions } = read(`# TYPE nv_inference_request_success counter\n${of("/a", 1)}${of("/b", 2)}`, 1)
    assert.deepStrictEqual(Array.from(versions.values(), ({ requests }) => requests), [1, 2])
  })

  it("leaves out what the server does not tell, and what is no metric", () => {
    const { versions } = read(
      "# TYPE nv_inference_count counter\nnv_inference_count{model=\"a\\\"\\\\\\n\",version=\"1\"} 5\n<html>\n}{ 5\n",
      1
    )
    const [only] = versions.values()
    assert.deepStrictEqual([only!.model, only!.rows, only!.pending, only!.durations], [
      "a\"\\\n",
      5,
      undefined,
      undefined
    ])
    assert.isUndefined(Reading.read("<html>no metrics</html>", 1))
  })
})
