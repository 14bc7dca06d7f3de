import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import * as Classification from "../../src/layers/inference/internal/Classification.ts"

const fp32 = (shape: ReadonlyArray<number>, values: ReadonlyArray<number>) => ({
  name: "O",
  datatype: "FP32" as const,
  shape,
  data: new Uint8Array(Float32Array.from(values).buffer)
})

const strings = (data: Uint8Array): ReadonlyArray<string> => {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  const texts: Array<string> = []
  for (let at = 0; at < data.byteLength;) {
    const length = view.getUint32(at, true)
    texts.push(new TextDecoder().decode(data.subarray(at + 4, at + 4 + length)))
    at += 4 + length
  }
  return texts
}

const classify = (...args: Parameters<typeof Classification.classify>) =>
  Result.getOrThrow(Classification.classify(...args))

describe("classify", () => {
  it("gives value, index and label of the greatest elements of each row", () => {
    const output = classify(fp32([2, 3], [0.1, 0.7, 0.2, 3, -1, 3.5]), { k: 2, batched: true, labels: ["a", "b", "c"] })
    assert.deepStrictEqual(output.shape, [2, 2])
    assert.strictEqual(output.datatype, "BYTES")
    assert.deepStrictEqual(strings(output.data), ["0.700000:1:b", "0.200000:2:c", "3.500000:2:c", "3.000000:0:a"])
  })

  it("gives no more than the elements of a row, and no label past the end of the list", () => {
    const output = classify(fp32([3], [1, 2, 3]), { k: 10, batched: false, labels: ["only"] })
    assert.deepStrictEqual(output.shape, [3])
    assert.deepStrictEqual(strings(output.data), ["3.000000:2", "2.000000:1", "1.000000:0:only"])
  })

  it("keeps the lower index first among equals and puts NaN last", () => {
    const output = classify(fp32([5], [NaN, 1, NaN, 1, 2]), { k: 5, batched: false, labels: undefined })
    assert.deepStrictEqual(strings(output.data), ["2.000000:4", "1.000000:1", "1.000000:3", "nan:0", "nan:2"])
  })

  it("prints 64-bit integers exactly", () => {
    const data = new Uint8Array(BigInt64Array.of(-9223372036854775808n, 9007199254740993n).buffer)
    const output = classify({ name: "O", datatype: "INT64", shape: [2], data }, {
      k: 2,
      batched: false,
      labels: undefined
    })
    assert.deepStrictEqual(strings(output.data), ["9007199254740993:1", "-9223372036854775808:0"])
  })

  it("agrees with a full sort", () =>
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 1, maxLength: 60 }),
        fc.nat(70),
        (values, k) => {
          const output = classify(fp32([values.length], values), { k, batched: false, labels: undefined })
          const expected = values.map((value, index) => ({ value, index }))
            .sort((a, b) => b.value - a.value || a.index - b.index).slice(0, k).map((each) => each.index)
          assert.deepStrictEqual(strings(output.data).map((text) => Number(text.split(":")[1])), expected)
        }
      ),
      { seed: 11 }
    ))

  it("refuses rows of more than a million elements", () => {
    const output = { name: "O", datatype: "UINT8" as const, shape: [1_000_001], data: new Uint8Array(1_000_001) }
    const result = Classification.classify(output, { k: 1, batched: false, labels: undefined })
    assert.strictEqual(Result.isFailure(result) && result.failure.message, "classification output tensor too large")
  })

  it("names the datatypes that have no class result", () => {
    assert.strictEqual(
      Classification.unsupported("FP16"),
      "class result not available for output due to unsupported type 'FP16'"
    )
    assert.strictEqual(Classification.unsupported("FP32"), undefined)
  })
})
