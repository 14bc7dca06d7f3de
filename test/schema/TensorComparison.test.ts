import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { DataType } from "../../src/schema/DataType.ts"
import type { Tensor as TensorValue } from "../../src/schema/Inference.ts"
import * as Tensor from "../../src/schema/Tensor.ts"
import * as TensorComparison from "../../src/schema/TensorComparison.ts"

const { compare, exact, measure } = TensorComparison

const within = (absolute: number, relative = 0): TensorComparison.Tolerance => ({ absolute, relative })
const doubles = (...values: Array<number>) => Tensor.from("X", [values.length], Float64Array.from(values))
const longs = (...values: Array<bigint>) => Tensor.from("X", [values.length], BigInt64Array.from(values))
const texts = (...values: Array<string>) => Tensor.fromStrings("X", [values.length], values)

describe("TensorComparison", () => {
  it("finds every tensor equal to itself, whatever its datatype", () => {
    const tensors: ReadonlyArray<TensorValue> = [
      Tensor.fromBooleans("X", [2], [true, false]),
      Tensor.from("X", [2], Uint8Array.of(0, 255)),
      Tensor.from("X", [2], Uint16Array.of(0, 65535)),
      Tensor.from("X", [2], Uint32Array.of(0, 4294967295)),
      Tensor.from("X", [2], BigUint64Array.of(0n, 2n ** 64n - 1n)),
      Tensor.from("X", [2], Int8Array.of(-128, 127)),
      Tensor.from("X", [2], Int16Array.of(-32768, 32767)),
      Tensor.from("X", [2], Int32Array.of(-2147483648, 2147483647)),
      longs(-(2n ** 63n), 2n ** 63n - 1n),
      Tensor.from("X", [2], Float16Array.of(NaN, -2)),
      Tensor.from("X", [2], Float32Array.of(Infinity, NaN)),
      doubles(-Infinity, NaN),
      Tensor.fromBytes("X", "BF16", [2], new Uint8Array(Uint16Array.of(0x7fc0, 0x7f80).buffer)),
      texts("", "ä")
    ]
    for (const tensor of tensors) {
      assert.deepStrictEqual(measure(tensor, tensor, exact), { first: undefined, differing: 0, largest: 0 })
      const other = Tensor.fromBytes("Y", tensor.datatype, tensor.shape, new Uint8Array(tensor.data))
      assert.isUndefined(compare(tensor, other, exact))
    }
  })

  it("finds the first value that differs, counts all of them, and measures the largest distance", () => {
    assert.deepStrictEqual(measure(doubles(1, 2, 3, 4), doubles(1, 2.5, 3, 6), within(0.25)), {
      first: { index: 1, expected: "2", got: "2.5", reason: "value" },
      differing: 2,
      largest: 2
    })
    assert.deepStrictEqual(measure(doubles(1, 2), doubles(1.25, 2), within(0.25)), {
      first: undefined,
      differing: 0,
      largest: 0.25
    })
  })

  it("allows a share of the expected value beside an absolute distance", () => {
    assert.isUndefined(compare(doubles(100), doubles(111), within(1, 0.1)))
    assert.isDefined(compare(doubles(100), doubles(112), within(1, 0.1)))
    // The share is that of the expected value: 90 expected allows 9, not 10.
    assert.isUndefined(compare(doubles(100), doubles(90), within(0, 0.1)))
    assert.isDefined(compare(doubles(90), doubles(100), within(0, 0.1)))
  })

  it("lets nothing stand for NaN and the infinities but themselves", () => {
    const wide = within(1e300, 1e300)
    assert.isUndefined(compare(doubles(NaN, Infinity, -Infinity, 0), doubles(NaN, Infinity, -Infinity, -0), exact))
    for (const [a, b] of [[NaN, 1], [1, NaN], [Infinity, 1], [1, Infinity], [Infinity, -Infinity], [NaN, Infinity]]) {
      const { first, largest } = measure(doubles(a!), doubles(b!), wide)
      assert.deepStrictEqual(first, { index: 0, expected: String(a), got: String(b), reason: "value" })
      assert.strictEqual(largest, Infinity)
    }
  })

  it("compares integers of 64 bits exactly", () => {
    assert.deepStrictEqual(compare(longs(2n ** 62n), longs(2n ** 62n + 1n), exact), {
      index: 0,
      expected: String(2n ** 62n),
      got: String(2n ** 62n + 1n),
      reason: "value"
    })
    assert.isUndefined(compare(longs(2n ** 62n, 5n), longs(2n ** 62n + 1n, 4n), within(1)))
    assert.strictEqual(measure(longs(-(2n ** 63n)), longs(2n ** 63n - 1n), exact).largest, 2 ** 64)
  })

  it("takes no tolerance for booleans and texts", () => {
    const wide = within(1e9, 1e9)
    assert.deepStrictEqual(
      measure(Tensor.fromBooleans("X", [2], [true, true]), Tensor.fromBooleans("X", [2], [true, false]), wide),
      { first: { index: 1, expected: "true", got: "false", reason: "value" }, differing: 1, largest: 0 }
    )
    assert.deepStrictEqual(measure(texts("a", "b", "c"), texts("a", "bb", "d"), wide), {
      first: { index: 1, expected: "\"b\"", got: "\"bb\"", reason: "value" },
      differing: 2,
      largest: 0
    })
  })

  it("shows the beginning of a long text", () => {
    const difference = compare(texts("x".repeat(100)), texts("y"), exact)
    assert.strictEqual(difference?.expected, `"${"x".repeat(64)}" and 36 more bytes`)
  })

  it("reads BF16 as numbers", () => {
    const bf16 = (...bits: Array<number>) =>
      Tensor.fromBytes("X", "BF16", [bits.length], new Uint8Array(Uint16Array.from(bits).buffer))
    // 1 and the next BF16 above it.
    assert.strictEqual(compare(bf16(0x3f80), bf16(0x3f81), exact)?.got, "1.0078125")
    assert.isUndefined(compare(bf16(0x3f80), bf16(0x3f81), within(0.01)))
  })

  it("does not compare what has other datatypes, shapes or sizes", () => {
    const whole = (difference: TensorComparison.Difference | undefined) => difference
    assert.deepStrictEqual(whole(compare(doubles(1), longs(1n), exact)), {
      index: -1,
      expected: "FP64",
      got: "INT64",
      reason: "datatype"
    })
    assert.deepStrictEqual(
      compare(Tensor.from("X", [1, 2], Int8Array.of(1, 2)), Tensor.from("X", [2], Int8Array.of(1, 2)), exact),
      { index: -1, expected: "[1,2]", got: "[2]", reason: "shape" }
    )
    assert.deepStrictEqual(
      compare(Tensor.from("X", [2], Int8Array.of(1, 2)), Tensor.from("X", [2], Int8Array.of(1)), exact),
      { index: -1, expected: "2 bytes", got: "1 bytes", reason: "size" }
    )
    assert.deepStrictEqual(compare({ ...texts("a", "b"), shape: [1] }, { ...texts("a"), shape: [1] }, exact), {
      index: -1,
      expected: "2 elements",
      got: "1 elements",
      reason: "size"
    })
  })

  it("agrees with the definition for any numbers, at any place in memory", () => {
    const arrays: ReadonlyArray<readonly [DataType, (values: ReadonlyArray<number>) => Tensor.TypedArray]> = [
      ["FP64", (values) => Float64Array.from(values)],
      ["FP32", (values) => Float32Array.from(values)],
      ["FP16", (values) => Float16Array.from(values)],
      ["INT32", (values) => Int32Array.from(values)],
      ["UINT8", (values) => Uint8Array.from(values)]
    ]
    const moved = (tensor: TensorValue): TensorValue => {
      const memory = new Uint8Array(new SharedArrayBuffer(tensor.data.byteLength + 1))
      memory.set(tensor.data, 1)
      return { ...tensor, data: memory.subarray(1) }
    }
    const value = fc.oneof(fc.double({ min: -1e4, max: 1e4 }), fc.integer({ min: 0, max: 9 }))
    fc.assert(fc.property(
      fc.constantFrom(...arrays),
      fc.array(fc.tuple(value, value), { maxLength: 20 }),
      fc.double({ min: 0, max: 10, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      ([datatype, array], pairs, absolute, relative) => {
        const one = Tensor.from("X", [pairs.length], array(pairs.map(([a]) => a)))
        const other = Tensor.from("X", [pairs.length], array(pairs.map(([, b]) => b)))
        const a = Array.from(Tensor.values(one, datatype) as ArrayLike<number>)
        const b = Array.from(Tensor.values(other, datatype) as ArrayLike<number>)
        const apart = a.map((value, i) => {
          if (Object.is(value, b[i]) || value === b[i]) return 0
          const distance = Math.abs(value - b[i]!)
          return Number.isNaN(distance) ? Infinity : distance
        })
        const beyond = apart.flatMap((distance, i) =>
          distance > absolute + relative * Math.abs(a[i]!) || distance === Infinity ? [i] : []
        )
        const { differing, first, largest } = measure(one, moved(other), { absolute, relative })
        assert.strictEqual(first?.index, beyond[0])
        assert.strictEqual(differing, beyond.length)
        assert.strictEqual(largest, Math.max(0, ...apart))
      }
    ))
  })
})
