import { assert, describe, it } from "@effect/vitest"
import * as Elements from "../../src/client/internal/Elements.ts"
import type { DataType } from "../../src/schema/DataType.ts"

const fail = (problem: string) => new Error(problem)
const encode = (datatype: DataType, values: unknown) => Elements.encode(datatype, values, fail)
const refused = (datatype: DataType, values: unknown): string => {
  try {
    encode(datatype, values)
  } catch (error) {
    return (error as Error).message
  }
  return assert.fail("it was taken")
}

describe("elements as bytes", () => {
  it("are those of the typed array, without a copy", () => {
    const values = new Float32Array([0, 1, 2, 3]).subarray(1)
    const bytes = encode("FP32", values)
    assert.strictEqual(bytes.buffer, values.buffer)
    assert.deepStrictEqual([bytes.byteOffset, bytes.byteLength], [4, 12])
  })

  it("take numbers that fit, and no others", () => {
    assert.deepStrictEqual([...encode("INT8", [-128, 127])], [128, 127])
    assert.deepStrictEqual([...encode("UINT64", [1, 18446744073709551615n])].slice(0, 9), [1, 0, 0, 0, 0, 0, 0, 0, 255])
    assert.strictEqual(refused("INT8", [128]), "is INT8 but element 0 is 128; the values go from -128 to 127")
    assert.strictEqual(refused("UINT32", [1, -1]), "is UINT32 but element 1 is -1; the values go from 0 to 4294967295")
    assert.strictEqual(refused("INT32", [0.5]), "is INT32 but element 0 is 0.5, which is no exact integer")
    assert.strictEqual(
      refused("INT64", [2 ** 60]),
      "is INT64 but element 0 is 1152921504606847000, which is no exact integer"
    )
    assert.strictEqual(refused("INT64", [1n << 63n]).slice(0, 44), "is INT64 but element 0 is 922337203685477580")
    assert.strictEqual(refused("FP32", [1n]), "is FP32 but element 0 is of type bigint")
    assert.strictEqual(refused("FP32", ["1"]), "is FP32 but element 0 is of type string")
  })

  it("take only the class of their datatype", () => {
    assert.strictEqual(
      refused("FP32", new Float64Array(1)),
      "is FP32 but its data is a Float64Array; give a Float32Array"
    )
    assert.strictEqual(refused("BF16", [1]), "is BF16 but its data is an Array; give a Uint16Array with the bits")
    assert.strictEqual(
      refused("BYTES", new Uint8Array(1)),
      "is BYTES but its data is a Uint8Array; give an array of strings or Uint8Arrays"
    )
    assert.strictEqual(refused("BOOL", [1]), "is BOOL but element 0 is of type number")
    assert.deepStrictEqual([...encode("FP16", new Uint16Array([0x3c00]))], [0, 0x3c])
  })
})

describe("bytes as elements", () => {
  const decode = (datatype: DataType, bytes: Uint8Array<ArrayBuffer>, count: number, strings = true) =>
    Elements.decode(datatype, bytes, count, strings, fail)

  it("are viewed where they are aligned, else copied", () => {
    const bytes = new Uint8Array(new Float32Array([1, 2, 3]).buffer)
    const aligned = decode("FP32", bytes.subarray(4), 2) as Float32Array
    assert.strictEqual(aligned.buffer, bytes.buffer)
    assert.deepStrictEqual([...aligned], [2, 3])
    const shifted = new Uint8Array(13)
    shifted.set(bytes, 1)
    const copied = decode("FP32", shifted.subarray(1), 3) as Float32Array
    assert.notStrictEqual(copied.buffer, shifted.buffer)
    assert.deepStrictEqual([...copied], [1, 2, 3])
  })

  it("must be as many as the shape needs", () => {
    assert.throws(() => decode("INT64", new Uint8Array(12), 2), /^has 12 bytes where its shape needs 16$/)
    const strings = encode("BYTES", ["ab", "c"]) as Uint8Array<ArrayBuffer>
    assert.deepStrictEqual(decode("BYTES", strings, 2), ["ab", "c"])
    assert.throws(() => decode("BYTES", strings, 1), /^has 5 bytes behind the 1 elements that its shape needs$/)
    assert.throws(() => decode("BYTES", strings, 3), /^ends inside element 2 of the 3 that its shape needs$/)
    assert.throws(() => decode("BYTES", strings.subarray(0, 5), 1), /^ends inside element 0 /)
  })

  it("are strings only where they are UTF-8", () => {
    const bytes = encode("BYTES", [Uint8Array.of(0xff)]) as Uint8Array<ArrayBuffer>
    assert.throws(
      () => decode("BYTES", bytes, 1),
      /^has an element 0 that is not UTF-8; ask with bytesAs: "Uint8Array"$/
    )
    assert.deepStrictEqual(decode("BYTES", bytes, 1, false), [Uint8Array.of(0xff)])
  })
})
