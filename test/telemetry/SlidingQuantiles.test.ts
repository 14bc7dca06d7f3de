import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { SlidingQuantiles } from "../../src/layers/telemetry/internal/SlidingQuantiles.ts"

const over = (values: ReadonlyArray<number>) => {
  const quantiles = new SlidingQuantiles(() => 0)
  for (const value of values) quantiles.add(value)
  return quantiles
}

describe("SlidingQuantiles", () => {
  it("have the exact rank, and the value within 0.4 %", () => {
    fc.assert(fc.property(
      fc.array(fc.oneof(fc.nat(1000), fc.nat(2 ** 31), fc.integer({ min: 0, max: 2 ** 32 - 1 })), { minLength: 1 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (values, share) => {
        const sorted = values.toSorted((a, b) => a - b)
        const exact = sorted[Math.max(1, Math.ceil(share * values.length)) - 1]!
        assert.approximately(over(values).quantile(share), exact, exact < 256 ? 0 : exact * 0.004)
      }
    ))
  })

  it("count what is beyond all bounds as the greatest", () => {
    assert.approximately(over([1e15]).quantile(0.5), 2 ** 32, 2 ** 32 * 0.004)
  })

  it("are no numbers when there is nothing", () => {
    assert.isNaN(over([]).quantile(0.5))
  })

  it("forget in steps of twelve seconds, after a minute at most", () => {
    let now = 1_700_000_000_000 - 1_700_000_000_000 % 12_000
    const begin = now
    const quantiles = new SlidingQuantiles(() => now)
    quantiles.add(10)
    now = begin + 12_000
    quantiles.add(30)
    assert.strictEqual(quantiles.quantile(0.5), 10)
    now = begin + 59_999
    assert.strictEqual(quantiles.quantile(0.5), 10)
    now = begin + 60_000
    assert.strictEqual(quantiles.quantile(0.5), 30)
    now = begin + 72_000
    assert.isNaN(quantiles.quantile(0.5))
    quantiles.add(7)
    assert.strictEqual(quantiles.quantile(1), 7)
  })
})
