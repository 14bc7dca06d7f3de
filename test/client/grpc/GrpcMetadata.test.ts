import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { OutgoingHttpHeaders } from "node:http2"
import { statusName } from "../../../src/client/grpc/GrpcFailure.ts"
import { addTo, decodeMessage, fromHeaders, timeoutHeader } from "../../../src/client/grpc/GrpcMetadata.ts"
import { statusOfHttp, statusOfReset } from "../../../src/client/grpc/Http2Errors.ts"
import { encodeMessage } from "../../../src/layers/frontend/internal/grpc/Status.ts"

describe("metadata", () => {
  it("comes back as it was given", () => {
    const headers: OutgoingHttpHeaders = {}
    addTo(headers, {
      "X-Text": "a",
      "x-list": ["b", "c"],
      "x-bin": Uint8Array.of(0, 255, 62),
      "y-bin": new Uint8Array(0)
    })
    assert.deepStrictEqual(headers, { "x-text": "a", "x-list": ["b", "c"], "x-bin": "AP8+", "y-bin": "" })
    const back = fromHeaders({
      ":status": "200",
      "content-type": "application/grpc",
      "grpc-status": "0",
      "grpc-retry-pushback-ms": "5",
      "x-text": "a",
      "x-bin": "AP8+",
      "z-bin": "AQ, Ag=="
    })
    assert.deepStrictEqual(Object.keys(back), ["grpc-retry-pushback-ms", "x-text", "x-bin", "z-bin"])
    assert.deepStrictEqual([...back["x-bin"] as Uint8Array], [0, 255, 62])
    assert.deepStrictEqual((back["z-bin"] as ReadonlyArray<Uint8Array>).map((bytes) => [...bytes]), [[1], [2]])
  })

  it("refuses names that are gRPC's own", () => {
    for (const name of [":path", "grpc-timeout", "Content-Type", "te", "user-agent"]) {
      assert.throws(() => addTo({}, { [name]: "x" }), `metadata ${name}: the name is gRPC's own`)
    }
    assert.throws(() => addTo({}, { x: Uint8Array.of(1) }), "metadata x: bytes need a name that ends in -bin")
  })
})

describe("status text", () => {
  it("is read as the server writes it", () => {
    fc.assert(fc.property(fc.string({ unit: "grapheme", maxLength: 200 }), (text) => {
      assert.strictEqual(decodeMessage(encodeMessage(text)), text.toWellFormed())
    }))
  })

  it("stays as it is where it is encoded wrongly", () => {
    for (const text of ["100%", "%zz", "a%4", "%%"]) assert.strictEqual(decodeMessage(text), text)
    assert.strictEqual(decodeMessage("%E2%82%ac %41"), "€ A")
    assert.strictEqual(decodeMessage("%ff"), "\ufffd")
  })
})

describe("grpc-timeout", () => {
  it("has at most eight digits, and is never shorter than the time", () => {
    assert.strictEqual(timeoutHeader(0), "0u")
    assert.strictEqual(timeoutHeader(-5), "0u")
    assert.strictEqual(timeoutHeader(0.0001), "1u")
    assert.strictEqual(timeoutHeader(1000), "1000000u")
    assert.strictEqual(timeoutHeader(99_999.999), "99999999u")
    assert.strictEqual(timeoutHeader(100_000.5), "100001m")
    assert.strictEqual(timeoutHeader(99_999_999), "99999999m")
    assert.strictEqual(timeoutHeader(1e8 + 1), "100001S")
    assert.strictEqual(timeoutHeader(1e20), "99999999S")
  })
})

describe("statuses", () => {
  it("follow from what is no status of gRPC", () => {
    assert.deepStrictEqual([0, 5, 16, 17, 99, Number.NaN].map(statusName), [
      "OK",
      "NOT_FOUND",
      "UNAUTHENTICATED",
      "UNKNOWN",
      "UNKNOWN",
      "UNKNOWN"
    ])
    assert.deepStrictEqual([400, 401, 403, 404, 429, 502, 503, 504, 500, 302].map(statusOfHttp), [
      "INTERNAL",
      "UNAUTHENTICATED",
      "PERMISSION_DENIED",
      "UNIMPLEMENTED",
      "UNAVAILABLE",
      "UNAVAILABLE",
      "UNAVAILABLE",
      "UNAVAILABLE",
      "UNKNOWN",
      "UNKNOWN"
    ])
    assert.deepStrictEqual([0, 2, 7, 8, 11, 12].map(statusOfReset), [
      "INTERNAL",
      "INTERNAL",
      "UNAVAILABLE",
      "CANCELLED",
      "RESOURCE_EXHAUSTED",
      "PERMISSION_DENIED"
    ])
  })
})
