import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { encodeMessage } from "../../../src/layers/frontend/internal/grpc/Status.ts"
import * as Timeout from "../../../src/layers/frontend/internal/grpc/Timeout.ts"

describe("status message", () => {
  it("is read back by percent-decoding, and is printable ASCII", () => {
    fc.assert(fc.property(fc.string({ unit: "grapheme", maxLength: 100 }), (text) => {
      const encoded = encodeMessage(text)
      assert.match(encoded, /^(?! )[ -~]*(?<! )$/)
      assert.strictEqual(decodeURIComponent(encoded), text)
    }))
  })

  it("escapes what is not printable, and the percent sign, in UTF-8", () => {
    assert.strictEqual(encodeMessage("a b~\n\u007f%ü€😀"), "a b~%0A%7F%25%C3%BC%E2%82%AC%F0%9F%98%80")
  })

  it("escapes blanks at its ends, which no header may have", () => {
    assert.deepStrictEqual([" a b ", " ", "got: "].map(encodeMessage), ["%20a b%20", "%20", "got:%20"])
  })

  it("is cut between characters when it is too long", () => {
    for (const char of ["x", "ü", "€", "😀"]) {
      for (let shift = 0; shift < 12; shift++) {
        const encoded = encodeMessage("y".repeat(shift) + char.repeat(7000))
        assert.isAtMost(encoded.length, 6000)
        assert.isAbove(encoded.length, 5980)
        assert.match(decodeURIComponent(encoded), new RegExp(`^y*${char}*\\.\\.\\.$`, "u"))
      }
    }
  })
})

describe("grpc-timeout", () => {
  it("is up to eight digits and a unit", () => {
    const cases: ReadonlyArray<readonly [string, number]> = [
      ["1H", 3_600_000],
      ["2M", 120_000],
      ["99999999S", 99_999_999_000],
      ["5m", 5],
      ["500u", 0.5],
      ["0n", 0]
    ]
    for (const [text, millis] of cases) assert.strictEqual(Timeout.parse(text), millis, text)
    for (const text of ["", "1", "S", "123456789S", "1s", "1.5S", "-1S", " 1S", "1S ", "1h"]) {
      assert.isUndefined(Timeout.parse(text), text)
    }
  })
})
