import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import * as Npy from "../../../src/schema/npy/Npy.ts"

/** Files that NumPy wrote: `test/fixtures/npy/samples.py`. */
const samples = JSON.parse(
  readFileSync(new URL("../../fixtures/npy/samples.json", import.meta.url), "utf8")
) as Record<string, string>

const file = (name: string): Uint8Array => Buffer.from(samples[name]!, "base64")

const counted = [0, 1, 2, 3, 4, 5]

describe("a .npy file", () => {
  for (
    const [name, datatype, shape, data] of [
      ["int32", "INT32", [2, 3], Int32Array.from(counted)],
      ["big-endian float32", "FP32", [2, 3], Float32Array.from(counted, (value) => value / 2)],
      ["Fortran float64", "FP64", [2, 3], Float64Array.from(counted)],
      ["Fortran cube int16", "INT16", [2, 3, 4], Int16Array.from({ length: 24 }, (_, i) => i)],
      ["version 2 uint64", "UINT64", [2, 3], BigUint64Array.from(counted, BigInt)],
      ["version 3 int8", "INT8", [2, 3], Int8Array.from(counted)],
      ["bool", "BOOL", [2], Uint8Array.of(1, 0)],
      ["float16", "FP16", [2], Uint16Array.of(0x3c00, 0x3800)],
      ["texts", "BYTES", [3], ["aä", "😀", ""]],
      ["big-endian texts", "BYTES", [2], ["aä", "b"]],
      ["scalar int64", "INT64", [], BigInt64Array.of(7n)],
      ["empty float32", "FP32", [0, 4], new Float32Array(0)]
    ] as const
  ) {
    it(`is read: ${name}`, () => {
      const read = Npy.read(file(name))
      assert.deepStrictEqual([read.datatype, read.shape, read.data], [datatype, [...shape], data])
    })
  }

  it("of byte strings is read without what fills them up", () => {
    const { data } = Npy.read(file("byte strings"))
    assert.deepStrictEqual(
      (data as ReadonlyArray<Uint8Array>).map((element) => Buffer.from(element).toString()),
      ["ab", "c", ""]
    )
  })

  it("is refused where no tensor is like it", () => {
    assert.throws(() => Npy.read(file("object")), "holds elements of NumPy's type '|O', which no tensor has")
    assert.throws(() => Npy.read(file("complex")), "holds elements of NumPy's type '<c16', which no tensor has")
    assert.throws(() => Npy.read(file("record")), "holds records of several fields, which no tensor has")
  })

  it("is refused where it is damaged", () => {
    const whole = file("int32")
    assert.throws(
      () => Npy.read(whole.subarray(0, whole.length - 1)),
      "has 23 bytes of data, and its shape (2, 3) of '<i4' needs 24"
    )
    assert.throws(() => Npy.read(whole.subarray(0, 40)), "ends inside its header")
    assert.throws(() => Npy.read(whole.subarray(0, 8)), "is no .npy file")
    const later = Uint8Array.from(whole)
    later[6] = 4
    assert.throws(() => Npy.read(later), "is a .npy file of version 4; versions 1 to 3 are known")
  })

  it("is written as NumPy writes it", () => {
    assert.deepStrictEqual(Npy.write("INT32", [2, 3], Int32Array.from(counted)), Uint8Array.from(file("int32")))
    assert.deepStrictEqual(Npy.write("BOOL", [2], [true, false]), Uint8Array.from(file("bool")))
    assert.deepStrictEqual(Npy.write("FP16", [2], new Float16Array([1, 0.5])), Uint8Array.from(file("float16")))
    assert.deepStrictEqual(Npy.write("BYTES", [3], ["aä", "😀", ""]), Uint8Array.from(file("texts")))
    assert.deepStrictEqual(Npy.write("FP32", [0, 4], new Float32Array(0)), Uint8Array.from(file("empty float32")))
  })
})
