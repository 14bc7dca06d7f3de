import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Elements from "../../../src/layers/repository/internal/golden/Elements.ts"
import type { DataType } from "../../../src/schema/DataType.ts"
import type { Tensor } from "../../../src/schema/Inference.ts"
import * as Tensors from "../../../src/schema/Tensor.ts"

const tensor = (datatype: DataType, json: string): Tensor => {
  const values = Elements.flatten(Result.getOrThrow(Elements.parseJson(json)) as ReadonlyArray<unknown>)!
  return { name: "x", datatype, shape: [values.length], data: Result.getOrThrow(Elements.encode(datatype, values)) }
}

const values = (datatype: DataType, json: string) =>
  Array.from<unknown>(Tensors.values(tensor(datatype, json), datatype))

describe("elements of golden tensors", () => {
  it("are read exactly, in the order of their lists", () => {
    assert.deepStrictEqual(values("FP32", "[[1, 2.5], [\"NaN\", \"-Infinity\"]]"), [1, 2.5, NaN, -Infinity])
    assert.deepStrictEqual(values("FP16", "[\"Infinity\", 0.5]"), [Infinity, 0.5])
    assert.deepStrictEqual(values("FP64", "[12345678901234567890, 0.1234567890123456]"), [
      12345678901234567890,
      0.1234567890123456
    ])
    assert.deepStrictEqual(values("INT8", "[[[-128], [127]]]"), [-128, 127])
    assert.deepStrictEqual(values("UINT32", "[4294967295]"), [4294967295])
    assert.deepStrictEqual(values("INT64", "[-9223372036854775808, 1]"), [-9223372036854775808n, 1n])
    assert.deepStrictEqual(values("UINT64", "[18446744073709551615]"), [18446744073709551615n])
    assert.deepStrictEqual(values("BOOL", "[true, false]"), [1, 0])
    assert.deepStrictEqual(values("BYTES", "[\"\", \"βγ\"]"), ["", "βγ"])
    assert.deepStrictEqual(values("FP32", "[]"), [])
  })

  it("that a datatype does not have are refused by name", () => {
    const cases: ReadonlyArray<readonly [datatype: DataType, json: string, reason: string]> = [
      ["FP32", "[1, \"1\"]", "element 1 is \"1\": FP32 expects numbers, or \"NaN\", \"Infinity\" and \"-Infinity\""],
      ["FP32", "[null]", "element 0 is null: FP32 expects numbers, or \"NaN\", \"Infinity\" and \"-Infinity\""],
      ["INT8", "[1, 128]", "element 1 is 128: INT8 expects whole numbers from -128 to 127"],
      ["UINT8", "[-1]", "element 0 is -1: UINT8 expects whole numbers from 0 to 255"],
      ["INT32", "[1.5]", "element 0 is 1.5: INT32 expects whole numbers from -2147483648 to 2147483647"],
      [
        "INT64",
        "[9223372036854775808]",
        "element 0 is 9223372036854775808: INT64 expects whole numbers from -9223372036854775808 to 9223372036854775807"
      ],
      ["BOOL", "[true, 1]", "element 1 is 1: BOOL expects true or false"],
      ["BYTES", "[1]", "element 0 is 1: BYTES expects strings"],
      ["BF16", "[1]", "BF16 has no numbers in JSON: put its bytes into a 'data_file'"]
    ]
    for (const [datatype, json, reason] of cases) {
      const parsed = Result.getOrThrow(Elements.parseJson(json)) as ReadonlyArray<unknown>
      assert.deepStrictEqual(Elements.encode(datatype, parsed), Result.fail(reason))
    }
    assert.isTrue(Result.isFailure(Elements.parseJson("{")))
  })
})
