import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import * as MetricsFrontend from "../../../src/layers/frontend/MetricsFrontend.ts"
import { Metrics } from "../../../src/services/Metrics.ts"
import { ask, connect } from "./Wire.ts"

const metrics = (exposition: Effect.Effect<string>) =>
  Layer.succeed(Metrics, { families: () => [], exposition, openMetrics: Effect.succeed("a 1\n# EOF\n") })

const start = (exposition: Effect.Effect<string> = Effect.succeed("a 1\n")) =>
  Layer.build(
    MetricsFrontend.layer({ address: "127.0.0.1", port: 0 }).pipe(Layer.provide(metrics(exposition)))
  ).pipe(Effect.map((context) => Context.get(context, MetricsFrontend.MetricsFrontend).port))

describe("the metrics port", () => {
  it.live("answers /metrics as text in UTF-8, with or without a slash and a query", () =>
    Effect.gen(function*() {
      const port = yield* start(Effect.succeed("# HELP ä\na 1\n"))
      for (const path of ["/metrics", "/metrics/", "/metrics?x=1", "http://host/metrics"]) {
        const { headers, status, text } = yield* ask(port, path)
        assert.deepStrictEqual(
          [status, headers["content-type"], text],
          [200, "text/plain; charset=utf-8", "# HELP ä\na 1\n"],
          path
        )
      }
    }))

  it.live("answers as OpenMetrics where Accept prefers that", () =>
    Effect.gen(function*() {
      const port = yield* start()
      const open = "application/openmetrics-text; version=1.0.0; charset=utf-8"
      const plain = "text/plain; charset=utf-8"
      for (
        const [accept, type] of [
          ["application/openmetrics-text", open],
          ["application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", open],
          ["text/plain, APPLICATION/OpenMetrics-Text; Version=\"1.0.0\"; Q=1.0", open],
          ["application/openmetrics-text;version=0.0.1", plain],
          ["application/openmetrics-text;q=0", plain],
          ["application/openmetrics-text;q=0.2,text/plain;q=0.9", plain],
          ["application/openmetrics-text;q=nonsense", plain],
          ["application/openmetrics-textual", plain],
          ["*/*", plain],
          [";;,,=", plain]
        ] as const
      ) {
        const { headers, status, text } = yield* ask(port, "/metrics", { headers: { Accept: accept } })
        assert.deepStrictEqual(
          [status, headers["content-type"], text],
          [200, type, type === open ? "a 1\n# EOF\n" : "a 1\n"],
          accept
        )
      }
    }))

  it.live("answers any other path with nothing", () =>
    Effect.gen(function*() {
      const port = yield* start()
      for (const path of ["/", "/metric", "/metricsx", "/v2", "/metrics/x"]) {
        const { status, text } = yield* ask(port, path)
        assert.deepStrictEqual([status, text], [200, ""], path)
      }
    }))

  it.live("answers other methods with 405, as text, and goes on", () =>
    Effect.gen(function*() {
      const port = yield* start()
      for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
        const answer = yield* ask(port, "/metrics", { method, body: method === "POST" ? "x".repeat(100) : "" })
        assert.deepStrictEqual(
          [answer.status, answer.headers["content-type"], answer.text],
          [405, "text/plain", "{\"error\":\"Method Not Allowed\"}"],
          method
        )
      }
      const client = yield* connect(port)
      client.send("HEAD /metrics HTTP/1.1\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n")
      assert.match(yield* client.until(({ text }) => text.includes("a 1")), /^HTTP\/1\.1 405 [^{]*HTTP\/1\.1 200 OK/)
    }))

  it.live("names itself where it cannot listen", () =>
    Effect.gen(function*() {
      const port = yield* start()
      const failure = yield* Effect.flip(
        Layer.build(
          MetricsFrontend.layer({ address: "127.0.0.1", port }).pipe(
            Layer.provide(metrics(Effect.succeed("")))
          )
        )
      )
      assert.strictEqual(
        failure.message,
        `failed to start Metrics service: Unavailable - Socket '127.0.0.1:${port}' already in use`
      )
    }))
})
