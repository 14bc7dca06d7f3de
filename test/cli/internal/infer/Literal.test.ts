import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Literal from "../../../../src/layers/cli/internal/infer/Literal.ts"
import type { DataType } from "../../../../src/schema/DataType.ts"

const read = (datatype: DataType, text: string) => {
  const literal = Literal.fromText(datatype, text)
  return Result.isSuccess(literal) ? [literal.success.shape, literal.success.values] : literal.failure
}

describe("a value of the command line", () => {
  it("is one number, or several with commas", () => {
    assert.deepStrictEqual(read("FP32", "-1.5e3"), [[], [-1500]])
    assert.deepStrictEqual(read("INT32", "1, 2,3"), [[3], [1, 2, 3]])
    assert.deepStrictEqual(read("FP32", "NaN,inf,-Infinity"), [[3], [NaN, Infinity, -Infinity]])
    assert.deepStrictEqual(read("BOOL", "true,0,1"), [[3], [true, false, true]])
  })

  it("is exact beyond 53 bits", () => {
    assert.deepStrictEqual(read("INT64", "9007199254740993"), [[], [9007199254740993n]])
    assert.deepStrictEqual(read("UINT64", "[18446744073709551615]"), [[1], [18446744073709551615n]])
  })

  it("is JSON of any nesting", () => {
    assert.deepStrictEqual(read("FP32", "[[1,2],[3,4]]"), [[2, 2], [1, 2, 3, 4]])
    assert.deepStrictEqual(read("FP32", "[]"), [[0], []])
    assert.strictEqual(read("FP32", "[[1,2],[3]]"), "its lists differ in shape: [2] and [1]")
  })

  it("is any text for BYTES, or JSON of strings", () => {
    assert.deepStrictEqual(read("BYTES", "hello, world"), [[], ["hello, world"]])
    assert.deepStrictEqual(read("BYTES", ""), [[], [""]])
    assert.deepStrictEqual(read("BYTES", "[not json"), [[], ["[not json"]])
    assert.deepStrictEqual(read("BYTES", "[\"a\",\"b\"]"), [[2], ["a", "b"]])
    assert.deepStrictEqual(read("BYTES", "\"[1]\""), [[], ["[1]"]])
  })

  it("is refused where it is none of the datatype", () => {
    assert.strictEqual(read("INT32", "one"), "'one' is no value of INT32")
    assert.strictEqual(read("INT32", ""), "'' is no value of INT32")
    assert.include(String(read("FP32", "[1,")), "JSON")
  })
})
