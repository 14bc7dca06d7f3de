/** What is noted of requests over HTTP/1.1. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { Agent } from "node:http"
import { gzipSync } from "node:zlib"
import type * as HttpFrontend from "../../../src/layers/frontend/HttpFrontend.ts"
import { ExecutionFailed, QueueFull } from "../../../src/schema/Errors.ts"
import { Tracing } from "../../../src/services/Tracing.ts"
import { ask, connect, empty, eventually, inferBody, start } from "../http/Wire.ts"
import { ended, Recorder } from "./Recorder.ts"

const traceId = "0af7651916cd43dd8448eb211c80319c"
const spanId = "b7ad6b7169203331"
const traceparent = `00-${traceId}-${spanId}-01`

const path = "/v2/models/echo/infer"

const traced = Effect.fnUntraced(function*(options: HttpFrontend.Options = {}) {
  const recorder = new Recorder()
  const server = yield* Effect.provideService(start(options), Tracing, recorder.tracing)
  return {
    ...server,
    recorder,
    infer: (headers: Record<string, string> = {}, at = path, agent?: Agent) => {
      const { body, headers: own } = inferBody([1, 2, 3], "r")
      const more = agent === undefined ? {} : { agent }
      return ask(server.port, at, { method: "POST", headers: { ...own, ...headers }, body, ...more })
    },
    ended: (count: number) => ended(recorder, count)
  }
})

describe("HTTP, traced", () => {
  it.live("notes the moments of a request, and hands its trace to the server", () =>
    Effect.gen(function*() {
      const { ended, fake, infer, recorder } = yield* traced()
      yield* infer()
      yield* ended(1)
      const [noted] = recorder.noted
      assert.strictEqual(fake.requests[0]!.trace, noted)
      assert.deepStrictEqual(noted!.marks, [
        "HTTP_RECV_START true",
        "HTTP_RECV_END",
        "INFER_RESPONSE_COMPLETE",
        "HTTP_SEND_START",
        "HTTP_SEND_END"
      ])
      assert.deepStrictEqual(noted!.outcomes, [{ status: 200 }])
      assert.deepStrictEqual([noted!.arrival.protocol, noted!.arrival.model, noted!.arrival.version], [
        "http",
        "echo",
        ""
      ])
      assert.isUndefined(noted!.arrival.context)
    }))

  it.live("tells of the way that a request came, by the semantic conventions", () =>
    Effect.gen(function*() {
      const { ended, infer, port, recorder } = yield* traced()
      yield* infer({ "User-Agent": "test/1", "Host": `models.example:${port}` })
      yield* infer({}, "/v2/models/echo/versions/1/infer?x=y")
      yield* ended(2)
      const [first, second] = recorder.noted
      assert.strictEqual(first!.facts.name, "POST /v2/models/{model}/infer")
      const { "client.port": clientPort, "network.peer.port": peerPort, ...rest } = first!.attributes
      assert.strictEqual(clientPort, peerPort)
      assert.isNumber(clientPort)
      assert.deepStrictEqual(rest, {
        "http.request.method": "POST",
        "http.route": "/v2/models/{model}/infer",
        "url.path": path,
        "url.scheme": "http",
        "network.protocol.version": "1.1",
        "network.transport": "tcp",
        "server.address": "models.example",
        "server.port": port,
        "client.address": "127.0.0.1",
        "network.peer.address": "127.0.0.1",
        "user_agent.original": "test/1"
      })
      assert.strictEqual(second!.facts.name, "POST /v2/models/{model}/versions/{version}/infer")
      assert.strictEqual(second!.attributes["url.path"], "/v2/models/echo/versions/1/infer")
      assert.strictEqual(second!.arrival.version, "1")
    }))

  it.live("tells the same of requests that differ in nothing but their path, and no other ones", () =>
    Effect.gen(function*() {
      const { ended, infer, recorder } = yield* traced()
      const agent = yield* Effect.acquireRelease(
        Effect.sync(() => new Agent({ keepAlive: true, maxSockets: 1 })),
        (agent) => Effect.sync(() => agent.destroy())
      )
      const asked: ReadonlyArray<readonly [headers: Record<string, string>, at: string]> = [
        [{ "User-Agent": "test/1" }, path],
        [{ "User-Agent": "test/1" }, `${path}?x=y`],
        [{ "User-Agent": "test/2" }, path],
        [{ "User-Agent": "test/2", "Host": "models.example" }, path],
        [{ "User-Agent": "test/2", "Host": "models.example" }, "/v2/models/echo/versions/1/infer"],
        [{ "User-Agent": "x".repeat(5000) }, path],
        [{ "User-Agent": "x".repeat(5000) }, path]
      ]
      for (const [headers, at] of asked) yield* infer(headers, at, agent)
      yield* ended(asked.length)
      const { noted } = recorder
      assert.strictEqual(new Set(noted.map(({ attributes }) => attributes["client.port"])).size, 1)
      assert.deepStrictEqual(
        noted.map(({ attributes }) =>
          ["user_agent.original", "server.address", "http.route", "url.path"].map((name) => attributes[name])
        ),
        asked.map(([headers, at]) => [
          headers["User-Agent"],
          headers["Host"] ?? "127.0.0.1",
          at.includes("versions") ? "/v2/models/{model}/versions/{version}/infer" : "/v2/models/{model}/infer",
          at.replace("?x=y", "")
        ])
      )
      const isSame = noted.slice(1).map(({ facts }, i) => facts.attributes === noted[i]!.facts.attributes)
      // Long texts are not kept for others.
      assert.deepStrictEqual(isSame, [true, false, false, false, false, false])
    }))

  it.live("takes the span of the client, and ignores one that is not written as it must be", () =>
    Effect.gen(function*() {
      const { ended, infer, recorder } = yield* traced()
      yield* infer({ traceparent, tracestate: "a=1, b=2" })
      yield* infer({ traceparent: `00-${traceId}-${spanId}-00`, baggage: "%%%=;;;,=" })
      const malformed = [
        { traceparent: `ff-${traceId}-${spanId}-01` },
        { traceparent: "x".repeat(4000), tracestate: "=" },
        { traceparent: "", baggage: "\u00ff".repeat(2000) },
        { tracestate: "a=1" }
      ]
      for (const headers of malformed) assert.strictEqual((yield* infer(headers)).status, 200)
      yield* ended(2 + malformed.length)
      assert.deepStrictEqual(recorder.noted.map(({ arrival }) => arrival.context), [
        { traceId, spanId, sampled: true, traceState: "a=1,b=2" },
        { traceId, spanId, sampled: false },
        ...malformed.map(() => undefined)
      ])
    }))

  it.live("takes a traceparent that came twice for none", () =>
    Effect.gen(function*() {
      const { ended, port, recorder } = yield* traced()
      const client = yield* connect(port)
      client.send(
        `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\ntraceparent: ${traceparent}\r\n` +
          `traceparent: ${traceparent}\r\n\r\n{}`
      )
      yield* ended(1)
      assert.isUndefined(recorder.noted[0]!.arrival.context)
    }).pipe(Effect.scoped))

  it.live("notes what is refused: unknown models, bad bodies, too much, too late", () =>
    Effect.gen(function*() {
      const { ended, fake, infer, port, recorder } = yield* traced({ maxInputSize: 2000, maxRequestBytes: 4000 })
      const post = (body: string | Uint8Array, headers: Record<string, string> = {}, at = path) =>
        ask(port, at, { method: "POST", headers, body })
      yield* infer({}, "/v2/models/nope/infer")
      yield* infer({}, "/v2/models/echo/versions/7/infer")
      yield* infer({}, "/v2/models/stream/infer")
      yield* post("{\"inputs\":")
      yield* post("{}")
      yield* post("x".repeat(3000))
      yield* post("x".repeat(5000), { "Inference-Header-Content-Length": "10" })
      yield* post("x", { "Content-Encoding": "br" })
      yield* infer({ "X-Request-Timeout": "soon" })
      fake.work = Effect.fail(new QueueFull({ model: "echo", capacity: 1, message: "full" }))
      yield* infer()
      fake.work = Effect.fail(new ExecutionFailed({ model: "echo", message: "broken" }))
      yield* infer()
      fake.work = Effect.die("a bug")
      yield* infer()
      yield* ended(12)
      assert.deepStrictEqual(recorder.outcomes, [
        "nope: 404 ModelNotFound",
        "echo:7 404 ModelNotFound",
        "stream: 501 Unsupported",
        "echo: 500 MalformedRequest",
        "echo: 500 MalformedRequest",
        "echo: 400 InvalidRequest",
        "echo: 503 503",
        "echo: 501 Unsupported",
        "echo: 400 InvalidRequest",
        "echo: 503 QueueFull",
        "echo: 500 ExecutionFailed",
        "echo: 500 Defect"
      ])
      assert.deepStrictEqual(recorder.noted[9]!.outcomes[0]!.failure, {
        code: "UNAVAILABLE",
        type: "QueueFull",
        message: "full"
      })
      assert.isUndefined(recorder.noted[11]!.outcomes[0]!.failure!.code)
    }))

  it.live("notes what is refused before anybody looks for the model", () =>
    Effect.gen(function*() {
      const { ended, fake, infer, port, recorder } = yield* traced({
        restrictions: [{ categories: ["inference"], header: "Key", value: "secret" }]
      })
      yield* infer()
      yield* infer({ key: "secret" }, "/v2/models/a%20b%2Fc/infer")
      yield* infer({ key: "secret" }, "/v2/models/%zz/infer")
      fake.stopping = true
      yield* infer({ key: "secret" })
      assert.strictEqual((yield* ask(port, path, { headers: { key: "secret" } })).status, 405)
      yield* ended(4)
      assert.deepStrictEqual(recorder.outcomes, [
        "echo: 403 403",
        "a b/c: 200 ok",
        "%zz: 400 400",
        "echo: 503 Stopping"
      ])
    }))

  it.live("notes compressed bodies and answers, chunked ones and large ones", () =>
    Effect.gen(function*() {
      const { ended, port, recorder } = yield* traced()
      const small = inferBody([1])
      const large = inferBody(new Array(100_000).fill(1))
      yield* ask(port, path, {
        method: "POST",
        headers: { ...small.headers, "Content-Encoding": "gzip", "Accept-Encoding": "gzip" },
        body: gzipSync(small.body)
      })
      yield* ask(port, path, {
        method: "POST",
        headers: { ...small.headers, "Transfer-Encoding": "chunked" },
        body: small.body
      })
      yield* ask(port, path, { method: "POST", ...large })
      yield* ended(3)
      for (const { marks, outcome } of recorder.noted) {
        assert.deepStrictEqual(marks.slice(1), [
          "HTTP_RECV_END",
          "INFER_RESPONSE_COMPLETE",
          "HTTP_SEND_START",
          "HTTP_SEND_END"
        ])
        assert.strictEqual(outcome, "200 ok")
      }
    }))

  it.live("ends with a client that goes away: while it sends, while it waits, while it is sent to", () =>
    Effect.gen(function*() {
      const { ended, fake, held, port, recorder } = yield* traced()
      const head = (length: number) => `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n`
      const sending = yield* connect(port)
      sending.send(`${head(100)}\r\n{`)
      yield* eventually(() => recorder.noted.length, (seen) => seen === 1)
      sending.socket.resetAndDestroy()
      yield* ended(1)
      const { body, headers } = inferBody([1])
      const [[name, value]] = Object.entries(headers) as [[string, string]]
      const begun = yield* Deferred.make<void>()
      fake.work = Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
      const waiting = yield* connect(port)
      waiting.send(`${head(body.length)}${name}: ${value}\r\n\r\n`)
      waiting.send(body)
      yield* Deferred.await(begun)
      waiting.socket.destroy()
      yield* ended(2)
      assert.strictEqual(fake.interrupted, 1)
      fake.work = Effect.void
      const large = inferBody(new Array(4_000_000).fill(1))
      const reading = yield* connect(port)
      reading.socket.pause()
      reading.send(`${head(large.body.length)}${name}: ${large.headers[name]}\r\n\r\n`)
      reading.send(large.body)
      yield* eventually(() => recorder.noted[2]?.marks ?? [], (marks) => marks.includes("HTTP_SEND_START"))
      reading.socket.destroy()
      yield* ended(3)
      assert.deepStrictEqual(recorder.outcomes, ["echo: - Cancelled", "echo: - Cancelled", "echo: 200 Cancelled"])
      yield* empty(held)
    }).pipe(Effect.scoped))

  it.live("asks nobody but for inference, and notes nothing that nobody wants to know", () =>
    Effect.gen(function*() {
      const { fake, infer, port, recorder } = yield* traced()
      yield* ask(port, "/v2/health/ready")
      yield* ask(port, "/v2/models/echo")
      assert.strictEqual(recorder.asked, 0)
      recorder.wanted = false
      yield* infer({ traceparent })
      assert.strictEqual(recorder.asked, 1)
      assert.deepStrictEqual(recorder.noted, [])
      // Present, so that the door need not ask again.
      assert.isTrue("trace" in fake.requests[0]!)
    }))
})
