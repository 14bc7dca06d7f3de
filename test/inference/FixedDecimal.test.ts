import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { formatFixed6 } from "../../src/layers/inference/internal/FixedDecimal.ts"

describe("formatFixed6", () => {
  const cases: ReadonlyArray<[number, string]> = [
    [3.3, "3.300000"],
    [Math.fround(0.1), "0.100000"],
    [0.0078125, "0.007812"],
    [0.0234375, "0.023438"],
    [-0, "-0.000000"],
    [-1e-9, "-0.000000"],
    [1e21, "1000000000000000000000.000000"],
    [5e-324, "0.000000"],
    [NaN, "nan"],
    [Infinity, "inf"],
    [-Infinity, "-inf"],
    [123456789.987654321, "123456789.987654"]
  ]
  for (const [value, text] of cases) {
    it(`prints ${value} as ${text}`, () => assert.strictEqual(formatFixed6(value), text))
  }

  it("agrees with toFixed wherever no exact tie, no negative zero and no exponent form is involved", () =>
    fc.assert(
      fc.property(fc.double({ min: -1e20, max: 1e20, noNaN: true }), (value) => {
        fc.pre(!Object.is(value, -0) && !Number.isInteger(value * 128_000_000 / 64))
        const expected = value.toFixed(6)
        fc.pre(expected !== "-0.000000" && expected !== "0.000000")
        assert.strictEqual(formatFixed6(value), expected)
      }),
      { seed: 7, numRuns: 2000 }
    ))
})
