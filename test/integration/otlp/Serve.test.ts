/** What a server that was started as a process tells a collector. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as Child from "../cli/Child.ts"
import type { Span } from "./Decoding.ts"
import * as Receiver from "./Receiver.ts"

const models = Child.folder({
  simple: {
    "config.pbtxt": "max_batch_size: 2\ndynamic_batching { max_queue_delay_microseconds: 60000000 }\n",
    1: { "model.onnx": Models.simple() }
  }
})

const data = Array.from({ length: 16 }, (_, i) => i)
const body = JSON.stringify({
  inputs: ["INPUT0", "INPUT1"].map((name) => ({ name, shape: [1, 16], datatype: "INT32", data }))
})

const infer = (url: string, headers: Readonly<Record<string, string>> = {}) =>
  Child.ask(`${url}/v2/models/simple/infer`, { method: "POST", body, headers })

/** Two requests, which are one batch. */
const inferTwice = (url: string, headers?: ReadonlyArray<Readonly<Record<string, string>>>) =>
  Effect.all([infer(url, headers?.[0]), infer(url, headers?.[1])], { concurrency: 2 })

/** Ends the server as an operator would. */
const end = (child: Child.Child) => Effect.andThen(Effect.sync(() => child.process.kill("SIGTERM")), child.ended)

const late = {
  OTEL_BSP_SCHEDULE_DELAY: "600000",
  OTEL_BLRP_SCHEDULE_DELAY: "600000",
  OTEL_METRIC_EXPORT_INTERVAL: "600000"
}

const named = (spans: ReadonlyArray<Span>, name: string) => spans.filter((span) => span.name === name)

const server = "POST /v2/models/{model}/infer"

describe("a server whose environment names a collector", () => {
  for (const protocol of ["http/protobuf", "http/json", "grpc"]) {
    it.live(`tells it of requests, batches, metrics and its log by ${protocol}, all of it before it ends`, () =>
      Effect.scoped(Effect.gen(function*() {
        const receiver = yield* Receiver.make
        const child = yield* Child.serve([yield* models], {
          variables: {
            ...late,
            OTEL_EXPORTER_OTLP_ENDPOINT: protocol === "grpc" ? receiver.grpc : receiver.http,
            OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
            OTEL_SERVICE_NAME: "vision"
          }
        })
        const traceId = "0af7651916cd43dd8448eb211c80319c"
        const answers = yield* inferTwice(child.url, [
          { traceparent: `00-${traceId}-b7ad6b7169203331-01`, tracestate: "vendor=1,other=2" },
          {}
        ])
        assert.deepStrictEqual(answers.map(({ status }) => status), [200, 200])
        assert.deepStrictEqual(yield* end(child), { code: 0, signal: null })

        const spans = receiver.spans()
        const requests = named(spans, server)
        const [batch] = named(spans, "batch.execute")
        assert.strictEqual(requests.length, 2)
        assert.strictEqual(named(spans, "batch.execute").length, 1)
        const first = requests.find((span) => span.traceId === traceId)!
        assert.include(first, {
          kind: "SPAN_KIND_SERVER",
          parentSpanId: "b7ad6b7169203331",
          traceState: "vendor=1,other=2"
        })
        for (const request of requests) {
          assert.deepStrictEqual(request.links, [{ traceId: batch!.traceId, spanId: batch!.spanId }])
          const queue = spans.find(({ parentSpanId }) => parentSpanId === request.spanId)
          assert.include(queue, { name: "queue", traceId: request.traceId })
          assert.strictEqual(request.attributes["http.response.status_code"], 200)
        }
        const ids = ({ spanId, traceId }: { readonly spanId: string; readonly traceId: string }) =>
          `${traceId} ${spanId}`
        assert.sameMembers(batch!.links.map(ids), requests.map(ids))
        assert.strictEqual(batch!.parentSpanId, "")
        assert.include(batch!.attributes, { "galatea.batch.rows": 2, "galatea.batch.requests": 2 })
        assert.isDefined(named(spans, "model.load")[0])
        for (const { resource } of spans) assert.strictEqual(resource["service.name"], "vision")

        assert.isTrue(receiver.logRecords().some(({ body }) => /successfully loaded 'simple'/.test(String(body))))
        const metrics = JSON.stringify(receiver.received.filter(({ signal }) => signal === "metrics"))
        assert.include(metrics, "galatea_request_duration_seconds")
        assert.strictEqual(child.err(), "")
      })))
  }

  it.live("samples by the standard variables, and leaves it to the client where there is one", () =>
    Effect.scoped(Effect.gen(function*() {
      const receiver = yield* Receiver.make
      const child = yield* Child.serve([yield* models], {
        variables: {
          ...late,
          OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${receiver.http}/v1/traces`,
          OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
          OTEL_TRACES_SAMPLER_ARG: "0"
        }
      })
      const parent = (flags: string) => ({
        traceparent: `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-${flags}`
      })
      yield* inferTwice(child.url)
      yield* inferTwice(child.url, [parent("00"), {}])
      yield* inferTwice(child.url, [parent("01"), {}])
      yield* end(child)
      const spans = receiver.spans()
      assert.deepStrictEqual(named(spans, server).map(({ parentSpanId }) => parentSpanId), ["b7ad6b7169203331"])
      assert.strictEqual(named(spans, "batch.execute").length, 1)
      assert.deepStrictEqual(receiver.received.map(({ signal }) => signal), ["traces"])
    })))

  it.live("exports of its log what the log has too", () =>
    Effect.scoped(Effect.gen(function*() {
      const receiver = yield* Receiver.make
      const child = yield* Child.serve([yield* models, "--model-control-mode=explicit", "--load-model=simple"], {
        variables: { OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: `${receiver.http}/v1/logs`, OTEL_BLRP_SCHEDULE_DELAY: "600000" }
      })
      const quiet = yield* Child.ask(`${child.url}/v2/logging`, {
        method: "POST",
        body: JSON.stringify({ log_info: false })
      })
      const unloaded = yield* Child.ask(`${child.url}/v2/repository/models/simple/unload`, { method: "POST" })
      assert.deepStrictEqual([quiet.status, unloaded.status], [200, 200])
      yield* end(child)
      const records = receiver.logRecords()
      assert.include(records.map(({ body }) => body), "loading: simple:1")
      assert.isFalse(records.some(({ body }) => String(body).includes("unload")))
    })))

  it.live("tells nobody where the SDK is disabled", () =>
    Effect.scoped(Effect.gen(function*() {
      const receiver = yield* Receiver.make
      const child = yield* Child.serve([yield* models], {
        variables: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.http, OTEL_SDK_DISABLED: "true" }
      })
      yield* inferTwice(child.url)
      yield* end(child)
      assert.deepStrictEqual(receiver.received, [])
    })))
})

describe("--trace-config mode=opentelemetry", () => {
  it.live("exports to its address with its resource, from when it is turned on", () =>
    Effect.scoped(Effect.gen(function*() {
      const receiver = yield* Receiver.make
      const child = yield* Child.serve([
        yield* models,
        "--trace-config=mode=opentelemetry",
        "--trace-config=rate=2",
        `--trace-config=opentelemetry,url=${receiver.http}/v1/traces`,
        "--trace-config=opentelemetry,resource=service.name=sight",
        "--trace-config=opentelemetry,bsp_schedule_delay=600000"
      ])
      yield* inferTwice(child.url)
      const { status } = yield* Child.ask(`${child.url}/v2/trace/setting`, {
        method: "POST",
        body: JSON.stringify({ trace_level: ["TIMESTAMPS"] })
      })
      assert.strictEqual(status, 200)
      yield* inferTwice(child.url)
      yield* end(child)
      const requests = named(receiver.spans(), server)
      assert.strictEqual(requests.length, 1)
      assert.strictEqual(requests[0]!.resource["service.name"], "sight")
    })))
})

describe("a server without any of it", () => {
  it.live("loads nothing of OpenTelemetry", () =>
    Effect.scoped(Effect.gen(function*() {
      const told = `import { registerHooks } from "node:module"; registerHooks({ load: (url, context, next) => {
        if (url.includes("opentelemetry")) process.stderr.write("loaded " + url + "\\n"); return next(url, context) } })`
      const variables = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(told)}` }
      const without = yield* Child.serve([yield* models], { variables })
      yield* inferTwice(without.url)
      assert.strictEqual(without.err(), "")
      const withIt = yield* Child.serve([yield* models], {
        variables: { ...variables, OTEL_TRACES_EXPORTER: "console" }
      })
      assert.include(withIt.err(), "loaded ")
    })))

  it.live("says what is wrong with an address, and does not start", () =>
    Effect.gen(function*() {
      const { code, err, out } = yield* Child.run(["serve", "--model-repository=/none"], {
        variables: { OTEL_EXPORTER_OTLP_ENDPOINT: "user:secret@collector" }
      })
      assert.strictEqual(code, 1)
      assert.include(
        err,
        "error: OTEL_EXPORTER_OTLP_ENDPOINT: 'user://' is not supported. Expected such as http://localhost:4318\n"
      )
      assert.notInclude(err + out, "secret")
    }))
})
