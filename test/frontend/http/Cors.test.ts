import { assert, describe, it } from "@effect/vitest"
import * as Cors from "../../../src/layers/frontend/internal/http/Cors.ts"

const exposed = [
  "Access-Control-Expose-Headers",
  "Inference-Header-Content-Length, RateLimit, RateLimit-Policy, Retry-After, Server-Timing, WWW-Authenticate"
]

describe("headers for pages of other origins", () => {
  it("are not sent unless origins are named", () => {
    assert.isUndefined(Cors.make([]))
  })

  it("name the origin that is allowed, and tell caches that it matters who asks", () => {
    const cors = Cors.make(["https://a.example", "http://localhost:3000"])!
    assert.deepStrictEqual(cors.headers({ origin: "http://localhost:3000" }), [
      "Access-Control-Allow-Origin",
      "http://localhost:3000",
      "Vary",
      "Origin",
      ...exposed
    ])
    assert.deepStrictEqual(cors.headers({ origin: "http://localhost" }), ["Vary", "Origin"])
    assert.deepStrictEqual(cors.headers({}), ["Vary", "Origin"])
  })

  it("allow every page with *, and say nothing to those that are no page", () => {
    const cors = Cors.make(["*"])!
    assert.deepStrictEqual(cors.headers({ origin: "null" }), ["Access-Control-Allow-Origin", "*", ...exposed])
    assert.deepStrictEqual(cors.headers({}), [])
  })

  it("answer before the request itself is sent", () => {
    assert.isTrue(Cors.isPreflight("OPTIONS", { "access-control-request-method": "POST" }))
    assert.isFalse(Cors.isPreflight("OPTIONS", {}))
    assert.isFalse(Cors.isPreflight("POST", { "access-control-request-method": "POST" }))
    const cors = Cors.make(["*"])!
    assert.deepStrictEqual(cors.preflight({ "access-control-request-headers": "x-request-timeout" }), [
      "Access-Control-Allow-Methods",
      "GET, POST",
      "Access-Control-Allow-Headers",
      "x-request-timeout",
      "Access-Control-Max-Age",
      "7200"
    ])
  })
})
