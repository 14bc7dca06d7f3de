import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { Head } from "../../../src/layers/frontend/internal/http1/Head.ts"
import { incomplete, odd, readHead } from "../../../src/layers/frontend/internal/http1/HeadReader.ts"
import * as Llhttp from "./Llhttp.ts"
import * as Plain from "./Plain.ts"

const head = (text: string, maxSize = Plain.maxSize) => readHead(Buffer.from(text, "latin1"), 0, maxSize)

const plain = (text: string, maxSize?: number): Head => {
  const read = head(text, maxSize)
  assert.instanceOf(read, Head, text)
  return read
}

const infer =
  "POST /v2/models/simple/infer?a=%20b HTTP/1.1\r\nHost: localhost:8000\r\nContent-Type:application/json\r\n" +
  "X-Two: 1\r\nx-two: \t 2 \t\r\nEmpty:\r\nContent-Length: 12\r\n\r\n"

describe("heads of HTTP/1.1", () => {
  it("give method, target, headers and the length of the body", () => {
    const read = plain(`${infer}and a body..`)
    assert.deepStrictEqual([read.method, read.target], ["POST", "/v2/models/simple/infer?a=%20b"])
    assert.deepStrictEqual(read.raw, [
      "Host",
      "localhost:8000",
      "Content-Type",
      "application/json",
      "X-Two",
      "1",
      "x-two",
      "2",
      "Empty",
      "",
      "Content-Length",
      "12"
    ])
    assert.deepStrictEqual(read.headers, {
      host: "localhost:8000",
      "content-type": "application/json",
      "x-two": "1, 2",
      empty: "",
      "content-length": "12"
    })
    assert.deepStrictEqual(read.headersDistinct["x-two"], ["1", "2"])
    assert.deepStrictEqual([read.contentLength, read.keepsAlive, read.expects], [12, true, false])
    assert.strictEqual(read.bytes.toString("latin1"), infer)
  })

  it("say whether the connection stays and whether the client waits", () => {
    assert.isFalse(plain("GET / HTTP/1.1\r\nConnection: Close\r\n\r\n").keepsAlive)
    assert.isTrue(plain("GET / HTTP/1.1\r\nConnection: Keep-Alive\r\n\r\n").keepsAlive)
    assert.isTrue(plain("PUT / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n").expects)
  })

  it("are incomplete at every place before their end", () => {
    for (const text of [infer, "GET / HTTP/1.1\r\n\r\n", "OPTIONS /x HTTP/1.1\r\nA: b\r\n\r\n"]) {
      for (let end = 0; end < text.length; end++) {
        assert.strictEqual(head(text.slice(0, end)), incomplete, text.slice(0, end))
      }
      plain(text)
    }
  })

  it("are known again where they stand once more, and only there", () => {
    const first = plain(infer)
    const bytes = Buffer.from(`xx${infer}${infer.replace("12", "13")}${infer}`)
    assert.isTrue(first.isAt(bytes, 2))
    assert.isFalse(first.isAt(bytes, 1))
    assert.isFalse(first.isAt(bytes, 2 + infer.length))
    assert.isTrue(first.isAt(bytes, 2 + 2 * infer.length))
    assert.isFalse(first.isAt(bytes.subarray(0, -1), 2 + 2 * infer.length))
  })

  it("that are too large are not read here", () => {
    const long = `GET / HTTP/1.1\r\nX: ${"x".repeat(100)}\r\n\r\n`
    plain(long, long.length)
    assert.strictEqual(head(long, long.length - 1), odd)
    assert.strictEqual(head(long.slice(0, 50), 50), odd)
    assert.strictEqual(head(long.slice(0, 50), 51), incomplete)
    const many = (count: number) => `GET / HTTP/1.1\r\n${"a: b\r\n".repeat(count)}\r\n`
    plain(many(100))
    assert.strictEqual(head(many(101)), odd)
  })

  for (
    const text of [
      "hello\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "\r\nGET / HTTP/1.1\r\n\r\n",
      "get / HTTP/1.1\r\n\r\n",
      "CONNECT host:80 HTTP/1.1\r\n\r\n",
      "GET http://host/ HTTP/1.1\r\n\r\n",
      "OPTIONS * HTTP/1.1\r\n\r\n",
      "GET  / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.0\r\n\r\n",
      "GET / HTTP/1.1 \r\n\r\n",
      "GET /#x HTTP/1.1\r\n\r\n",
      "GET /\x80 HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\n\n",
      "GET / HTTP/1.1\r\nA: b\n\r\n",
      "GET / HTTP/1.1\r\nA: b\r \r\n",
      "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
      "GET / HTTP/1.1\r\n A: b\r\n\r\n",
      "GET / HTTP/1.1\r\nA : b\r\n\r\n",
      "GET / HTTP/1.1\r\nA\r\n\r\n",
      "GET / HTTP/1.1\r\n: b\r\n\r\n",
      "GET / HTTP/1.1\r\nA: \0\r\n\r\n",
      "GET / HTTP/1.1\r\nA: \xe4\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
      "GET / HTTP/1.1\r\nConnection: upgrade\r\n\r\n",
      "GET / HTTP/1.1\r\nConnection: close, keep-alive\r\n\r\n",
      "GET / HTTP/1.1\r\nConnection: close\r\nConnection: close\r\n\r\n",
      "GET / HTTP/1.1\r\nProxy-Connection: close\r\n\r\n",
      "GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
      "GET / HTTP/1.1\r\nSet-Cookie: a\r\n\r\n",
      "GET / HTTP/1.1\r\n__proto__: a\r\n\r\n",
      "PUT / HTTP/1.1\r\nExpect: something\r\n\r\n",
      "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
      "PUT / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
      "PUT / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\n",
      "PUT / HTTP/1.1\r\nContent-Length: +5\r\n\r\n",
      "PUT / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
      "PUT / HTTP/1.1\r\nContent-Length: 05\r\n\r\n",
      "PUT / HTTP/1.1\r\nContent-Length: 5 5\r\n\r\n",
      "PUT / HTTP/1.1\r\nContent-Length:\r\n\r\n",
      "PUT / HTTP/1.1\r\nContent-Length: 1234567890123456\r\n\r\n"
    ]
  ) {
    it(`are not read here: ${JSON.stringify(text)}`, () => assert.strictEqual(head(text), odd))
  }
})

const oneOf = (text: string) => fc.constantFrom(...text.split("|"))

/** What heads consist of, good and such that parsers have disagreed on. */
const start = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("GET /v2 HTTP/1.1\r\n", "POST /v2/models/a/infer?x HTTP/1.1\r\n") },
  fc.tuple(
    oneOf("GET |POST |HEAD |PUT |DELETE |PATCH |OPTIONS |CONNECT |PRI |get |\r\nGET "),
    oneOf("/|/?q|#|*|http://h/|/a b|"),
    oneOf(" HTTP/1.1\r\n| HTTP/1.0\r\n| HTTP/1.1\n|\r\n")
  ).map((pieces) => pieces.join(""))
)
const goodField = oneOf(
  "Host: a\r\n|Content-Length: 3\r\n|Connection: close\r\n|Connection: keep-alive\r\n|X-A: b\r\n|x-a:\t c \r\n"
)
const field = fc.oneof(
  { weight: 6, arbitrary: goodField },
  oneOf(
    "Content-Length: 0\r\n|content-length:4\r\n|Content-Length: 03\r\n|Content-Length : 3\r\n|Content-Length: 1, 1\r\n"
  ),
  oneOf(
    "Transfer-Encoding: chunked\r\n|Transfer-Encoding: x\r\n|Connection: x\r\n|Connection: \r\n|Expect: 100-continue\r\n"
  ),
  oneOf(
    "Proxy-Connection: close\r\n|Upgrade: h2c\r\n| fold\r\n|A\"B: c\r\n|A: \0\r\n|A: b\n|A: \x7f\r\n|A: \xff\r\n|:b\r\n|A\r\n"
  )
)
const message = fc.tuple(
  start,
  fc.array(field, { maxLength: 4 }).map((fields) => fields.join("")),
  oneOf("\r\n|\r\nabc|\r\nabc|\r\n0\r\n\r\n|\n|")
).map((pieces) => pieces.join(""))

const request = fc.tuple(
  fc.constantFrom("GET", "POST", "PUT"),
  fc.stringMatching(/^\/[!$-[\]_a-z]{0,12}$/),
  fc.array(fc.tuple(fc.stringMatching(/^X[!#-'*+.^-z|~-]{0,11}$/), fc.stringMatching(/^[ -~\t]{0,12}$/)), {
    maxLength: 4
  }),
  fc.string({ maxLength: 6 })
).map(([method, target, fields, body]) =>
  `${method} ${target} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}:${value}\r\n`).join("")}` +
  `Content-Length: ${body.length}\r\n\r\n${body}`
)

/** Bytes that mean something, and some that do not. */
const codes = [...Buffer.from("\0\t\n\x0b\r !\"#%,-/09:;?AZ[\\_az~\x7f\x80\xa0\xff", "latin1")]

describe("whatever is read here", () => {
  const agrees = (bytes: Buffer): number => {
    const { readings } = Plain.read(bytes)
    assert.deepStrictEqual(readings, Llhttp.read(bytes).slice(0, readings.length))
    return readings.length
  }

  it("reads the same in node:http, in pieces put together at random", () => {
    let read = 0
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 4 }), (messages) => {
        read += agrees(Buffer.from(messages.join(""), "latin1"))
      }),
      { numRuns: 4000 }
    )
    assert.isAbove(read, 1000)
  })

  it("reads the same in node:http, one request after the other", () => {
    let read = 0
    fc.assert(
      fc.property(fc.array(request, { minLength: 1, maxLength: 4 }), (requests) => {
        read += agrees(Buffer.from(requests.join(""), "latin1"))
      }),
      { numRuns: 2000 }
    )
    assert.isAbove(read, 1000)
  })

  it("reads the same in node:http, with any one byte of it changed", () => {
    const text = `${infer}and a body..GET /next HTTP/1.1\r\nConnection: keep-alive\r\n\r\n`
    for (let at = 0; at < text.length; at++) {
      for (const code of codes) {
        const bytes = Buffer.from(text, "latin1")
        bytes[at] = code
        agrees(bytes)
      }
    }
  })
})
