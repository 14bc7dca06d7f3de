import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Comparison from "../../../src/layers/repository/internal/golden/Comparison.ts"
import { defaultTolerance } from "../../../src/schema/GoldenRequest.ts"
import * as Tensor from "../../../src/schema/Tensor.ts"

const fp32 = (values: ReadonlyArray<number>) => Tensor.from("y", [values.length], Float32Array.from(values))
const fp64 = (values: ReadonlyArray<number>) => Tensor.from("y", [values.length], Float64Array.from(values))

describe("comparison with what is expected", () => {
  it("names the first element that is further away than the tolerance, and counts all", () => {
    assert.deepStrictEqual(
      Comparison.compare(fp32([0, 1, 2, 3]), fp32([0, 1.5, 2, 4]), defaultTolerance),
      { index: 1, expected: "1", got: "1.5", count: 2, total: 4 }
    )
  })

  it("allows the absolute tolerance plus the relative share of the expected value, and no more", () => {
    const tolerance = { absolute: 0.5, relative: 0.25, nan_equal: true }
    assert.isUndefined(Comparison.compare(fp64([4, -4, 0]), fp64([5.5, -5.5, 0.5]), tolerance))
    for (const [expected, got] of [[4, 5.51], [4, 2.49], [-4, -5.51], [0, 0.51]] as const) {
      assert.strictEqual(Comparison.compare(fp64([expected]), fp64([got]), tolerance)?.count, 1)
    }
    const exact = { absolute: 0, relative: 0, nan_equal: true }
    fc.assert(fc.property(fc.double(), fc.double(), (a, b) => {
      assert.strictEqual(
        Comparison.compare(fp64([a]), fp64([b]), exact) === undefined,
        a === b || (Number.isNaN(a) && Number.isNaN(b))
      )
    }))
  })

  it("takes infinite numbers as they are, and NaN as it is told", () => {
    const loose = { absolute: 1e300, relative: 1, nan_equal: true }
    assert.isUndefined(Comparison.compare(fp32([Infinity, NaN]), fp32([Infinity, NaN]), loose))
    for (const [expected, got] of [[Infinity, 1], [1, Infinity], [Infinity, -Infinity], [NaN, 1], [1, NaN]] as const) {
      assert.strictEqual(Comparison.compare(fp32([expected]), fp32([got]), loose)?.count, 1, `${expected} ${got}`)
    }
    assert.strictEqual(Comparison.compare(fp32([NaN]), fp32([NaN]), { ...loose, nan_equal: false })?.index, 0)
  })

  it("wants everything but floating-point numbers to be equal", () => {
    const loose = { absolute: 10, relative: 10, nan_equal: true }
    assert.deepStrictEqual(
      Comparison.compare(
        Tensor.from("y", [2], BigInt64Array.of(1n, 9007199254740993n)),
        Tensor.from("y", [2], BigInt64Array.of(1n, 9007199254740992n)),
        loose
      ),
      { index: 1, expected: "9007199254740993", got: "9007199254740992", count: 1, total: 2 }
    )
    assert.deepStrictEqual(
      Comparison.compare(
        Tensor.fromBooleans("y", [2], [true, true]),
        Tensor.fromBooleans("y", [2], [true, false]),
        loose
      ),
      { index: 1, expected: "true", got: "false", count: 1, total: 2 }
    )
    const texts = (...values: ReadonlyArray<string>) => Tensor.fromStrings("y", [values.length], values)
    assert.isUndefined(Comparison.compare(texts("", "b"), texts("", "b"), loose))
    assert.deepStrictEqual(
      Comparison.compare(texts("a", "b", "c", "d"), texts("a", "bb", "c", "e"), loose),
      { index: 1, expected: "\"b\"", got: "\"bb\"", count: 2, total: 4 }
    )
  })
})
