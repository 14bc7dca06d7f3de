import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as TensorText from "../../../src/layers/telemetry/tracefile/TensorText.ts"
import * as Tensor from "../../../src/schema/Tensor.ts"

const text = (tensor: Tensor.Tensor, maxLength = 1000) => {
  const rendered = TensorText.render(tensor, maxLength)
  return typeof rendered === "string" ? `(${rendered})` : rendered.text
}
const of = (values: Tensor.TypedArray) => text(Tensor.from("T", [values.length], values))

describe("values in the trace file", () => {
  it("are numbers with commas between, for every datatype that has them", () => {
    assert.strictEqual(of(new Int32Array([1, -2, 3])), "1,-2,3")
    assert.strictEqual(of(new Int8Array([65, -1])), "65,-1")
    assert.strictEqual(of(new Uint8Array([65, 255])), "65,255")
    assert.strictEqual(of(new Int16Array([-32768])), "-32768")
    assert.strictEqual(of(new Uint16Array([65535])), "65535")
    assert.strictEqual(of(new Uint32Array([4294967295])), "4294967295")
    assert.strictEqual(of(new BigInt64Array([-9223372036854775808n])), "-9223372036854775808")
    assert.strictEqual(of(new BigUint64Array([18446744073709551615n])), "18446744073709551615")
    assert.strictEqual(
      of(new Float32Array([0.1, 1e-7, 1.5, 16777216, NaN, Infinity, -Infinity, -0])),
      "0.1,1e-7,1.5,16777216,nan,inf,-inf,-0"
    )
    assert.strictEqual(of(new Float64Array([0.1, 1 / 3])), "0.1,0.3333333333333333")
    assert.strictEqual(text(Tensor.fromBooleans("T", [2], [true, false])), "1,0")
    assert.strictEqual(of(new Int32Array(0)), "")
  })

  it("are read from wherever the bytes lie", () => {
    const memory = new Uint8Array(9)
    memory.set(new Uint8Array(Float32Array.of(1.25, -3).buffer), 1)
    assert.strictEqual(text({ name: "T", datatype: "FP32", shape: [2], data: memory.subarray(1) }), "1.25,-3")
  })

  it("of strings are JSON strings; what is no text is left out as a whole", () => {
    assert.strictEqual(text(Tensor.fromStrings("T", [2], ["a\"b", "ü,"])), "\"a\\\"b\",\"ü,\"")
    assert.strictEqual(text(Tensor.fromStrings("T", [1], [Uint8Array.of(0xff)])), "(not text)")
  })

  it("of 16-bit floats are empty, as in Triton", () => {
    for (const datatype of ["FP16", "BF16"] as const) {
      assert.strictEqual(text({ name: "T", datatype, shape: [1], data: new Uint8Array(2) }), "")
    }
  })

  it("that take more room than there is are left out", () => {
    assert.strictEqual(text(Tensor.from("T", [500], new Int32Array(500)), 999), "0,".repeat(499) + "0")
    assert.strictEqual(text(Tensor.from("T", [501], new Int32Array(501)), 999), "(too long)")
    assert.strictEqual(text(Tensor.from("T", [1_000_000], new Int32Array(1_000_000)), 10), "(too long)")
  })

  it("read back as the floats that they were", () => {
    fc.assert(fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
      assert.isTrue(Object.is(Math.fround(Number(of(Float32Array.of(value)))), value))
    }))
  })
})
