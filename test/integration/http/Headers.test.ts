import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { gzipSync } from "node:zlib"
import {
  DeadlineExceeded,
  ExecutionFailed,
  InstanceLost,
  ModelNotReady,
  Overloaded,
  QueueFull,
  RequestTimedOut,
  Stopping
} from "../../../src/schema/Errors.ts"
import { ask, connect, empty, eventually, good, goodAnswer, inferBody, start } from "./Wire.ts"

const path = "/v2/models/echo/infer"
const infer = (headers: Record<string, string> = {}) => {
  const { body, headers: own } = inferBody([1])
  return { method: "POST", headers: { ...own, ...headers }, body }
}

/** The head of an inference request, and its body. */
const pieces = (header: string): readonly [string, Buffer] => {
  const { body, headers } = inferBody([1])
  const head = `POST ${path} HTTP/1.1\r\nContent-Length: ${body.length}\r\n` +
    `Inference-Header-Content-Length: ${headers["Inference-Header-Content-Length"]}\r\n${header}\r\n\r\n`
  return [head, body]
}

describe("X-Request-Timeout", () => {
  it.live("becomes the deadline of the request, and nothing else does", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      yield* ask(port, path, infer({ "X-Request-Timeout": "30000.5" }))
      const json =
        "{\"parameters\":{\"timeout\":77},\"inputs\":[{\"name\":\"X\",\"shape\":[1],\"datatype\":\"FP32\",\"data\":[1]}]}"
      yield* ask(port, path, { method: "POST", body: json })
      yield* ask(port, path, { method: "POST", body: json, headers: { "x-request-timeout": "20000" } })
      const [limited, free, both] = fake.requests
      assert.isAbove(limited!.deadlineMicros, 25_000_000)
      assert.isAtMost(limited!.deadlineMicros, 30_000_500)
      assert.strictEqual(limited!.timeoutMicros, 0)
      assert.deepStrictEqual([free!.deadlineMicros, free!.timeoutMicros], [0, 77])
      assert.isAbove(both!.deadlineMicros, 15_000_000)
      assert.strictEqual(both!.timeoutMicros, 77)
      yield* empty(held)
    }))

  it.live("counts from the head of the request: the time for the body is taken off", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      const client = yield* connect(port)
      const [head, body] = pieces("X-Request-Timeout: 60000")
      client.send(head)
      yield* eventually(held, ([requests]) => requests === 1)
      yield* Effect.sleep("200 millis")
      client.send(body)
      assert.match(yield* client.answers(1), /^HTTP\/1\.1 200 /)
      assert.isAtMost(fake.requests[0]!.deadlineMicros, 59_805_000)
      assert.isAbove(fake.requests[0]!.deadlineMicros, 50_000_000)
    }))

  it.live("answers 504 at once when it was over before the request was decoded, and asks nobody", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      const client = yield* connect(port)
      const [head, body] = pieces("X-Request-Timeout: 20")
      client.send(head)
      yield* eventually(held, ([requests]) => requests === 1)
      yield* Effect.sleep("50 millis")
      client.send(body)
      const answer = yield* client.answers(1)
      assert.match(answer, /^HTTP\/1\.1 504 [^]*\{"error":"The deadline of 20 ms passed while the request was received/)
      assert.notMatch(answer, /Retry-After/i)
      for (const headers of [{}, { "Content-Encoding": "gzip" }]) {
        const { body } = inferBody([1])
        const tiny = yield* ask(port, path, {
          ...infer({ ...headers, "X-Request-Timeout": "0.00000000001" }),
          body: "Content-Encoding" in headers ? gzipSync(body) : body
        })
        assert.strictEqual(tiny.status, 504)
      }
      // Neither is a late body decoded, nor a request run whose deadline passed while it was decompressed and decoded.
      const late = { "X-Request-Timeout": "0.00000000001" }
      assert.strictEqual((yield* ask(port, path, { method: "POST", headers: late, body: "no JSON" })).status, 504)
      const large = gzipSync(
        `{"inputs":[{"name":"X","shape":[8000000],"datatype":"FP32","data":[0${",0".repeat(7999999)}]}]}`
      )
      const decoding = { "X-Request-Timeout": "10", "Content-Encoding": "gzip" }
      assert.strictEqual((yield* ask(port, path, { method: "POST", headers: decoding, body: large })).status, 504)
      assert.strictEqual(fake.requests.length, 0)
      // The connection goes on.
      client.send("GET /v2/health/live HTTP/1.1\r\n\r\n")
      yield* client.answers(2)
      yield* empty(held)
    }))

  it.live("is refused with 400 when it is no positive number, or there are several, before the body is read", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      for (
        const header of [
          "X-Request-Timeout: soon",
          "X-Request-Timeout: 0",
          "X-Request-Timeout: 5\r\nX-Request-Timeout: 6"
        ]
      ) {
        const client = yield* connect(port)
        client.send(pieces(header)[0])
        assert.match(
          yield* client.answers(1),
          /^HTTP\/1\.1 400 [^]*X-Request-Timeout must be one positive decimal number of milliseconds, such as 250 or 0\.5, got: (soon|0|5, 6)"/
        )
      }
      assert.strictEqual(fake.requests.length, 0)
      yield* empty(held)
    }))

  it.live("may be longer than any number", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start()
      assert.strictEqual((yield* ask(port, path, infer({ "X-Request-Timeout": "9".repeat(400) }))).status, 200)
      assert.isAbove(fake.requests[0]!.deadlineMicros, 2147480000_000)
      assert.isAtMost(fake.requests[0]!.deadlineMicros, 2147483647_000)
    }))
})

describe("Retry-After", () => {
  it.live("comes with each failure that another try may mend, and with no other", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      const message = "m"
      for (
        const [failure, status, after] of [
          [new QueueFull({ message, model: "echo", capacity: 1 }), 503, "1"],
          [new RequestTimedOut({ message }), 503, "1"],
          [new Overloaded({ message }), 503, "1"],
          [new InstanceLost({ message, model: "echo", instance: "0", begun: true }), 503, "2"],
          [new ModelNotReady({ message }), 503, "5"],
          [new Stopping({ message }), 503, "5"],
          [new DeadlineExceeded({ message }), 504, undefined],
          [new ExecutionFailed({ message, model: "echo" }), 500, undefined]
        ] as const
      ) {
        fake.work = Effect.fail(failure)
        const answer = yield* ask(port, path, infer())
        assert.deepStrictEqual([answer.status, answer.headers["retry-after"]], [status, after], failure._tag)
      }
      fake.work = Effect.interrupt
      const cut = yield* ask(port, path, infer())
      assert.deepStrictEqual([cut.status, cut.headers["retry-after"]], [503, "5"])
      yield* empty(held)
    }))

  it.live("comes with a limit that is full now, for inference and for management, sized and chunked", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start({ maxInflightBytes: 1000 })
      const gate = yield* Deferred.make<void>()
      fake.work = Deferred.await(gate)
      const running = yield* connect(port)
      running.send(Buffer.concat(pieces("X: y").map((piece) => Buffer.from(piece))))
      yield* eventually(() => fake.requests.length, (count) => count === 1)
      const refusals = yield* Effect.all([
        ask(port, path, { method: "POST", body: " ".repeat(950) }),
        ask(port, path, { method: "POST", body: " ".repeat(950), headers: { "Transfer-Encoding": "chunked" } }),
        ask(port, "/v2/repository/index", { method: "POST", body: " ".repeat(950) })
      ])
      for (const { headers, status, text } of refusals) {
        assert.deepStrictEqual([status, headers["retry-after"]], [503, "1"], text)
        assert.include(text, "--http-max-inflight-bytes")
      }
      yield* Deferred.succeed(gate, undefined)
      yield* running.answers(1)
      const one = yield* start({ maxInflightRequests: 1 })
      const sending = yield* connect(one.port)
      sending.send(pieces("X: y")[0])
      yield* eventually(one.held, ([requests]) => requests === 1)
      const full = yield* ask(one.port, path, infer())
      assert.deepStrictEqual([full.status, full.headers["retry-after"]], [503, "1"])
      yield* empty(held)
    }))

  it.live("does not come with a body that never fits, nor with a load that is never allowed", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start({ maxRequestBytes: 500, maxInflightBytes: 800 })
      for (const size of [600, 900]) {
        for (const headers of [{}, { "Transfer-Encoding": "chunked", "Inference-Header-Content-Length": "10" }]) {
          const answer = yield* ask(port, path, { method: "POST", headers, body: " ".repeat(size) })
          assert.deepStrictEqual([answer.status, answer.headers["retry-after"]], [503, undefined])
          assert.match(answer.text, /exceeds the (500|800) bytes/)
        }
      }
      for (const headers of [{}, { "Transfer-Encoding": "chunked" }]) {
        const index = yield* ask(port, "/v2/repository/index", { method: "POST", headers, body: " ".repeat(900) })
        assert.deepStrictEqual([index.status, index.headers["retry-after"]], [503, undefined])
      }
      fake.allowControl = false
      const load = yield* ask(port, "/v2/repository/models/echo/load", { method: "POST" })
      assert.deepStrictEqual([load.status, load.headers["retry-after"]], [503, undefined])
      assert.strictEqual(yield* good(port), goodAnswer)
      yield* empty(held)
    }))
})

describe("Server-Timing", () => {
  const timing = {
    queueNanos: 120_000,
    computeInputNanos: 10_000,
    computeInferNanos: 3_400_000,
    computeOutputNanos: 20_000,
    batchRows: 8
  }

  it.live("tells where the time of an answer went, compressed or not", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start({ serverTiming: true })
      fake.timing = timing
      for (const headers of [{}, { "Accept-Encoding": "gzip" }] as ReadonlyArray<Record<string, string>>) {
        const answer = yield* ask(port, path, infer(headers))
        assert.strictEqual(answer.status, 200)
        assert.strictEqual(
          answer.headers["server-timing"],
          "queue;dur=0.12, compute_input;dur=0.01, compute_infer;dur=3.4, compute_output;dur=0.02, batch;desc=\"8\""
        )
      }
    }))

  it.live("is not sent unless it is asked for", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start()
      fake.timing = timing
      assert.isUndefined((yield* ask(port, path, infer())).headers["server-timing"])
    }))
})
