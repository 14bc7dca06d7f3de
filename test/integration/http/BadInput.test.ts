import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { gzipSync } from "node:zlib"
import { ask, Client, connect, empty, eventually, good, goodAnswer, inferBody, start } from "./Wire.ts"

const path = "/v2/models/echo/infer"
const key = "Inference-Header-Content-Length"

describe("bad HTTP requests", () => {
  it.live("each get their status and text, and the server goes on", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start({ maxInputSize: 2000, maxRequestBytes: 100_000 })
      const tensor = (fields: string) => `{"inputs":[{"name":"X","datatype":"FP32",${fields}}]}`
      const { body, headers } = inferBody([1, 2])
      const json = Number(headers[key])
      const deep = "[".repeat(50_000)
      const cases: ReadonlyArray<
        readonly [string, Record<string, string>, string | Uint8Array, number, string | RegExp]
      > = [
        [
          "header length is no number",
          { [key]: "x" },
          body,
          400,
          "Unable to parse Inference-Header-Content-Length, got: x"
        ],
        [
          "header length is out of range",
          { [key]: "2147483648" },
          body,
          400,
          "Unable to parse Inference-Header-Content-Length, value is out of range [ -2147483648, 2147483647 ], got: 2147483648"
        ],
        [
          "header length is negative",
          { [key]: "-1" },
          body,
          400,
          `inference header size should be in range (0, ${body.length}), got: -1`
        ],
        [
          "header length is beyond the body",
          { [key]: "9999" },
          body,
          400,
          `inference header size should be in range (0, ${body.length}), got: 9999`
        ],
        ["header length cuts the JSON", { [key]: "10" }, body, 500, /^failed to parse the request JSON buffer: /],
        [
          "binary section is too short",
          { [key]: String(json) },
          body.subarray(0, -3),
          400,
          "unexpected size for input 'X', expecting 3 additional bytes for model 'echo'"
        ],
        [
          "binary section is too long",
          { [key]: String(json) },
          Buffer.concat([body, Buffer.alloc(5)]),
          400,
          "unexpected additional input data for model 'echo'"
        ],
        ["no JSON", {}, "hello", 500, "failed to parse the request JSON buffer: Invalid value. at 0"],
        ["JSON is cut off", {}, "{\"inputs\":[", 500, /^failed to parse the request JSON buffer: /],
        ["invalid UTF-8", {}, Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 400, /UTF-8/],
        ["huge shape", {}, tensor("\"shape\":[9223372036854775807,16],\"data\":[1]"), 400, /9223372036854775807/],
        ["huge element count", {}, tensor("\"shape\":[1000000000000],\"data\":[1]"), 400, /4000000000000/],
        [
          "JSON beyond the limit",
          {},
          " ".repeat(2001),
          400,
          "request JSON size of 2001 bytes exceeds the maximum allowed input size of 2000 bytes. " +
          "Use --http-max-input-size to increase the limit."
        ],
        [
          "raw body beyond the limit",
          { [key]: "0" },
          Buffer.alloc(2004),
          400,
          "Raw input has a byte_size (2004 bytes) that exceeds the maximum allowed value of 2000 bytes. " +
          "Use --http-max-input-size to increase the limit."
        ],
        ["deep JSON beyond the limit", {}, deep, 400, /^request JSON size of 50000 bytes/],
        ["deep JSON", {}, `{"x":${"[".repeat(900)}${"]".repeat(900)}}`, 400, /nesting depth/],
        [
          "body beyond the limit of a request",
          { [key]: "10" },
          Buffer.alloc(100_001),
          503,
          /100001 bytes exceeds the 100000/
        ],
        [
          "decompression bomb",
          { "Content-Encoding": "gzip" },
          gzipSync(Buffer.alloc(50_000_000)),
          400,
          /^Decompressed data size exceeds/
        ],
        [
          "small decompression bomb",
          { "Content-Encoding": "gzip" },
          gzipSync(Buffer.alloc(3000)),
          400,
          "Decompressed data size exceeds the maximum allowed value of 2000 bytes. " +
          "Use --http-max-input-size to increase the limit."
        ],
        ["nothing to decompress", { "Content-Encoding": "gzip" }, "", 400, "nothing to be decompressed"],
        ["corrupt gzip", { "Content-Encoding": "gzip" }, "\u001f\u008bxx", 400, /decompress/]
      ]
      for (const [name, extra, bad, status, message] of cases) {
        const answer = yield* ask(port, path, { method: "POST", headers: extra, body: bad })
        const { error } = JSON.parse(answer.text)
        assert.strictEqual(answer.status, status, `${name}: ${answer.text}`)
        if (typeof message === "string") assert.strictEqual(error, message, name)
        else assert.match(error, message, name)
        assert.strictEqual(yield* good(port), goodAnswer, `a good request after: ${name}`)
      }
      yield* empty(held)
    }))

  it.live("that are no HTTP are answered and their connection is closed", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start({ maxHeaderSize: 4096 })
      const cases: ReadonlyArray<readonly [string, string, RegExp]> = [
        ["not HTTP", "hello\r\n\r\n", /^HTTP\/1\.1 400 [^]*"error":"The bytes received are no HTTP request/],
        [
          "Content-Length is no number",
          `POST ${path} HTTP/1.1\r\nContent-Length: 12x\r\n\r\n`,
          /^HTTP\/1\.1 400 [^]*\{"error":"Unable to parse Content-Length, got: 12x"\}$/
        ],
        [
          "Content-Length is negative",
          `POST ${path} HTTP/1.1\r\nContent-Length: -5\r\n\r\n`,
          /^HTTP\/1\.1 400 [^]*got: -5"\}$/
        ],
        [
          "Content-Length does not fit 64 bits",
          `POST ${path} HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n`,
          /^HTTP\/1\.1 400 [^]*got: 99999999999999999999"\}$/
        ],
        [
          "two lengths",
          `POST ${path} HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`,
          /^HTTP\/1\.1 400 /
        ],
        [
          "head too large",
          `GET /v2 HTTP/1.1\r\nX: ${"x".repeat(5000)}\r\n\r\n`,
          /^HTTP\/1\.1 431 [^]*head of the request/
        ],
        [
          "chunk size is no number",
          `POST ${path} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
          /^HTTP\/1\.1 400 [^]*no HTTP request/
        ],
        ["CONNECT", "CONNECT host:80 HTTP/1.1\r\n\r\n", /^HTTP\/1\.1 405 [^]*Method Not Allowed/]
      ]
      for (const [name, bytes, expected] of cases) {
        const client = yield* connect(port)
        client.send(bytes)
        const text = yield* client.until(({ ended }) => ended)
        assert.match(text, expected, name)
        assert.match(text, /Connection: close/, name)
        assert.notMatch(text, /Date:|Server:/, name)
        assert.strictEqual(yield* good(port), goodAnswer, `a good request after: ${name}`)
      }
      yield* empty(held)
    }))

  it.live("behind a good one on the same connection do not cost the good one its answer", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      fake.work = Effect.sleep("30 millis")
      const { body, headers } = inferBody([1, 2])
      const client = yield* connect(port)
      // The body is longer than announced: what is left over is read as the next request.
      client.send(Buffer.concat([
        Buffer.from(`POST ${path} HTTP/1.1\r\nContent-Length: ${body.length}\r\n${key}: ${headers[key]}\r\n\r\n`),
        body,
        Buffer.from("surplus bytes\r\n\r\n")
      ]))
      const text = yield* client.until(({ ended }) => ended)
      assert.match(text, /^HTTP\/1\.1 200 OK[^]*HTTP\/1\.1 400 Bad Request[^]*Connection: close/)
      assert.strictEqual(yield* good(port), goodAnswer)
      yield* empty(held)
    }))

  it.live("whose body is shorter than announced are answered when the client is done sending", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start()
      for (const announced of [1000, 100_000]) {
        const client = yield* connect(port)
        client.send(`POST ${path} HTTP/1.1\r\nContent-Length: ${announced}\r\n${key}: 100\r\n\r\n${"x".repeat(500)}`)
        yield* eventually(held, ([requests, bytes]) => requests === 1 && bytes === announced)
        client.socket.end()
        assert.match(yield* client.until(({ ended }) => ended), /^HTTP\/1\.1 400 [^]*body is shorter than announced/)
        assert.strictEqual(yield* good(port), goodAnswer)
      }
      const aborting = yield* connect(port)
      aborting.send(`POST ${path} HTTP/1.1\r\nContent-Length: 200000\r\n${key}: 100\r\n\r\n${"x".repeat(500)}`)
      yield* eventually(held, ([requests]) => requests === 1)
      aborting.socket.destroy()
      yield* empty(held)
    }))

  it.live("are answered at once when their announced body is refused, without reading it", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start({ maxRequestBytes: 10_000_000, maxInflightBytes: 5_000_000 })
      for (
        const [length, text] of [[10_000_001, "10000001 bytes exceeds"], [
          5_000_001,
          "--http-max-inflight-bytes"
        ]] as const
      ) {
        const client = yield* connect(port)
        client.send(`POST ${path} HTTP/1.1\r\nContent-Length: ${length}\r\n${key}: 100\r\n\r\n`)
        const answer = yield* client.answers(1)
        assert.match(answer, /^HTTP\/1\.1 503 [^]*Connection: close/)
        assert.include(answer, text)
        // A client that goes on sending is not reset before it could read the answer.
        client.send(Buffer.alloc(100_000))
        yield* client.until(({ ended }) => ended)
        assert.isFalse(client.closed)
      }
      assert.strictEqual(yield* good(port), goodAnswer)
      yield* empty(held)
    }))

  it.live("with more than 65536 chunks are refused and their connection is closed", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start()
      const chunks = (count: number) => {
        const client = new Client(port)
        client.send(`POST ${path} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n`)
        client.send("1\r\n \r\n".repeat(count))
        client.send("0\r\n\r\n")
        return client
      }
      const over = chunks(65_537)
      assert.match(
        yield* over.answers(1),
        /^HTTP\/1\.1 400 [^]*Connection: close[^]*Chunked request body exceeds maximum of 65536 non-empty chunks\. Send fewer or larger HTTP chunks\./
      )
      const allowed = chunks(65_536)
      assert.match(yield* allowed.answers(1), /^HTTP\/1\.1 500 [^]*failed to parse the request JSON/)
      over.socket.destroy()
      allowed.socket.destroy()
      assert.strictEqual(yield* good(port), goodAnswer)
      yield* empty(held)
    }))

  it.live("in chunks beyond the limits are refused as they grow", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start({ maxInputSize: 10_000, maxInflightBytes: 50_000 })
      const send = (headers: Record<string, string>, bytes: number) =>
        Effect.map(
          ask(port, path, {
            method: "POST",
            headers: { ...headers, "Transfer-Encoding": "chunked" },
            body: Buffer.alloc(bytes, 32)
          }),
          ({ status, text }) => `${status} ${text}`
        )
      assert.match(yield* send({}, 20_000), /^400 .*request JSON size of \d+ bytes exceeds/)
      assert.match(yield* send({ [key]: "0" }, 20_000), /^400 .*Raw input has a byte_size/)
      assert.match(yield* send({ [key]: "100" }, 60_000), /^503 .*--http-max-inflight-bytes/)
      assert.strictEqual(yield* good(port), goodAnswer)
      yield* empty(held)
    }))

  it.live("of slow clients end in 408 or are cut, whether the head or the body is slow", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start({ headerTimeout: "1 second", bodyTimeout: "1500 millis" })
      const head = yield* connect(port)
      head.send("GET /v2 HTTP/1.1\r\nX-")
      const body = yield* connect(port)
      body.send(`POST ${path} HTTP/1.1\r\nContent-Length: 100000\r\n${key}: 100\r\n\r\nx`)
      const silent = yield* connect(port)
      assert.match(yield* head.until(({ ended }) => ended), /^HTTP\/1\.1 408 [^]*did not arrive in time/)
      assert.match(yield* body.until(({ ended }) => ended), /^HTTP\/1\.1 408 [^]*body stopped arriving/)
      yield* silent.until(({ ended }) => ended)
      assert.strictEqual(yield* good(port), goodAnswer)
      yield* empty(held)
    }))

  it.live("that trickle never stop the clock of the whole request", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start({ headerTimeout: "1 second", requestTimeout: "1500 millis" })
      const client = yield* connect(port)
      client.send(`POST ${path} HTTP/1.1\r\nContent-Length: 100000\r\n${key}: 100\r\n\r\n`)
      const trickle = setInterval(() => client.send("x"), 20)
      const text = yield* client.until(({ ended }) => ended)
      clearInterval(trickle)
      assert.match(text, /^HTTP\/1\.1 408 [^]*did not arrive in time/)
      assert.strictEqual(yield* good(port), goodAnswer)
      yield* empty(held)
    }))

  it.live("never end a request that only runs long", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start({
        headerTimeout: "1 second",
        bodyTimeout: "1 second",
        requestTimeout: "1 second"
      })
      fake.work = Effect.sleep("2500 millis")
      assert.strictEqual(yield* good(port), goodAnswer)
    }))
})
