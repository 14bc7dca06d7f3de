/** What a program exports, to a collector over real sockets. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import { createSecureServer } from "node:http2"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { SeriesLabels } from "../../../src/layers/telemetry/internal/SeriesLabels.ts"
import * as OtlpTelemetry from "../../../src/layers/telemetry/OtlpTelemetry.ts"
import type { MetricFamily } from "../../../src/schema/MetricFamily.ts"
import { ExportCounts } from "../../../src/services/ExportCounts.ts"
import { MetricsExport } from "../../../src/services/MetricsExport.ts"
import * as Certificates from "../../fixtures/Certificates.ts"
import { folder } from "../cli/Child.ts"
import * as Receiver from "./Receiver.ts"

/** Spans with a link, an attribute and a line of the log, exported when the layer ends. */
const work = Effect.logInfo("hello").pipe(
  Effect.withSpan("inner", { attributes: { text: "a".repeat(20_000), count: 3, yes: true } }),
  Effect.withSpan("outer", { kind: "server" })
)

const exported = (variables: Readonly<Record<string, string>>) =>
  Effect.provide(work, OtlpTelemetry.layer({ variables: { OTEL_METRICS_EXPORTER: "none", ...variables } }))

describe("traces and logs", () => {
  for (const protocol of ["http/protobuf", "http/json", "grpc"]) {
    for (const compression of ["none", "gzip"]) {
      it.live(`are exported by ${protocol}, compression ${compression}`, () =>
        Effect.scoped(Effect.gen(function*() {
          const receiver = yield* Receiver.make
          yield* exported({
            OTEL_EXPORTER_OTLP_ENDPOINT: protocol === "grpc" ? receiver.grpc : receiver.http,
            OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
            OTEL_EXPORTER_OTLP_COMPRESSION: compression,
            OTEL_EXPORTER_OTLP_HEADERS: "x-key=a%20b",
            OTEL_RESOURCE_ATTRIBUTES: "service.name=vision,team=red"
          })
          for (const { by, headers } of receiver.received) {
            assert.strictEqual(by, { "http/protobuf": "protobuf", "http/json": "json" }[protocol] ?? "grpc")
            assert.strictEqual(headers["x-key"], "a b")
            assert.strictEqual(
              headers["content-encoding"] ?? headers["grpc-encoding"],
              compression === "gzip" ? "gzip" : undefined
            )
            assert.match(String(headers["user-agent"]), /^galatea-otlp-exporter\/\d/)
          }
          const [inner, outer] = receiver.spans()
          assert.deepStrictEqual([inner?.name, inner?.kind, inner?.parentSpanId], [
            "inner",
            "SPAN_KIND_INTERNAL",
            outer?.spanId
          ])
          assert.deepStrictEqual([outer?.name, outer?.kind, outer?.parentSpanId], ["outer", "SPAN_KIND_SERVER", ""])
          assert.strictEqual(inner?.traceId, outer?.traceId)
          assert.match(inner?.traceId ?? "", /^[0-9a-f]{32}$/)
          assert.deepStrictEqual(inner?.attributes, { text: "a".repeat(8192), count: 3, yes: true })
          assert.isTrue(inner!.startNanos >= outer!.startNanos && inner!.endNanos <= outer!.endNanos)
          assert.include(inner?.resource, {
            "service.name": "vision",
            team: "red",
            "telemetry.sdk.name": "opentelemetry"
          })
          assert.strictEqual(inner?.scope, "galatea")
          const [record] = receiver.logRecords()
          assert.include(record, { body: "hello", severity: "Info", traceId: inner!.traceId, spanId: inner!.spanId })
          assert.strictEqual(record?.resource["service.name"], "vision")
        })))
    }
  }

  for (const protocol of ["http/protobuf", "grpc"]) {
    it.live(`are exported by ${protocol} where only a certain authority is trusted, with a certificate of the client`, () =>
      Effect.scoped(Effect.gen(function*() {
        const ca = Certificates.authority("authority")
        const server = Certificates.signed("localhost", "authority", ca)
        const client = Certificates.signed("client", "authority", ca)
        const requests: Array<string | undefined> = []
        const collector = createSecureServer(
          { ...server, ca: ca.cert, requestCert: true, rejectUnauthorized: true, allowHTTP1: true },
          (request, response) => {
            requests.push(request.url)
            request.resume()
            request.on("end", () => response.writeHead(200, { "grpc-status": "0" }).end())
          }
        )
        const port = yield* Effect.callback<number>((resume) => {
          collector.listen(0, "127.0.0.1", () => resume(Effect.succeed((collector.address() as AddressInfo).port)))
        })
        yield* Effect.addFinalizer(() => Effect.sync(() => collector.close()))
        const files = yield* folder({ "ca.pem": ca.cert, "client.pem": client.cert, "client.key": client.key })
        yield* exported({
          OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
          OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `https://127.0.0.1:${port}/t`,
          OTEL_EXPORTER_OTLP_CERTIFICATE: join(files, "ca.pem"),
          OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: join(files, "client.pem"),
          OTEL_EXPORTER_OTLP_CLIENT_KEY: join(files, "client.key")
        })
        assert.deepStrictEqual(requests, [
          protocol === "grpc" ? "/opentelemetry.proto.collector.trace.v1.TraceService/Export" : "/t"
        ])
      })))
  }

  it.live("go to the output as lines of JSON", () =>
    Effect.gen(function*() {
      let text = ""
      yield* Effect.provide(
        work,
        OtlpTelemetry.layer({ variables: { OTEL_TRACES_EXPORTER: "console" }, write: (line) => text += line })
      )
      assert.strictEqual(text.split("\n").length, 2)
      assert.strictEqual(JSON.parse(text).resourceSpans[0].scopeSpans[0].spans.length, 2)
    }))

  it.live("leave no connection behind", () =>
    Effect.scoped(Effect.gen(function*() {
      const receiver = yield* Receiver.make
      receiver.reply = () => ({ status: "never" })
      yield* work.pipe(
        Effect.andThen(ExportCounts),
        Effect.tap(({ read }) =>
          Effect.sync(() => assert.deepStrictEqual(read().map(({ signal }) => signal), ["traces", "logs"]))
        ),
        Effect.provide(OtlpTelemetry.layer({
          variables: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.http, OTEL_METRICS_EXPORTER: "none" },
          flushMillis: 50
        }))
      )
      yield* Effect.callback<void>((resume) => {
        const look = (): void => receiver.connections() === 0 ? resume(Effect.void) : void setImmediate(look)
        look()
      })
    })))
})

const family: MetricFamily = {
  name: "c_total",
  type: "counter",
  help: "c",
  series: [{ labels: new SeriesLabels({}), sinceMillis: 0, value: 1 }]
}

describe("the end", () => {
  it.effect("has one time for metrics, traces and logs together", () =>
    Effect.scoped(Effect.gen(function*() {
      const receiver = yield* Receiver.make
      receiver.reply = () => ({ status: "never" })
      const [outer, inner] = [yield* Scope.make(), yield* Scope.make()]
      const context = yield* OtlpTelemetry.layer({
        variables: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.http },
        flushMillis: 4000
      }).pipe(Layer.buildWithScope(outer))
      yield* work.pipe(
        Effect.andThen(MetricsExport),
        Effect.flatMap((metrics) => metrics!.start(() => [family])),
        Scope.provide(inner),
        Effect.provide(context)
      )
      const closing = yield* Effect.forkChild(
        Scope.close(inner, Exit.void).pipe(
          Effect.andThen(Scope.close(outer, Exit.void)),
          Effect.andThen(Clock.currentTimeMillis)
        ),
        { startImmediately: true }
      )
      yield* TestClock.adjust(60_000)
      assert.strictEqual(yield* Fiber.join(closing), 4000)
    })))
})

describe("what cannot be exported", () => {
  const failure = (variables: Readonly<Record<string, string>>) =>
    exported({ OTEL_TRACES_EXPORTER: "otlp", ...variables }).pipe(Effect.flip, Effect.map(({ message }) => message))

  it.live("fails with the name of the variable", () =>
    Effect.scoped(Effect.gen(function*() {
      const files = yield* folder({ "no.pem": "no certificate" })
      const secure = { OTEL_EXPORTER_OTLP_ENDPOINT: "https://localhost:1" }
      assert.match(
        yield* failure({ ...secure, OTEL_EXPORTER_OTLP_CERTIFICATE: "/none.pem" }),
        /^OTEL_EXPORTER_OTLP_CERTIFICATE: cannot read '\/none\.pem': ENOENT/
      )
      assert.match(
        yield* failure({
          ...secure,
          OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: join(files, "no.pem"),
          OTEL_EXPORTER_OTLP_CLIENT_KEY: join(files, "no.pem")
        }),
        /^OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE, OTEL_EXPORTER_OTLP_CLIENT_KEY: cannot be used: .*\. Expected PEM files$/
      )
      assert.match(
        yield* failure({ ...secure, OTEL_EXPORTER_OTLP_CLIENT_KEY: join(files, "no.pem") }),
        /belong together\. Give both, or none of them$/
      )
    })))
})
