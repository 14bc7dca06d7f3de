import { assert, describe, it } from "@effect/vitest"
import * as Tensor from "../../src/schema/Tensor.ts"

describe("Tensor", () => {
  const arrays: ReadonlyArray<readonly [array: Tensor.TypedArray, datatype: keyof Tensor.ValuesByDataType]> = [
    [Uint8Array.of(0, 255), "UINT8"],
    [Uint16Array.of(0, 65535), "UINT16"],
    [Uint32Array.of(0, 4294967295), "UINT32"],
    [BigUint64Array.of(0n, 2n ** 64n - 1n), "UINT64"],
    [Int8Array.of(-128, 127), "INT8"],
    [Int16Array.of(-32768, 32767), "INT16"],
    [Int32Array.of(-2147483648, 2147483647), "INT32"],
    [BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n), "INT64"],
    [Float16Array.of(0.5, -2), "FP16"],
    [Float32Array.of(0.5, NaN), "FP32"],
    [Float64Array.of(Math.PI, -0), "FP64"]
  ]

  it("has the datatype of its array, and gives the same values back", () => {
    for (const [array, datatype] of arrays) {
      const tensor = Tensor.from("X", [2], array)
      assert.strictEqual(tensor.datatype, datatype)
      assert.strictEqual(tensor.data.buffer, array.buffer)
      assert.deepStrictEqual(Tensor.values(tensor, datatype), array)
    }
  })

  it("is not made of what is no typed array", () => {
    const wrong: ReadonlyArray<readonly [values: unknown, got: string]> = [
      [[true], "an array"],
      [undefined, "undefined"],
      [null, "null"],
      [5, "a number"],
      ["Uint8Array", "a string"],
      [new ArrayBuffer(4), "an object of kind ArrayBuffer"],
      [new DataView(new ArrayBuffer(4)), "an object of kind DataView"],
      [Uint8ClampedArray.of(1), "an object of kind Uint8ClampedArray"]
    ]
    for (const [values, got] of wrong) {
      assert.throws(
        () => Tensor.from("X", [1], values as Uint8Array),
        `tensor 'X': expected a typed array, got ${got}: Tensor.fromBooleans for BOOL, Tensor.fromStrings for STRING`
      )
    }
  })

  it("takes the part of the memory that its array covers", () => {
    const all = Int32Array.of(1, 2, 3, 4)
    const tensor = Tensor.from("X", [2], all.subarray(1, 3))
    assert.deepStrictEqual(Tensor.values(tensor, "INT32"), Int32Array.of(2, 3))
    all[1] = 7
    assert.strictEqual(Tensor.values(tensor, "INT32")[0], 7)
  })

  it("reads values at any place, and from shared memory", () => {
    for (const [array, datatype] of arrays) {
      const bytes = new Uint8Array(array.buffer)
      const memory = new Uint8Array(new SharedArrayBuffer(bytes.byteLength + 1))
      memory.set(bytes, 1)
      assert.deepStrictEqual(
        Tensor.values(Tensor.fromBytes("X", datatype, [2], memory.subarray(1)), datatype),
        array
      )
    }
  })

  it("holds booleans as bytes", () => {
    const tensor = Tensor.fromBooleans("X", [3], [true, false, true])
    assert.strictEqual(tensor.datatype, "BOOL")
    assert.deepStrictEqual(Tensor.values(tensor, "BOOL"), Uint8Array.of(1, 0, 1))
  })

  it("holds texts as UTF-8, and bytes as they are", () => {
    const tensor = Tensor.fromStrings("X", [4], ["", "grün", "\u{feff}a", Uint8Array.of(65, 66)])
    assert.strictEqual(tensor.datatype, "BYTES")
    assert.deepStrictEqual(Tensor.values(tensor, "BYTES"), ["", "grün", "\u{feff}a", "AB"])
    const shared = new Uint8Array(new SharedArrayBuffer(tensor.data.byteLength))
    shared.set(tensor.data)
    assert.deepStrictEqual(Tensor.values({ ...tensor, data: shared }, "BYTES"), ["", "grün", "\u{feff}a", "AB"])
    assert.throws(() => Tensor.values(Tensor.fromStrings("X", [1], [Uint8Array.of(255)]), "BYTES"), TypeError)
  })

  it("says that there is no tensor to read", () => {
    const inputs: Readonly<Record<string, Tensor.Tensor>> = {}
    assert.throws(
      () => Tensor.values(inputs["X"]!, "FP32"),
      "expected a tensor of FP32, got undefined: there is none of that name"
    )
  })

  it("says which datatype a tensor has that is read as another one", () => {
    assert.throws(
      () => Tensor.values(Tensor.from("X", [1], Int32Array.of(1)), "FP32"),
      "tensor 'X' is INT32, not FP32"
    )
  })
})
