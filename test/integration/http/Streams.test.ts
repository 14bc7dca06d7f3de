/** HTTP/2 on the HTTP port: the same answers, bounds and ends as over HTTP/1.1. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { connect as connectSocket } from "node:net"
import { InferenceRpcs } from "../../../src/schema/rpc/InferenceRpcs.ts"
import { client, type StreamClient } from "./Streams.ts"
import { ask as ask1, connect, empty, eventually, good, goodAnswer, inferBody, start } from "./Wire.ts"

const infer = "/v2/models/echo/infer"

const open = (port: number) => client(`http://127.0.0.1:${port}`)

const goodStream = (made: StreamClient) =>
  Effect.map(
    made.ask(infer, inferBody([1, 2, 3], "good")),
    ({ status, text }) => `${status} ${text.slice(0, 12)}`
  )

describe("HTTP/2 in the clear", () => {
  it.live("answers what HTTP/1.1 answers, on the same port", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start()
      const made = yield* open(port)
      for (
        const [path, method] of [["/v2", "GET"], ["/v2/models/echo", "GET"], ["/nowhere", "GET"], [
          infer,
          "DELETE"
        ]] as const
      ) {
        const one = yield* ask1(port, path, { method })
        const two = yield* made.ask(path, { method })
        assert.deepStrictEqual([two.status, two.text], [one.status, one.text], path)
        assert.strictEqual(two.headers["content-type"], one.headers["content-type"])
        assert.strictEqual(two.headers["content-length"], one.headers["content-length"])
      }
      for (const size of [1, 3000, 20_000, 400_000]) {
        const body = inferBody(Array.from({ length: size }, (_, i) => i % 1000), "sized")
        const one = yield* ask1(port, infer, { method: "POST", ...body })
        const two = yield* made.ask(infer, body)
        assert.strictEqual(two.status, 200)
        assert.isTrue(two.body.equals(one.body), `${size}`)
      }
      assert.strictEqual(yield* good(port), goodAnswer)
      yield* empty(held)
    }))

  it.live("takes a body of unknown length, in small and large pieces", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start()
      const made = yield* open(port)
      for (const piece of [7, 5000, 300_000]) {
        const { body, headers } = inferBody(Array.from({ length: piece * 2 }, (_, i) => i), "pieces")
        const { answer, stream } = made.begin({
          ":method": "POST",
          ":path": infer,
          "inference-header-content-length": headers["Inference-Header-Content-Length"]!
        })
        for (let at = 0; at < body.length; at += piece) stream.write(body.subarray(at, at + piece))
        stream.end()
        const got = yield* answer
        assert.strictEqual(got.status, 200, got.text)
        assert.isTrue(got.body.subarray(-8).equals(body.subarray(-8)))
      }
      yield* empty(held)
    }))

  it.live("answers HEAD without a body, and a preflight", () =>
    Effect.gen(function*() {
      const { port } = yield* start({ corsAllowOrigins: ["https://app.example"] })
      const made = yield* open(port)
      const head = yield* made.ask("/v2", { method: "HEAD" })
      assert.deepStrictEqual([head.status, head.text], [405, ""])
      const origin = "https://app.example"
      const preflight = yield* made.ask(infer, {
        method: "OPTIONS",
        headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "x-one" }
      })
      assert.strictEqual(preflight.status, 200)
      assert.strictEqual(preflight.headers["access-control-allow-origin"], origin)
      assert.strictEqual(preflight.headers["access-control-allow-headers"], "x-one")
      const page = yield* made.ask("/v2", { headers: { origin } })
      assert.strictEqual(page.headers["access-control-allow-origin"], origin)
    }))

  it.live("asks for the body of a client that waits for that, and refuses other expectations", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start()
      const made = yield* open(port)
      const { body, headers } = inferBody([1], "expected")
      const { answer, stream } = made.begin({
        ":method": "POST",
        ":path": infer,
        "inference-header-content-length": headers["Inference-Header-Content-Length"]!,
        "content-length": body.length,
        expect: "100-continue"
      })
      yield* Effect.callback<void>((resume) => {
        stream.once("continue", () => resume(Effect.void))
      })
      stream.end(body)
      assert.strictEqual((yield* answer).status, 200)
      const odd = yield* made.ask("/v2", { headers: { expect: "gold" } })
      assert.deepStrictEqual([odd.status, odd.text.includes("only 100-continue")], [417, true])
      yield* empty(held)
    }))

  it.live("refuses what is too large without reading it, and goes on with the connection", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start({ maxRequestBytes: 100_000, maxInputSize: 1000, maxHeaderSize: 2048 })
      const made = yield* open(port)
      const { answer, stream } = made.begin({
        ":method": "POST",
        ":path": infer,
        "inference-header-content-length": "10",
        "content-length": 50_000_000
      })
      stream.write(Buffer.alloc(100))
      const large = yield* answer
      assert.strictEqual(large.status, 503)
      assert.include(large.text, "exceeds the 100000 bytes")
      const json = yield* made.ask(infer, { body: Buffer.alloc(2000, 32) })
      assert.strictEqual(json.status, 400)
      const fields = yield* made.ask("/v2", { headers: { "x-long": "x".repeat(3000) } })
      assert.strictEqual(fields.status, 431)
      assert.strictEqual(yield* goodStream(made), goodAnswer)
      yield* empty(held)
    }))

  it.live("ends the work of a request that is taken back, and of a connection that closes", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      fake.work = Effect.never
      const made = yield* open(port)
      const { body, headers } = inferBody([1], "gone")
      const begin = (one: StreamClient) => {
        const begun = one.begin({
          ":method": "POST",
          ":path": infer,
          "inference-header-content-length": headers["Inference-Header-Content-Length"]!
        })
        begun.stream.end(body)
        return begun
      }
      const first = begin(made)
      yield* eventually(() => fake.requests.length, (count) => count === 1)
      first.stream.close(8)
      yield* eventually(() => fake.interrupted, (count) => count === 1)
      yield* empty(held)
      const other = yield* open(port)
      begin(other)
      begin(other)
      yield* eventually(() => fake.requests.length, (count) => count === 3)
      other.session.destroy()
      yield* eventually(() => fake.interrupted, (count) => count === 3)
      fake.work = Effect.void
      assert.strictEqual(yield* goodStream(made), goodAnswer)
      yield* empty(held)
    }))

  it.live("bounds the requests of a connection and of the server", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start({ maxInflightRequests: 2, maxConcurrentStreams: 3 })
      fake.work = Effect.never
      const made = yield* open(port)
      yield* made.ask("/v2")
      assert.strictEqual(made.session.remoteSettings.maxConcurrentStreams, 3)
      const { body, headers } = inferBody([1], "held")
      const fields = {
        ":method": "POST",
        ":path": infer,
        "inference-header-content-length": headers["Inference-Header-Content-Length"]!
      }
      const waiting = [made.begin(fields), made.begin(fields)]
      for (const { stream } of waiting) stream.end(body)
      yield* eventually(held, ([requests]) => requests === 2)
      const third = yield* made.ask(infer, { body, headers })
      assert.strictEqual(third.status, 503)
      assert.strictEqual(third.headers["retry-after"], "1")
      assert.include(third.text, "--http-max-inflight-requests")
      for (const { stream } of waiting) stream.close(8)
      yield* empty(held)
    }))

  it.live("tells a client whose body stops, and one whose request takes too long", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start({ bodyTimeout: 100, requestTimeout: 400 })
      const made = yield* open(port)
      const fields = {
        ":method": "POST",
        ":path": infer,
        "inference-header-content-length": "10",
        "content-length": 1000
      }
      const stopped = made.begin(fields)
      stopped.stream.write("{")
      const still = yield* stopped.answer
      assert.deepStrictEqual([still.status, still.text.includes("stopped arriving")], [408, true])
      const trickling = made.begin(fields)
      const timer = setInterval(() => trickling.stream.write("x"), 20)
      const late = yield* trickling.answer
      clearInterval(timer)
      assert.deepStrictEqual([late.status, late.text.includes("did not arrive in time")], [408, true])
      yield* empty(held)
    }))

  it.live("closes what is idle, what says nothing, and what never finishes its beginning", () =>
    Effect.gen(function*() {
      const { port } = yield* start({ idleTimeout: 100, headerTimeout: 100 })
      const made = yield* open(port)
      yield* made.ask("/v2")
      yield* eventually(() => made.session.closed, (closed) => closed)
      const silent = yield* connect(port)
      assert.match(yield* silent.until(({ ended }) => ended), /^HTTP\/1\.1 408 /)
      const half = yield* connect(port)
      half.send("PR")
      assert.match(yield* half.until(({ ended }) => ended), /^HTTP\/1\.1 408 /)
      const preface = yield* connect(port)
      preface.send("PRI * HTTP/2.0\r\n")
      yield* preface.until(({ ended }) => ended)
      // Who has nothing to say and goes gets no answer.
      const gone = yield* connect(port)
      gone.socket.end()
      assert.strictEqual(yield* gone.until(({ closed }) => closed), "")
    }))

  it.live("tells both versions apart whatever the network cuts", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      for (const method of ["GET", "PUT", "PROPFIND", "PRI"]) {
        const slow = yield* connect(port)
        const text = method === "PRI"
          ? "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
          : `${method} /v2 HTTP/1.1\r\nConnection: close\r\n\r\n`
        for (const byte of text) {
          slow.socket.write(byte)
          yield* Effect.sleep(1)
        }
        if (method === "PRI") {
          slow.send(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]))
          yield* slow.until(({ received }) => received.length > 9 && received[3] === 4)
        } else {
          assert.match(
            yield* slow.until(({ ended }) => ended),
            method === "GET" ? /^HTTP\/1\.1 200 / : /^HTTP\/1\.1 405 /
          )
        }
      }
    }))

  it.live("answers what it has and takes nothing more when the server ends", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { fake, port } = yield* start().pipe(Scope.provide(scope))
      let finish = (): void => {}
      fake.work = Effect.callback((resume) => {
        finish = () => resume(Effect.void)
      })
      const made = yield* open(port)
      const { body, headers } = inferBody([1, 2, 3], "good")
      const begun = made.begin({
        ":method": "POST",
        ":path": infer,
        "inference-header-content-length": headers["Inference-Header-Content-Length"]!
      })
      begun.stream.end(body)
      yield* eventually(() => fake.requests.length, (count) => count === 1)
      let goneAway = false
      made.session.on("goaway", () => {
        goneAway = true
      })
      // It is accepted, and has not said which version it speaks.
      const silent = connectSocket(port, "127.0.0.1")
      silent.on("error", () => {})
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* eventually(() => goneAway, (gone) => gone)
      finish()
      const { status } = yield* begun.answer
      assert.strictEqual(status, 200)
      yield* Fiber.join(closing)
      yield* eventually(() => made.session.closed, (closed) => closed)
    }))

  it.live("serves RPC over POST", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const made = yield* open(port)
      assert.isTrue(InferenceRpcs.requests.has("ServerLive"))
      const request = `${JSON.stringify({ _tag: "Request", id: "1", tag: "ServerLive", payload: null, headers: [] })}\n`
      const answer = yield* made.ask("/rpc", { body: request, headers: { "content-type": "application/x-ndjson" } })
      const over1 = yield* ask1(port, "/rpc", {
        method: "POST",
        body: request,
        headers: { "content-type": "application/x-ndjson" }
      })
      assert.deepStrictEqual([answer.status, answer.text], [over1.status, over1.text])
      assert.include(answer.text, "\"Exit\"")
    }))

  it.live("holds nothing after a storm of requests that come and go", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      fake.work = Effect.sleep(1)
      const made = yield* open(port)
      const { body, headers } = inferBody(Array.from({ length: 5000 }, (_, i) => i), "good")
      const fields = {
        ":method": "POST",
        ":path": infer,
        "inference-header-content-length": headers["Inference-Header-Content-Length"]!
      }
      yield* Effect.forEach(Array.from({ length: 400 }, (_, i) => i), (i) =>
        Effect.suspend(() => {
          const { answer, stream } = made.begin(fields)
          if (i % 3 === 0) {
            stream.write(body.subarray(0, 100 * (i % 7)))
            stream.close(8)
          } else {
            stream.end(body)
            if (i % 3 === 1) setTimeout(() => stream.close(8), i % 5)
          }
          return answer
        }), { concurrency: 50 })
      yield* empty(held)
      assert.strictEqual(yield* goodStream(made), goodAnswer)
    }))
})
