import { assert, describe, it } from "@effect/vitest"
import { type InferenceServerError, tensor } from "../../src/client/Client.ts"

const refusal = (make: () => unknown): string => {
  try {
    make()
  } catch (error) {
    assert.strictEqual((error as InferenceServerError).code, "INVALID_ARG")
    return (error as Error).message
  }
  return assert.fail("it was taken")
}

describe("tensor", () => {
  it("reads the datatype off the class of the values", () => {
    const classes = [
      [new Int8Array(1), "INT8"],
      [new Uint8Array(1), "UINT8"],
      [new Uint8ClampedArray(1), "UINT8"],
      [new Int16Array(1), "INT16"],
      [new Uint16Array(1), "UINT16"],
      [new Int32Array(1), "INT32"],
      [new Uint32Array(1), "UINT32"],
      [new BigInt64Array(1), "INT64"],
      [new BigUint64Array(1), "UINT64"],
      [new Float16Array(1), "FP16"],
      [new Float32Array(1), "FP32"],
      [new Float64Array(1), "FP64"],
      [[true], "BOOL"],
      [["a"], "BYTES"],
      [[new Uint8Array(1)], "BYTES"]
    ] as const
    for (const [values, datatype] of classes) {
      assert.deepStrictEqual(tensor(values as Int8Array), { datatype, shape: [1], data: values } as never)
    }
  })

  it("reads the shape of nested arrays", () => {
    assert.deepStrictEqual(tensor("FP32", [[1, 2, 3], [4, 5, 6]]), {
      datatype: "FP32",
      shape: [2, 3],
      data: [1, 2, 3, 4, 5, 6]
    })
    assert.deepStrictEqual(tensor("BYTES", [[["a"]]]).shape, [1, 1, 1])
    assert.deepStrictEqual<ReadonlyArray<number>>(tensor("FP32", [[], []]).shape, [2, 0])
    assert.strictEqual(
      refusal(() => tensor("FP32", [[1, 2], [3]])),
      "nested arrays differ in shape: [2] and [1]"
    )
  })

  it("wants a datatype for plain numbers", () => {
    assert.include(refusal(() => tensor([1, 2] as never)), "tensor(\"FP32\", values, shape)")
  })
})
