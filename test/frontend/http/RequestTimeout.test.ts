import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import * as RequestTimeout from "../../../src/layers/frontend/internal/http/RequestTimeout.ts"

const read = (header: string | ReadonlyArray<string>): number | string => {
  const millis = RequestTimeout.parse(header)
  return Result.isFailure(millis) ? millis.failure.message : millis.success
}

const expected =
  "The header X-Request-Timeout must be one positive decimal number of milliseconds, such as 250 or 0.5, got: "

describe("X-Request-Timeout", () => {
  for (
    const [text, millis] of [
      ["250", 250],
      ["0.5", 0.5],
      ["007.250", 7.25],
      ["0.0000000001", 1e-10],
      [`0.${"0".repeat(400)}1`, 0],
      ["9".repeat(400), Infinity]
    ] as const
  ) {
    it(`takes ${text.slice(0, 20)} for ${millis} ms`, () => assert.strictEqual(read(text), millis))
  }

  for (
    const text of ["", "0", "0.000", "-5", "+5", "5ms", "1e3", "0x10", ".5", "5.", "1,5", "5 5", "NaN", "Infinity", "٣"]
  ) {
    it(`refuses ${JSON.stringify(text)} and says what was expected`, () =>
      assert.strictEqual(read(text), expected + text))
  }

  it("refuses several values", () => {
    assert.strictEqual(read("5, 6"), `${expected}5, 6`)
    assert.strictEqual(read(["5", "6"]), `${expected}5, 6`)
  })

  it("does not repeat a long value as a whole", () =>
    assert.strictEqual(read("x".repeat(10_000)), `${expected}${"x".repeat(64)}…`))

  it("takes every decimal number above 0", () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 40 }), fc.integer({ min: 0, max: 999 }), (whole, thousandths) => {
        assert.strictEqual(
          read(`${whole}.${String(thousandths).padStart(3, "0")}`),
          Number(`${whole}.${String(thousandths).padStart(3, "0")}`)
        )
      })
    ))
})
