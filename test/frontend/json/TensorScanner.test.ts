import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { JsonScanner } from "../../../src/layers/frontend/internal/json/JsonScanner.ts"
import * as TensorScanner from "../../../src/layers/frontend/internal/json/TensorScanner.ts"
import type { DataType } from "../../../src/schema/DataType.ts"

const encoder = new TextEncoder()

const scanBytes = (bytes: Uint8Array, end: number, datatype: DataType, count: number): Uint8Array => {
  const scanner = new JsonScanner(bytes, end)
  const out = TensorScanner.scan(scanner, {
    name: "X",
    datatype,
    count,
    maxByteSize: 1 << 26,
    allocate: (byteLength) => new Uint8Array(byteLength)
  })
  assert.strictEqual(scanner.pos, end)
  return out
}

/** Scans text that is followed by digits, which must not be taken for a part of it, or by nothing. */
const scan = (text: string, datatype: DataType, count: number, padded = true): Uint8Array => {
  const json = encoder.encode(text)
  const bytes = new Uint8Array(json.length + (padded ? 80 : 0)).fill(0x37)
  bytes.set(json)
  return scanBytes(bytes, json.length, datatype, count)
}

const floats = (text: string, count: number, padded = true) =>
  Array.from(new Float32Array(scan(text, "FP32", count, padded).buffer))
const doubles = (text: string, count: number, padded = true) =>
  Array.from(new Float64Array(scan(text, "FP64", count, padded).buffer))

/** Long arrays, so that most elements are far from the end and take the fast path. */
const inTheMiddle = (literals: ReadonlyArray<string>) => `[${literals.join(",")},${"0,".repeat(80)}0]`

const message = (run: () => unknown): string => {
  try {
    run()
  } catch (thrown) {
    return `${(thrown as { readonly code: string }).code}: ${(thrown as Error).message}`
  }
  return assert.fail("accepted")
}

const decimal = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.float({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.double({ noNaN: true, min: -1000, max: 1000 }).map(String),
  fc.double({ noNaN: true, min: -1000, max: 1000 }).chain((v) =>
    fc.integer({ min: 1, max: 20 }).map((d) => v.toFixed(d))
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }).chain((v) =>
    fc.integer({ min: 0, max: 25 }).map((d) => v.toExponential(d))
  ),
  fc.tuple(fc.bigInt({ min: 0n, max: 10n ** 24n }), fc.integer({ min: -50, max: 50 })).map(([m, e]) => `${m}e${e}`),
  fc.tuple(fc.bigInt({ min: 0n, max: 10n ** 20n }), fc.bigInt({ min: 0n, max: 10n ** 20n })).map(([a, b]) =>
    `-${a}.${b}`
  ),
  fc.tuple(fc.nat(40), fc.bigInt({ min: 0n, max: 10n ** 19n })).map(([zeros, m]) => `0.${"0".repeat(zeros)}${m}`)
)

describe("TensorScanner", () => {
  it("rounds doubles as JSON.parse does", () => {
    fc.assert(
      fc.property(fc.array(decimal, { minLength: 1, maxLength: 40 }), (literals) => {
        const text = inTheMiddle(literals)
        const expected = JSON.parse(text) as ReadonlyArray<number>
        fc.pre(expected.every(Number.isFinite))
        assert.deepStrictEqual(doubles(text, expected.length), expected)
        assert.deepStrictEqual(
          doubles(`[${literals.join(" ,\n")}]`, literals.length, false),
          expected.slice(0, literals.length)
        )
      }),
      { numRuns: 2000 }
    )
  })

  it("rounds singles as Math.fround of JSON.parse does", () => {
    fc.assert(
      fc.property(fc.array(decimal, { minLength: 1, maxLength: 40 }), (literals) => {
        const text = inTheMiddle(literals)
        const expected = (JSON.parse(text) as ReadonlyArray<number>).map(Math.fround)
        fc.pre(expected.every(Number.isFinite))
        assert.deepStrictEqual(floats(text, expected.length), expected)
        assert.deepStrictEqual(
          floats(`[${literals.join(", ")}]`, literals.length, false),
          expected.slice(0, literals.length)
        )
      }),
      { numRuns: 2000 }
    )
  })

  it("rounds literals in the middle between two numbers correctly", () => {
    const halfway = [
      "9007199254740993",
      "9007199254740993.0",
      "9007199254740992.99",
      "0.1000000014901161193847656250",
      "1.00000005960464477539062",
      "1.00000005960464477",
      "1.000000059604644776",
      "16777217",
      "16777217.0000001",
      "1.0000000000000001110",
      "1.0000000000000001111",
      "123456789012345678",
      "0.30000000000000004",
      "5e-324",
      "1.4e-45",
      "0.7e-45",
      "1e-400",
      "3.4028235677973362e38",
      "-0",
      "-0.0",
      "0e999",
      "0.000000e-5"
    ]
    const text = inTheMiddle(halfway)
    const expected = JSON.parse(text) as ReadonlyArray<number>
    assert.deepStrictEqual(doubles(text, expected.length), expected)
    assert.deepStrictEqual(floats(text, expected.length), expected.map(Math.fround))
  })

  it("round-trips random singles and doubles in the form that clients print", () => {
    const bits = new Uint32Array(20000)
    let state = 12345
    for (let i = 0; i < bits.length; i++) bits[i] = state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    const singles = Array.from(new Float32Array(bits.buffer)).filter(Number.isFinite)
    assert.deepStrictEqual(floats(JSON.stringify(singles), singles.length), singles.map((v) => v === 0 ? 0 : v))
    const values = Array.from(new Float64Array(bits.buffer)).filter(Number.isFinite)
    assert.deepStrictEqual(doubles(JSON.stringify(values), values.length), values)
    const unit = Array.from(bits, (b, i) => (b + (bits[i ^ 1]! / 2 ** 32)) / 2 ** 32)
    assert.deepStrictEqual(doubles(JSON.stringify(unit), unit.length), unit)
  })

  it("accepts NaN and infinities for floats", () => {
    const values = [NaN, Infinity, Infinity, -Infinity, -Infinity, 1]
    assert.deepStrictEqual(floats("[NaN,Inf,Infinity,-Inf, -Infinity,1]", 6), values)
    assert.deepStrictEqual(doubles("[NaN, Inf ,Infinity,-Inf,-Infinity,1]", 6), values)
  })

  it("flattens whatever the nesting", () => {
    for (
      const text of [
        "[1,2,3,4,5,6]",
        "[[1,2,3],[4,5,6]]",
        "[[[1],2],[],[[3,[4]]],5,6]",
        "[ [ 1 , 2 ] ,\n[3,4,5,6\t]\r]"
      ]
    ) {
      assert.deepStrictEqual(floats(text, 6), [1, 2, 3, 4, 5, 6], text)
      assert.deepStrictEqual(Array.from(new Int32Array(scan(text, "INT32", 6).buffer)), [1, 2, 3, 4, 5, 6], text)
    }
    const nested = (depth: number) => `${"[".repeat(depth)}1${"]".repeat(depth)}`
    assert.deepStrictEqual(floats(nested(99), 1), [1])
    const deep = "JSON nesting depth exceeds maximum allowed limit (100)"
    assert.strictEqual(message(() => scan(nested(100), "FP32", 1)), `INVALID_ARG: Unable to parse 'data': ${deep}`)
    assert.strictEqual(message(() => scan(nested(100), "BYTES", 1)), `INVALID_ARG: ${deep}`)
  })

  const integers: ReadonlyArray<readonly [DataType, bigint, bigint]> = [
    ["UINT8", 0n, 255n],
    ["UINT16", 0n, 65535n],
    ["UINT32", 0n, 4294967295n],
    ["UINT64", 0n, 18446744073709551615n],
    ["INT8", -128n, 127n],
    ["INT16", -32768n, 32767n],
    ["INT32", -2147483648n, 2147483647n],
    ["INT64", -9223372036854775808n, 9223372036854775807n]
  ]
  const readBack = (datatype: DataType, data: Uint8Array): ReadonlyArray<bigint> => {
    const size = { 8: 1, 6: 2, 2: 4, 4: 8 }[datatype.slice(-1)]!
    const view = new DataView(data.buffer)
    return Array.from({ length: data.length / size }, (_, i) => {
      let value = 0n
      for (let k = size - 1; k >= 0; k--) value = (value << 8n) | BigInt(view.getUint8(i * size + k))
      return datatype.startsWith("U") ? value : BigInt.asIntN(size * 8, value)
    })
  }

  it("reads integers of every width exactly", () => {
    for (const [datatype, lowest, highest] of integers) {
      const value = fc.oneof(fc.bigInt({ min: lowest, max: highest }), fc.constantFrom(lowest, highest, 0n))
      fc.assert(
        fc.property(fc.array(value, { minLength: 1, maxLength: 30 }), (values) => {
          const text = inTheMiddle(values.map(String))
          assert.deepStrictEqual(
            readBack(datatype, scan(text, datatype, values.length + 81)).slice(0, values.length),
            values
          )
          assert.deepStrictEqual(
            readBack(datatype, scan(`[${values.join(", ")}]`, datatype, values.length, false)),
            values
          )
        }),
        { numRuns: 300 }
      )
    }
  })

  it("refuses what the datatype cannot hold, with input, index and range", () => {
    for (const [datatype, lowest, highest] of integers) {
      for (const literal of [lowest - 1n, highest + 1n, 10n ** 30n, -(10n ** 18n) * (lowest === 0n ? 1n : 1000n)]) {
        for (const text of [`[1,${literal}]`, inTheMiddle(["1", String(literal)])]) {
          assert.strictEqual(
            message(() => scan(text, datatype, 100)),
            `INVALID_ARG: Unable to parse 'data': element 1 of input 'X' is out of range for ${datatype}: expected ${lowest} to ${highest}`,
            text
          )
        }
      }
    }
    for (const literal of ["3.5e38", "-1e39", "1e308", "340282356779733661637539395458142568448"]) {
      for (const text of [`[0,0,${literal}]`, inTheMiddle(["0", "0", literal])]) {
        assert.strictEqual(
          message(() => scan(text, "FP32", 100)),
          "INVALID_ARG: Unable to parse 'data': element 2 of input 'X' is out of range for FP32: " +
            "expected -3.4028234663852886e+38 to 3.4028234663852886e+38"
        )
      }
    }
    assert.deepStrictEqual(floats("[3.4028235677973362e38]", 1), [3.4028234663852886e38])
  })

  it("refuses values of another kind", () => {
    const start = "INTERNAL: Unable to parse 'data': attempt to access JSON "
    const cases: ReadonlyArray<readonly [DataType, string, string]> = [
      ["INT32", "[1.0]", "non-signed-integer as signed-integer"],
      ["INT64", inTheMiddle(["1e2"]), "non-signed-integer as signed-integer"],
      ["INT8", inTheMiddle(["1.5"]), "non-signed-integer as signed-integer"],
      ["UINT8", "[5e0]", "non-unsigned-integer as unsigned-integer"],
      ["UINT32", "[\"5\"]", "non-unsigned-integer as unsigned-integer"],
      ["INT32", "[NaN]", "non-signed-integer as signed-integer"],
      ["INT32", "[true]", "non-signed-integer as signed-integer"],
      ["FP32", "[\"1\"]", "non-number as double"],
      ["FP64", "[null]", "non-number as double"],
      ["FP32", "[1,{}]", "non-number as double"],
      ["BOOL", "[1]", "non-boolean as boolean"],
      ["BOOL", "[true,\"true\"]", "non-boolean as boolean"],
      ["FP32", "1", "non-array as array"],
      ["BYTES", "\"a\"", "non-array as array"]
    ]
    for (const [datatype, text, reason] of cases) {
      assert.strictEqual(message(() => scan(text, datatype, 200)), start + reason, text)
    }
    assert.strictEqual(
      message(() => scan("[\"a\",1]", "BYTES", 2)),
      "INTERNAL: Unable to parse JSON bytes array: attempt to access JSON non-string as string"
    )
    for (const datatype of ["FP16", "BF16"] as const) {
      assert.strictEqual(
        message(() => scan("[1]", datatype, 1)),
        `INVALID_ARG: receiving ${datatype} data via JSON is not supported. Please use the binary data format for input X`
      )
    }
  })

  it("counts elements", () => {
    for (const datatype of ["FP32", "FP64", "INT32", "INT64", "UINT8"] as const) {
      for (const text of ["[1,2,3]", `[${"1,".repeat(100)}1]`]) {
        const count = text.split(",").length
        assert.strictEqual(
          message(() => scan(text, datatype, count - 1)),
          "INTERNAL: Unable to parse 'data': Shape does not match true shape of 'data' field"
        )
        const few = "INTERNAL: Failed to parse 'data' field: shape does not match true shape"
        assert.strictEqual(message(() => scan(text, datatype, count + 1)), few)
        assert.strictEqual(message(() => scan(text, datatype, 8000000)), few)
      }
    }
    assert.match(message(() => scan("[true,false]", "BOOL", 1)), /Shape does not match true shape/)
    assert.match(message(() => scan("[]", "BOOL", 1)), /shape does not match true shape/)
  })

  it("asks for no more memory than the text could fill, and not at all beyond the limit", () => {
    const bytes = encoder.encode("[1,2]")
    const asked: Array<number> = []
    const run = (count: number, maxByteSize: number) =>
      message(() =>
        TensorScanner.scan(new JsonScanner(bytes), {
          name: "X",
          datatype: "FP64",
          count,
          maxByteSize,
          allocate: (byteLength) => {
            asked.push(byteLength)
            return new Uint8Array(byteLength)
          }
        })
      )
    run(1000000, 1 << 26)
    assert.deepStrictEqual(asked, [24])
    assert.strictEqual(
      run(1000000, 7999999),
      "INVALID_ARG: JSON input 'X' has a byte_size (8000000 bytes) that exceeds the maximum allowed value of 7999999 bytes. " +
        "Use --http-max-input-size to increase the limit."
    )
    assert.deepStrictEqual(asked, [24])
  })

  it("reads strings into length and UTF-8", () => {
    assert.deepStrictEqual(Array.from(scan("[\"ab\", \"\"]", "BYTES", 2)), [2, 0, 0, 0, 0x61, 0x62, 0, 0, 0, 0])
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: "grapheme" }),
      fc.string({ unit: "binary" }),
      fc.string({ minLength: 60, maxLength: 300 })
    )
    const printed = (value: string) =>
      Array.from(value, (c) => {
        const escaped = JSON.stringify(c).slice(1, -1)
        return c === "/" ? "\\/" : c.codePointAt(0)! % 3 === 0
          ? Array.from(c.split(""), (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join("")
          : escaped
      }).join("")
    fc.assert(
      fc.property(fc.array(text, { maxLength: 20 }), (values) => {
        const data = scan(`[${values.map((value) => `"${printed(value)}"`).join(",")}]`, "BYTES", 1)
        const view = new DataView(data.buffer)
        let offset = 0
        const read: Array<string> = []
        while (offset < data.length) {
          const length = view.getUint32(offset, true)
          read.push(Buffer.from(data.buffer, offset + 4, length).toString())
          offset += 4 + length
        }
        assert.deepStrictEqual(read, values)
      }),
      { numRuns: 500 }
    )
  })

  it("reads texts of many windows, whatever stands at their edges", () => {
    let state = 7
    const next = (bound: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return Math.floor((state / 2 ** 32) * bound)
    }
    for (let round = 0; round < 6; round++) {
      const parts: Array<string> = []
      let length = 0
      let count = 0
      while (length < 200000) {
        const row: Array<string> = []
        for (let k = next(5); k >= 0; k--) {
          row.push(`${next(2) === 0 ? "-" : ""}${next(1000)}${round % 2 === 0 ? "" : `.${next(1e9)}`}`)
        }
        count += row.length
        const space = next(20) === 0 ? " ".repeat(next(600)) : next(1000) === 0 ? "\n".repeat(70000) : ""
        const nesting = next(50) === 0 ? next(90) : 1
        const part = `${"[".repeat(nesting)}${space}${row.join(`${space.slice(0, 300)},`)}${
          "]".repeat(nesting)
        }${space}`
        parts.push(part)
        length += part.length
      }
      const text = `[${parts.join(",")}]`
      const expected = (JSON.parse(text) as Array<unknown>).flat(Infinity) as Array<number>
      const positive = expected.map((v) => v === 0 ? 0 : v)
      assert.lengthOf(expected, count)
      assert.deepStrictEqual(doubles(text, count).map((v) => v === 0 ? 0 : v), positive)
      if (round % 2 === 0) {
        assert.deepStrictEqual(Array.from(new Int16Array(scan(text, "INT16", count).buffer)), positive)
      }
    }
    const long = `1.${"0".repeat(100000)}1`
    assert.deepStrictEqual(doubles(`[1,${long}, 2,${long}]`, 4), [1, 1, 2, 1])
  })

  it("reads booleans", () => {
    assert.deepStrictEqual(Array.from(scan("[[true, false],[true]]", "BOOL", 3)), [1, 0, 1])
  })

  it("neither hangs nor reads past the end, whatever the bytes", () => {
    const datatype = fc.constantFrom<DataType>("FP32", "FP64", "INT32", "UINT64", "INT8", "BOOL", "BYTES")
    const piece = fc.constantFrom(
      "[",
      "]",
      ",",
      "1",
      "-",
      "0",
      ".",
      "e",
      "E",
      "+",
      "123456789",
      "\"",
      "\\",
      "true",
      "NaN",
      " ",
      "Inf",
      "{",
      "}",
      ":"
    )
    fc.assert(
      fc.property(datatype, fc.array(piece, { maxLength: 60 }), fc.nat(40), (type, pieces, count) => {
        const json = encoder.encode(`[${pieces.join("")}`)
        for (const padding of [0x31, 0x2c, 0x5d, 0x22]) {
          const bytes = new Uint8Array(json.length + 100).fill(padding)
          bytes.set(json)
          const scanner = new JsonScanner(bytes, json.length)
          try {
            TensorScanner.scan(scanner, {
              name: "X",
              datatype: type,
              count: count + 1,
              maxByteSize: 1 << 20,
              allocate: (byteLength) => new Uint8Array(byteLength)
            })
          } catch (thrown) {
            assert.property(thrown, "code")
            continue
          }
          assert.isAtMost(scanner.pos, json.length)
          const skipped = new JsonScanner(json)
          skipped.skip()
          assert.strictEqual(skipped.pos, scanner.pos)
        }
      }),
      { numRuns: 5000 }
    )
  })
})
