import { assert, describe, it } from "@effect/vitest"
import { page, type ValuesModule } from "./Page.ts"

const Values = await page<ValuesModule>("values.js")

describe("values of the form", () => {
  it("fill the shape that a model declares", () => {
    assert.deepStrictEqual(Values.suggest([-1, 16]), [1, 16])
    assert.deepStrictEqual(Values.readShape("2 × 16", [-1, 16]), [2, 16])
    assert.deepStrictEqual(Values.readShape("[2,16]", [-1, 16]), [2, 16])
    assert.deepStrictEqual(Values.readShape("", []), [])
    assert.strictEqual(Values.readShape("2 × 15", [-1, 16]), "Dimension 2 of the shape is 16.")
    assert.strictEqual(Values.readShape("2", [-1, 16]), "The shape has 2 dimensions, such as 1 × 16.")
    assert.strictEqual(Values.readShape("-1 × 16", [-1, 16]), "-1 is no size of a dimension.")
    assert.strictEqual(
      Values.readShape("9000000", [-1]),
      "9,000,000 values are too many for this page: use a client."
    )
  })

  it("are of the kind that the model takes, and read as they were written", () => {
    assert.deepStrictEqual(Values.fill("counting", "UINT8", 258).slice(-3), ["255", "0", "1"])
    assert.deepStrictEqual(Values.fill("counting", "BOOL", 3), ["false", "true", "false"])
    assert.deepStrictEqual(Values.fill("ones", "BYTES", 2), ["\"1\"", "\"1\""])
    for (const datatype of ["BOOL", "UINT8", "INT64", "FP32", "BYTES"]) {
      for (const filling of ["counting", "zeros", "ones", "random"] as const) {
        const elements = Values.fill(filling, datatype, 5)
        assert.deepStrictEqual(Values.read(datatype, Values.write(datatype, elements), 5), elements, datatype)
      }
    }
  })

  it("keep every digit, and are refused with what is wrong", () => {
    assert.deepStrictEqual(Values.read("INT64", "9223372036854775807 -1", 2), ["9223372036854775807", "-1"])
    assert.deepStrictEqual(Values.read("FP32", "[1.5, NaN],\n[-Infinity 1e-3]", 4), ["1.5", "NaN", "-Infinity", "1e-3"])
    assert.deepStrictEqual(Values.read("BYTES", "a \"quoted\" line\n\n", 2), ["\"a \\\"quoted\\\" line\"", "\"\""])
    assert.deepStrictEqual(Values.read("INT32", "007 -00 0 10", 4), ["7", "-0", "0", "10"])
    assert.deepStrictEqual(Values.read("FP32", "007.50 00.1", 2), ["7.50", "0.1"])
    assert.deepStrictEqual(Values.read("BYTES", "007", 1), ["\"007\""])
    for (const elements of [[], ["\"\""], ["\"a\"", "\"\""], ["\"\"", "\"\""]]) {
      assert.deepStrictEqual(Values.read("BYTES", Values.write("BYTES", elements), elements.length), elements)
    }
    assert.strictEqual(Values.read("BYTES", "a", 0), "The shape asks for 0 values, and there are 1.")
    assert.strictEqual(Values.read("INT32", "1, 2.5", 2), "“2.5” is no INT32.")
    assert.strictEqual(Values.read("BOOL", "1", 1), "“1” is no BOOL.")
    assert.strictEqual(Values.read("FP32", "1", 2), "The shape asks for 2 values, and there are 1.")
  })

  it("of answers are shown with what JSON has no words for", () => {
    const answer = Values.parseAnswer(
      "{\"id\":\"NaN 12345678901234567890 \\\"\",\"data\":[NaN,-Infinity,9223372036854775807,1.5,12345678901234567890.5]}"
    )
    assert.deepStrictEqual(answer, {
      id: "NaN 12345678901234567890 \"",
      data: ["NaN", "-Infinity", "9223372036854775807", 1.5, 12345678901234567890.5]
    })
    const fractions = "[0.10000000149011612,-1.7976931348623157e308,1e-7,2.2250738585072014E-308,0.3000000000000000444]"
    assert.deepStrictEqual(Values.parseAnswer(fractions), JSON.parse(fractions))
    assert.strictEqual(Values.showRows([1, 2, 3, 0.123456789], [2, 2], 10), "1  2\n3  0.123457")
    assert.strictEqual(Values.showRows(["\u202ea", "b"], [2], 2), "\u2068\u202ea\u2069  b")
    assert.strictEqual(Values.showRows([1, 2, 3, 4], [2, 2], 3), "1  2\n3")
  })
})
