import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { gunzipSync, gzipSync, inflateSync } from "node:zlib"
import { Cancelled, ExecutionFailed, InvalidRequest, QueueFull } from "../../../src/schema/Errors.ts"
import { ask, connect, empty, eventually, good, goodAnswer, inferBody, start } from "./Wire.ts"

const path = "/v2/models/echo/infer"
const post = (headers: Record<string, string>, body: string | Uint8Array) => ({ method: "POST", headers, body })

describe("HTTP inference", () => {
  it.live("answers binary tensors behind the JSON, small and large", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      for (const size of [3, 5000, 300_000]) {
        const values = Array.from({ length: size }, (_, i) => i)
        const { body, headers } = inferBody(values, "r")
        const answer = yield* ask(port, path, post(headers, body))
        assert.strictEqual(answer.status, 200)
        const json = Number(answer.headers["inference-header-content-length"])
        assert.strictEqual(
          answer.body.subarray(0, json).toString(),
          `{"id":"r","model_name":"echo","model_version":"1","outputs":[{"name":"X","datatype":"FP32","shape":[${size}],` +
            `"parameters":{"binary_data_size":${size * 4}}}]}`
        )
        assert.deepStrictEqual(
          new Float32Array(
            answer.body.buffer.slice(answer.body.byteOffset + json, answer.body.byteOffset + answer.body.length)
          ),
          new Float32Array(values)
        )
        assert.strictEqual(answer.headers["content-type"], "application/octet-stream")
      }
      yield* empty(held)
      assert.strictEqual(fake.released, 3)
    }))

  it.live("receives a large binary section into shared memory, aligned to 64 bytes", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      for (const id of ["", "a", "ab", "abc", "abcd"]) {
        yield* ask(
          port,
          path,
          post(inferBody(new Array(8192).fill(1), id).headers, inferBody(new Array(8192).fill(1), id).body)
        )
      }
      for (const { inputs: [tensor] } of fake.requests) {
        assert.instanceOf(tensor!.data.buffer, SharedArrayBuffer)
        assert.strictEqual(tensor!.data.byteOffset % 64, 0)
      }
      assert.strictEqual(fake.requests.length, 5)
      yield* empty(held)
    }))

  it.live("answers JSON, also from a chunked body and with a large tensor", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start()
      const json = (n: number) =>
        JSON.stringify({ inputs: [{ name: "X", shape: [n], datatype: "FP32", data: new Array(n).fill(0.5) }] })
      const plain = yield* ask(port, path, post({}, json(2)))
      assert.strictEqual(
        plain.text,
        "{\"model_name\":\"echo\",\"model_version\":\"1\",\"outputs\":[{\"name\":\"X\",\"datatype\":\"FP32\",\"shape\":[2],\"data\":[0.5,0.5]}]}"
      )
      assert.strictEqual(plain.headers["content-type"], "application/json")
      assert.isUndefined(plain.headers["inference-header-content-length"])
      const chunked = yield* ask(port, path, post({ "Transfer-Encoding": "chunked" }, json(2)))
      assert.strictEqual(chunked.text, plain.text)
      const large = yield* ask(port, path, post({ "Transfer-Encoding": "chunked" }, json(50_000)))
      assert.strictEqual(JSON.parse(large.text).outputs[0].data.length, 50_000)
      yield* empty(held)
    }))

  it.live("takes a chunked body with a binary section", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      const { body, headers } = inferBody(Array.from({ length: 30_000 }, (_, i) => i))
      const answer = yield* ask(port, path, post({ ...headers, "Transfer-Encoding": "chunked" }, body))
      assert.strictEqual(answer.status, 200)
      assert.isTrue(answer.body.subarray(-120_000).equals(body.subarray(-120_000)))
      assert.instanceOf(fake.requests[0]!.inputs[0]!.data.buffer, SharedArrayBuffer)
      yield* empty(held)
    }))

  it.live("takes a raw body for the only input", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start()
      const raw = Buffer.from(new Float32Array([1, 2]).buffer)
      const answer = yield* ask(port, path, post({ "Inference-Header-Content-Length": "0" }, raw))
      assert.strictEqual(answer.status, 200)
      assert.isTrue(answer.body.subarray(-8).equals(raw))
      assert.deepStrictEqual(fake.requests[0]!.inputs[0]!.shape, [2])
      const none = yield* ask(port, path, { method: "POST" })
      assert.deepStrictEqual([none.status, fake.requests[1]!.inputs[0]!.shape], [200, [0]])
    }))

  it.live("takes and gives compressed bodies", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start()
      for (const size of [3, 20_000]) {
        const { body, headers } = inferBody(new Array(size).fill(7))
        const answer = yield* ask(
          port,
          path,
          post({ ...headers, "Content-Encoding": "gzip", "Accept-Encoding": "deflate;q=0.5, gzip" }, gzipSync(body))
        )
        assert.deepStrictEqual([answer.status, answer.headers["content-encoding"]], [200, "gzip"])
        assert.isTrue(gunzipSync(answer.body).subarray(-size * 4).equals(body.subarray(-size * 4)))
        const deflated = yield* ask(port, path, post({ ...headers, "Accept-Encoding": "deflate" }, body))
        assert.strictEqual(inflateSync(deflated.body).length, gunzipSync(answer.body).length)
      }
      const refused = yield* ask(port, path, post({ "Content-Encoding": "br" }, "{}"))
      assert.deepStrictEqual(
        [refused.status, refused.text, refused.headers["accept-encoding"]],
        [501, "{\"error\":\"Unsupported compression type\"}", "gzip, deflate"]
      )
      yield* empty(held)
    }))

  it.live("forwards headers as parameters and refuses reserved ones", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start({ headerForwardPattern: "^(x-tag|priority)$" })
      const { body, headers } = inferBody([1])
      yield* ask(port, path, post({ ...headers, "X-Tag": "blue", other: "no" }, body))
      assert.deepStrictEqual([...fake.requests[0]!.parameters], [["X-Tag", "blue"]])
      const refused = yield* ask(port, path, post({ ...headers, priority: "1" }, body))
      assert.strictEqual(refused.status, 400)
      assert.include(refused.text, "Header 'priority' is reserved for Triton usage and cannot be forwarded.")
    }))

  it.live("gives failures of the server their status and Content-Type", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      const { body, headers } = inferBody([1])
      const cases = [
        [new InvalidRequest({ message: "bad" }), 400, "application/json"],
        [new QueueFull({ message: "Exceeds maximum queue size", model: "echo", capacity: 1 }), 503, "application/json"],
        [new ExecutionFailed({ message: "broke", model: "echo" }), 500, "text/plain"],
        [new Cancelled({ message: "" }), 400, "text/plain"]
      ] as const
      for (const [failure, status, type] of cases) {
        fake.work = Effect.fail(failure)
        const answer = yield* ask(port, path, post(headers, body))
        assert.deepStrictEqual(
          [answer.status, answer.text, answer.headers["content-type"]],
          [status, JSON.stringify({ error: failure.message }), type]
        )
      }
      fake.work = Effect.die(new Error("bug"))
      const defect = yield* ask(port, path, post(headers, body))
      assert.strictEqual(defect.status, 500)
      assert.notInclude(defect.text, "Error: bug")
      fake.work = Effect.void
      assert.strictEqual(yield* good(port), goodAnswer)
      yield* empty(held)
    }))

  it.live("refuses a decoupled model and an unknown one before it reads the body", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const decoupled = yield* ask(port, "/v2/models/stream/infer", post({}, "not json"))
      assert.deepStrictEqual(
        [decoupled.status, decoupled.text],
        [501, "{\"error\":\"HTTP end point doesn't support models with decoupled transaction policy\"}"]
      )
      const client = yield* connect(port)
      client.send("POST /v2/models/no/infer HTTP/1.1\r\nContent-Length: 1000\r\n\r\n")
      assert.match(yield* client.answers(1), /^HTTP\/1\.1 404 [^]*Request for unknown model: 'no' is not found/)
      // The body that still comes is dropped, and the connection goes on.
      client.send("x".repeat(1000) + "GET /v2/health/live HTTP/1.1\r\n\r\n")
      assert.match(yield* client.answers(2), /HTTP\/1\.1 200 OK/)
    }))

  it.live("interrupts the request of a client that disconnects", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      fake.work = Effect.never
      const { body, headers } = inferBody([1])
      const head = (extra: string) =>
        `POST ${path} HTTP/1.1\r\nContent-Length: ${body.length}\r\n` +
        `Inference-Header-Content-Length: ${headers["Inference-Header-Content-Length"]}\r\n${extra}\r\n`
      const closing = yield* connect(port)
      const resetting = yield* connect(port)
      for (const client of [closing, resetting]) {
        // Two pipelined requests on each connection: the second has no socket yet.
        client.send(Buffer.concat([Buffer.from(head("")), body, Buffer.from(head("")), body]))
      }
      yield* eventually(() => fake.requests.length, (count) => count === 4)
      assert.deepStrictEqual(held().slice(0, 1), [4])
      closing.socket.destroy()
      resetting.socket.resetAndDestroy()
      yield* eventually(() => fake.interrupted, (count) => count === 4)
      yield* empty(held)
      fake.work = Effect.void
      assert.strictEqual(yield* good(port), goodAnswer)
    }))

  it.live("keeps the memory of a request until its fiber has ended", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      const gate = yield* Deferred.make<void>()
      fake.work = Effect.uninterruptible(Deferred.await(gate))
      const { body, headers } = inferBody(new Array(8192).fill(1))
      const client = yield* connect(port)
      client.send(
        `POST ${path} HTTP/1.1\r\nContent-Length: ${body.length}\r\n` +
          `Inference-Header-Content-Length: ${headers["Inference-Header-Content-Length"]}\r\n\r\n`
      )
      client.send(body)
      yield* eventually(() => fake.requests.length, (count) => count === 1)
      client.socket.destroy()
      yield* Effect.sleep("50 millis")
      assert.strictEqual(held()[0], 1)
      assert.isAbove(held()[2]!, 32_768)
      yield* Deferred.succeed(gate, undefined)
      yield* empty(held)
    }))

  it.live("answers every pipelined request, in order", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start()
      const gate = yield* Deferred.make<void>()
      fake.work = Deferred.await(gate)
      const one = (id: string) => {
        const { body, headers } = inferBody([1], id)
        const head = `POST ${path} HTTP/1.1\r\nContent-Length: ${body.length}\r\n` +
          `Inference-Header-Content-Length: ${headers["Inference-Header-Content-Length"]}\r\n\r\n`
        return Buffer.concat([Buffer.from(head), body])
      }
      const client = yield* connect(port)
      client.send(Buffer.concat([one("a"), Buffer.from("GET /v2/health/live HTTP/1.1\r\n\r\n"), one("b"), one("c")]))
      yield* eventually(() => fake.requests.length, (count) => count === 3)
      yield* Deferred.succeed(gate, undefined)
      const text = yield* client.answers(4)
      assert.match(text, /"id":"a"[^]*\r\nContent-Length: 0\r\n[^]*"id":"b"[^]*"id":"c"/)
    }))

  it.live("asks for the body of a client that waits for 100 Continue, unless it refuses", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start()
      const { body, headers } = inferBody([1])
      const head = (model: string) =>
        `POST /v2/models/${model}/infer HTTP/1.1\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\n` +
        `Inference-Header-Content-Length: ${headers["Inference-Header-Content-Length"]}\r\n\r\n`
      const client = yield* connect(port)
      client.send(head("echo"))
      yield* client.until(({ text }) => text.startsWith("HTTP/1.1 100 Continue\r\n\r\n"))
      client.send(body)
      assert.match(yield* client.answers(1), /HTTP\/1\.1 200 OK/)
      const refused = yield* connect(port)
      refused.send(head("no"))
      assert.match(yield* refused.until(({ ended }) => ended), /^HTTP\/1\.1 404 [^]*Connection: close/)
      const odd = yield* connect(port)
      odd.send("GET /v2 HTTP/1.1\r\nExpect: tea\r\n\r\n")
      assert.match(yield* odd.answers(1), /^HTTP\/1\.1 417 [^]*'tea'/)
      yield* empty(held)
    }))
})
