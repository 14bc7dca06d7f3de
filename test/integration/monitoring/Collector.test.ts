/** What arrives at a real OpenTelemetry Collector from busy servers, over OTLP's HTTP and gRPC. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, type Scope, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import { text as spansTable } from "../../../otel/spansTable.ts"
import { tensor } from "../../../src/client/Client.ts"
import { connectGrpc } from "../../../src/client/GrpcClient.ts"
import { connectRpc } from "../../../src/client/Rpc.ts"
import * as RpcInferenceClient from "../../../src/client/RpcClient.ts"
import * as Child from "../cli/Child.ts"
import * as Exposition from "../Exposition.ts"
import * as Collector from "./Collector.ts"
import * as Expressions from "./Expressions.ts"
import * as Fleet from "./Fleet.ts"

const { attribute } = Collector

const variables = {
  OTEL_TRACES_EXPORTER: "otlp",
  OTEL_METRICS_EXPORTER: "otlp",
  OTEL_LOGS_EXPORTER: "otlp",
  OTEL_BSP_SCHEDULE_DELAY: "100",
  OTEL_BLRP_SCHEDULE_DELAY: "100",
  OTEL_METRIC_EXPORT_INTERVAL: "300",
  OTEL_METRIC_EXPORT_TIMEOUT: "300"
}

/** A collector and busy servers: the first sends protobuf over HTTP, the second over gRPC. */
const start: Effect.Effect<
  { readonly collector: Collector.Collector; readonly fleet: Fleet.Fleet; readonly folder: string },
  never,
  Scope.Scope
> = Effect.gen(function*() {
  const folder = yield* Child.folder({})
  const collector = yield* Collector.start(folder, yield* Collector.ports)
  const fleet = yield* Fleet.start({
    main: { ...variables, OTEL_SERVICE_NAME: "main", OTEL_EXPORTER_OTLP_ENDPOINT: collector.http },
    guests: {
      ...variables,
      OTEL_SERVICE_NAME: "guests",
      OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.grpc
    }
  })
  return { collector, fleet, folder }
})

/** Waits until something has arrived; dies after 30 s, and says what it still waits for. */
const arrived = <A>(what: string | (() => string), get: () => A | undefined): Effect.Effect<A> =>
  Effect.gen(function*() {
    for (let turn = 0; turn < 300; turn++) {
      const value = get()
      if (value !== undefined) return value
      yield* Effect.sleep("100 millis")
    }
    return yield* Effect.die(new Error(`did not arrive: ${typeof what === "string" ? what : what()}`))
  })

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736"
const asked = { headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-01`, tracestate: "vendor=1" } }

const linked = (from: Collector.Span, to: Collector.Span) =>
  (from.links ?? []).some(({ spanId, traceId }) => spanId === to.spanId && traceId === to.traceId)

describe.skipIf(Collector.program === undefined)("a real collector", () => {
  it.live("gets requests, their queues and their batches, linked to each other", () =>
    Effect.scoped(Effect.gen(function*() {
      const { collector, fleet: { main } } = yield* start
      const answers = yield* Effect.all([
        Fleet.ask(main, "batched", Fleet.sums(1), asked),
        ...Array.from({ length: 3 }, () => Fleet.ask(main, "batched", Fleet.sums(1)))
      ], { concurrency: "unbounded" })
      assert.deepStrictEqual(answers, [200, 200, 200, 200])
      const { batches, requests, spans } = yield* arrived("all requests and their batches", () => {
        const spans = collector.spans()
        const requests = spans.filter(({ kind }) => kind === 2)
        const batches = spans.filter(({ name }) => name === "batch.execute")
        const members = batches.reduce((sum, { links = [] }) => sum + links.length, 0)
        return requests.length === 4 && members === 4 ? { batches, requests, spans } : undefined
      })

      const request = requests.find((span) => span.traceId === traceId)!
      assert.strictEqual(request.service, "main")
      assert.strictEqual(request.name, "POST /v2/models/{model}/infer")
      assert.strictEqual(request.parentSpanId, "00f067aa0ba902b7")
      assert.strictEqual(request.traceState, "vendor=1")
      assert.strictEqual(attribute(request.attributes, "http.response.status_code"), "200")
      assert.strictEqual(attribute(request.attributes, "galatea.model.name"), "batched")
      assert.strictEqual(attribute(request.attributes, "galatea.model.version"), "1")

      for (const batch of batches) {
        assert.isUndefined(batch.parentSpanId || undefined)
        assert.strictEqual(attribute(batch.attributes, "galatea.batch.requests"), String(batch.links!.length))
        assert.strictEqual(attribute(batch.attributes, "galatea.batch.rows"), String(batch.links!.length))
      }
      for (const span of requests) {
        const queue = spans.find(({ name, parentSpanId }) => name === "queue" && parentSpanId === span.spanId)!
        assert.strictEqual(queue.traceId, span.traceId)
        const batch = batches.find((batch) => linked(batch, span))!
        assert.isTrue(linked(span, batch))
        assert.isTrue(linked(queue, batch))
        assert.isAtMost(Number(BigInt(queue.endTimeUnixNano) - BigInt(batch.startTimeUnixNano)), 1000)
        assert.isTrue(BigInt(span.startTimeUnixNano) <= BigInt(queue.startTimeUnixNano))
        assert.isTrue(BigInt(batch.endTimeUnixNano) <= BigInt(span.endTimeUnixNano))
      }
    })))

  it.live("gets every span of the table, and no name that is not in it", () =>
    Effect.scoped(Effect.gen(function*() {
      const { collector, fleet } = yield* start
      const { main } = fleet
      yield* Fleet.traffic(fleet, 0)
      assert.strictEqual(yield* Fleet.ask(main, "both", Fleet.whole(3), asked), 200)
      const grpc = /gRPC at (\S+)/.exec(main.child.out())![1]!
      const zeros = tensor(new Int32Array(16), [1, 16])
      const inputs = { INPUT0: zeros, INPUT1: zeros }
      yield* Effect.promise(async () => {
        await connectGrpc(grpc).infer("cached", inputs)
        await connectRpc(main.url).infer("cached", inputs)
        for await (const _ of connectGrpc(grpc).stream("cached", [{ inputs }])) break
      })
      yield* Effect.flatMap(RpcInferenceClient.make(), (rpc) => Stream.runDrain(rpc.stream("cached", inputs))).pipe(
        Effect.provide(Layer.provide(RpcInferenceClient.layerProtocolHttp(main.url), FetchHttpClient.layer))
      )
      const names = Array.from(spansTable.matchAll(/^\| `([^`]+)` \| (?:server|internal) /gm), ([, name]) => name!)
      assert.isAbove(names.length, 8)
      // Of this process there is none, since the servers are others.
      const expected = names.filter((name) => name !== "infer")
      const missing = (spans: ReadonlyArray<Collector.Span>) =>
        expected.filter((name) => !spans.some((span) => span.name === name))
      const spans = yield* arrived(() => missing(collector.spans()).join(", "), () => {
        const spans = collector.spans()
        return missing(spans).length === 0 ? spans : undefined
      })
      const known = new Set(Array.from(spansTable.matchAll(/`([^`]+)`/g), ([, name]) => name!))
      for (const { attributes = [], events = [], name } of spans) {
        assert.isTrue(known.has(name), name)
        for (const { key } of attributes) assert.isTrue(known.has(key), `${name}: ${key}`)
        for (const event of events) {
          assert.isTrue(known.has(event.name), `${name}: ${event.name}`)
          for (const { key } of event.attributes ?? []) assert.isTrue(known.has(key), `${name}: ${event.name}: ${key}`)
        }
      }

      const ensemble = spans.find((span) => span.traceId === traceId && span.kind === 2)!
      const steps = spans.filter(({ name, parentSpanId }) => name === "step" && parentSpanId === ensemble.spanId)
      assert.deepStrictEqual(
        steps.map(({ attributes }) => attribute(attributes, "galatea.model.name")).toSorted(),
        ["batched", "cached"]
      )
      const values = (key: string) => new Set(spans.map(({ attributes }) => attribute(attributes, key)))
      assert.includeMembers([...values("galatea.cache")], ["hit", "miss"])
      assert.include([...values("galatea.sequence.id")], "1")
      const failed = spans.filter(({ kind, status }) => kind === 2 && status?.code === 2)
      assert.includeMembers(failed.map(({ attributes }) => attribute(attributes, "galatea.model.name")), [
        "strings",
        "slow"
      ])
      for (const { status } of failed) assert.isAbove(status!.message!.length, 10)
    })))

  it.live("gets the metrics that the server shows, by the same names and with the same values", () =>
    Effect.scoped(Effect.gen(function*() {
      const { collector, fleet } = yield* start
      yield* Fleet.traffic(fleet, 0)
      const shown = Exposition.parse((yield* Child.ask(fleet.main.metrics)).text)
      const value = (name: string, labels: Readonly<Record<string, string>>) =>
        Exposition.value(shown, name, { version: "1", ...labels })
      const of = (name: string) => {
        const all = collector.metrics().filter((metric) => metric.service === "main" && metric.name === name)
        return all.at(-1)
      }
      const point = (metric: Collector.Metric | undefined, model: string) =>
        (metric?.sum ?? metric?.gauge ?? metric?.histogram)?.dataPoints.find(({ attributes }) =>
          attribute(attributes, "model") === model
        )
      yield* arrived("counters", () => {
        const got = point(of("nv_inference_count"), "batched")
        return Number(got?.asDouble ?? got?.asInt) === value("nv_inference_count", { model: "batched" }) || undefined
      })
      const durations = yield* arrived("a histogram", () => point(of("galatea_request_duration_seconds"), "batched"))
      assert.strictEqual(Number(durations.count), value("galatea_request_duration_seconds_count", { model: "batched" }))
      assert.approximately(durations.sum!, value("galatea_request_duration_seconds_sum", { model: "batched" }), 1e-9)
      assert.strictEqual(
        durations.bucketCounts!.reduce((sum, count) => sum + Number(count), 0),
        Number(durations.count)
      )
      // Each is sent once: the last push need not have it.
      const exemplars = yield* arrived("exemplars", () => {
        const all = collector.metrics().filter(({ name }) => name === "galatea_request_duration_seconds")
          .flatMap((metric) => point(metric, "batched")?.exemplars ?? [])
        return all.length > 0 ? all : undefined
      })
      for (const exemplar of exemplars) {
        yield* arrived(
          "the span that an exemplar leads to",
          () =>
            collector.spans().find(({ spanId, traceId }) => spanId === exemplar.spanId && traceId === exemplar.traceId)
        )
      }

      const pushed = new Set(collector.metrics().filter(({ service }) => service === "main").map(({ name }) => name))
      assert.deepStrictEqual([...pushed].toSorted(), [...shown.keys()].toSorted())
      const listed = Expressions.file("metrics.md")
      for (const name of pushed) assert.include(listed, `| ${name} |`)

      // As Prometheus asks, and as it is without exemplars.
      for (const accept of ["application/openmetrics-text", "text/plain"]) {
        const { text } = yield* Child.ask(collector.scrape, { headers: { accept } })
        const scraped = new Set(Array.from(text.matchAll(/^(\w+)\{.*job="main"/gm), ([, name]) => name!))
        for (const [name, { samples, type }] of shown) {
          const suffix = type === "histogram" ? "_bucket" : type === "summary" ? "_count" : ""
          assert.isTrue(samples.length === 0 || scraped.has(`${name}${suffix}`), `${accept}: ${name}`)
        }
      }
      yield* arrived("logs", () => /loaded 'batched' version 1/.test(collector.logs()) || undefined)
    })))

  it.live("may go away and come back: no request notices, and what comes later arrives", () =>
    Effect.scoped(Effect.gen(function*() {
      const folder = yield* Child.folder({})
      const at = yield* Collector.ports
      const fleet = yield* Fleet.start({
        main: {
          ...variables,
          OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${at.http}`,
          OTEL_EXPORTER_OTLP_TIMEOUT: "500"
        }
      })
      yield* Effect.scoped(Effect.gen(function*() {
        const collector = yield* Collector.start(folder, at)
        yield* Fleet.traffic(fleet, 0)
        yield* arrived("a span", () => collector.spans()[0])
      }))
      for (let round = 1; round < 4; round++) yield* Fleet.traffic(fleet, round)
      const after = yield* Child.folder({})
      const collector = yield* Collector.start(after, at)
      assert.strictEqual(yield* Fleet.ask(fleet.main, "batched", Fleet.sums(1), asked), 200)
      yield* arrived("the span of a later request", () => collector.spans().find((span) => span.traceId === traceId))
    })))
})
