import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as HeaderForwarding from "../../../src/layers/frontend/internal/HeaderForwarding.ts"
import { errorBody, quote } from "../../../src/layers/frontend/internal/http/Answer.ts"
import { wireFailure } from "../../../src/layers/frontend/internal/http/WireFailure.ts"
import { InFlight } from "../../../src/layers/frontend/internal/InFlight.ts"
import * as Restrictions from "../../../src/layers/frontend/internal/Restrictions.ts"

describe("Restrictions", () => {
  it("ask for the exact value of a header, in any case of its name", () => {
    const rules = Restrictions.make([
      { categories: ["health", "model-config"], header: "Admin-Key", value: "s" },
      { categories: ["inference"], header: "other", value: "" }
    ], { prefix: "", value: (headers: Readonly<Record<string, string>>, name) => headers[name] })
    assert.strictEqual(rules.missing("health", {}), "Admin-Key")
    assert.strictEqual(rules.missing("health", { "admin-key": "S" }), "Admin-Key")
    assert.isUndefined(rules.missing("model-config", { "admin-key": "s" }))
    assert.strictEqual(rules.missing("inference", { "admin-key": "s" }), "other")
    assert.isUndefined(rules.missing("inference", { other: "" }))
    assert.isUndefined(rules.missing("metadata", {}))
  })

  it("look behind the prefix of a protocol", () => {
    const rules = Restrictions.make([{ categories: ["health"], header: "Key", value: "s" }], {
      prefix: "triton-grpc-protocol-",
      value: (headers: ReadonlyMap<string, string>, name) => headers.get(name)
    })
    assert.strictEqual(rules.missing("health", new Map([["key", "s"]])), "triton-grpc-protocol-Key")
    assert.isUndefined(rules.missing("health", new Map([["triton-grpc-protocol-key", "s"]])))
  })
})

describe("HeaderForwarding", () => {
  const forward = (pattern: string, raw: ReadonlyArray<string>) => {
    const forwarded = HeaderForwarding.make(pattern)!(raw, new Map([["own", 1]]))
    return Result.isFailure(forwarded) ? forwarded.failure.message : Object.fromEntries(forwarded.success)
  }

  it("adds the matching headers as strings behind the request's own parameters", () => {
    assert.deepStrictEqual(forward("^my_", ["Host", "h", "MY_A", "1", "x-my_b", "2"]), { own: 1, MY_A: "1" })
    assert.deepStrictEqual(forward("(?-i)my_", ["MY_A", "1", "x-my_b", "2"]), { own: 1, "x-my_b": "2" })
    assert.deepStrictEqual(forward("(?i)my_", ["MY_A", "1"]), { own: 1, MY_A: "1" })
  })

  it("refuses names that are reserved", () => {
    for (const name of ["priority", "timeout", "sequence_id", "headers", "binary_data_output", "triton_x"]) {
      assert.strictEqual(
        forward(".*", [name, "1"]),
        `Header '${name}' is reserved for Triton usage and cannot be forwarded.`
      )
    }
  })

  it("never tests a name longer than 256 characters", () => {
    assert.deepStrictEqual(forward("a", ["a".repeat(257), "1", "a".repeat(256), "2"]), {
      own: 1,
      ["a".repeat(256)]: "2"
    })
  })

  it("is off for the empty pattern", () => assert.isUndefined(HeaderForwarding.make("")))
})

describe("InFlight", () => {
  it("refuses what goes beyond a bound and counts nothing for it", () => {
    const inFlight = new InFlight({ protocol: "http", maxRequests: 2, maxBytes: 10, maxRequestBytes: 8 })
    assert.isUndefined(inFlight.enter(8))
    assert.match(inFlight.enter(3)!, /8 bytes of request bodies.*at most 10.*--http-max-inflight-bytes/)
    assert.isUndefined(inFlight.enter(0))
    assert.match(inFlight.enter(0)!, /holds 2 requests.*--http-max-inflight-requests/)
    assert.match(inFlight.grow(3)!, /3 bytes more/)
    assert.isUndefined(inFlight.grow(2))
    assert.match(inFlight.tooLarge(9)!, /9 bytes exceeds the 8 bytes/)
    assert.isUndefined(inFlight.tooLarge(8))
    inFlight.leave(10)
    inFlight.leave(0)
    assert.deepStrictEqual([inFlight.requests, inFlight.bytes], [0, 0])
  })
})

describe("Answer", () => {
  it("escapes as Triton does, with upper-case hex and nothing more than needed", () => {
    assert.strictEqual(quote("a\"b\\u001f\u001f\n/é\u007f"), "\"a\\\"b\\\\u001f\\u001F\\n/é\u007f\"")
    assert.strictEqual(errorBody("x 'y'"), "{\"error\":\"x 'y'\"}")
  })
})

describe("WireFailure", () => {
  const failure = (code: string, packet = "") =>
    wireFailure(Object.assign(new Error("Parse Error"), { code, rawPacket: Buffer.from(packet), reason: "why" }))

  it("gives every parser error a status and a text, and a broken connection none", () => {
    assert.deepStrictEqual(failure("HPE_INVALID_CONTENT_LENGTH", "POST / HTTP/1.1\r\ncontent-LENGTH: 1x\r\n\r\n"), {
      status: 400,
      message: "Unable to parse Content-Length, got: 1x"
    })
    assert.strictEqual(failure("HPE_HEADER_OVERFLOW")?.status, 431)
    assert.strictEqual(failure("ERR_HTTP_REQUEST_TIMEOUT")?.status, 408)
    assert.deepStrictEqual(failure("HPE_INVALID_METHOD"), {
      status: 400,
      message: "The bytes received are no HTTP request: why"
    })
    assert.isUndefined(failure("ECONNRESET"))
  })
})
