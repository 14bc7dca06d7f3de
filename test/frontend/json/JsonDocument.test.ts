import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import { parseDocument } from "../../../src/layers/frontend/internal/json/JsonDocument.ts"
import { JsonDouble, JsonObject, type JsonValue } from "../../../src/layers/frontend/internal/json/JsonValue.ts"

const encoder = new TextEncoder()
const bytesOf = (text: string | Uint8Array) => typeof text === "string" ? encoder.encode(text) : text

const parse = (text: string | Uint8Array): JsonValue => Result.getOrThrow(parseDocument(bytesOf(text)))

const failure = (text: string | Uint8Array) => {
  const result = parseDocument(bytesOf(text))
  return Result.isFailure(result) ? result.failure : assert.fail(`accepted: ${String(text)}`)
}

const syntax = (text: string | Uint8Array): string => {
  const error = failure(text)
  assert.strictEqual(error._tag, "MalformedRequest")
  const start = "failed to parse the request JSON buffer: "
  assert.isTrue(error.message.startsWith(start), error.message)
  return error.message.slice(start.length)
}

/** The value as `JSON.parse` would give it, without the sign of zeros (integer literals have none). */
const plain = (value: JsonValue): unknown => {
  if (value instanceof JsonDouble) return value.value + 0
  if (typeof value === "bigint") return Number(value)
  if (Array.isArray(value)) return (value as ReadonlyArray<JsonValue>).map(plain)
  if (value instanceof JsonObject) {
    const out = Object.create(null) as Record<string, unknown>
    value.keys.forEach((key, i) => {
      if (!(key in out)) out[key] = plain(value.values[i]!)
    })
    return out
  }
  return value
}

const withoutPrototype = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withoutPrototype)
  if (value === null || typeof value !== "object") return Object.is(value, -0) ? 0 : value
  const out = Object.create(null) as Record<string, unknown>
  for (const key of Object.keys(value)) out[key] = withoutPrototype((value as Record<string, unknown>)[key])
  return out
}

describe("JsonDocument", () => {
  it("names what is wrong and the byte offset", () => {
    const cases: ReadonlyArray<readonly [string, string]> = [
      ["", "The document is empty. at 0"],
      ["  \n", "The document is empty. at 3"],
      ["{} x", "The document root must not be followed by other values. at 3"],
      ["[]]", "The document root must not be followed by other values. at 2"],
      ["{}\u0000", "The document root must not be followed by other values. at 2"],
      ["abc", "Invalid value. at 0"],
      ["[1,]", "Invalid value. at 3"],
      ["[", "Invalid value. at 1"],
      ["[tru]", "Invalid value. at 4"],
      ["[nul", "Invalid value. at 4"],
      ["[-]", "Invalid value. at 2"],
      ["[+1]", "Invalid value. at 1"],
      ["[.5]", "Invalid value. at 1"],
      ["[Nan]", "Invalid value. at 3"],
      ["[Infi]", "Invalid value. at 5"],
      ["// c", "Invalid value. at 0"],
      ["{1:2}", "Missing a name for object member. at 1"],
      ["{\"a\":1,}", "Missing a name for object member. at 7"],
      ["{", "Missing a name for object member. at 1"],
      ["{\"a\" 1}", "Missing a colon after a name of object member. at 5"],
      ["{\"a\":1 \"b\"", "Missing a comma or '}' after an object member. at 7"],
      ["{\"a\":1", "Missing a comma or '}' after an object member. at 6"],
      ["[1 2]", "Missing a comma or ']' after an array element. at 3"],
      ["[01]", "Missing a comma or ']' after an array element. at 2"],
      ["[1", "Missing a comma or ']' after an array element. at 2"],
      ["[\"\\u12G4\"]", "Incorrect hex digit after \\u escape in string. at 2"],
      ["[\"\\ud800\"]", "The surrogate pair in string is invalid. at 2"],
      ["[\"\\udc00\"]", "The surrogate pair in string is invalid. at 2"],
      ["[\"\\ud800\\u0041\"]", "The surrogate pair in string is invalid. at 2"],
      ["[\"a\\x\"]", "Invalid escape character in string. at 3"],
      ["[\"a\nb\"]", "Invalid escape character in string. at 3"],
      ["[\"a\u0000b\"]", "Missing a closing quotation mark in string. at 3"],
      ["[\"abc", "Missing a closing quotation mark in string. at 5"],
      ["[\"\\", "Invalid escape character in string. at 2"],
      ["[1e999]", "Number too big to be stored in double. at 1"],
      ["[-1e309]", "Number too big to be stored in double. at 1"],
      [`[${"9".repeat(310)}]`, "Number too big to be stored in double. at 1"],
      ["[1.]", "Miss fraction part in number. at 3"],
      ["[1.e5]", "Miss fraction part in number. at 3"],
      ["[1e]", "Miss exponent in number. at 3"],
      ["[1e+]", "Miss exponent in number. at 4"]
    ]
    for (const [text, reason] of cases) assert.strictEqual(syntax(text), reason, text)
  })

  it("counts offsets in bytes, from the start of the body", () => {
    assert.strictEqual(syntax("[\"é\" x]"), "Missing a comma or ']' after an array element. at 6")
    assert.strictEqual(syntax("\ufeff[x]"), "Invalid value. at 4")
  })

  it("skips a byte order mark", () => {
    assert.deepStrictEqual(parse("\ufeff [1]"), [1])
    assert.strictEqual(syntax("\ufeff"), "The document is empty. at 3")
  })

  it("reads the literals that are no JSON", () => {
    const values = parse("[NaN,-NaN,Inf,-Inf,Infinity,-Infinity]") as ReadonlyArray<JsonDouble>
    assert.deepStrictEqual(values.map((value) => value.value), [NaN, NaN, Infinity, -Infinity, Infinity, -Infinity])
  })

  it("keeps integers exact and apart from other numbers", () => {
    assert.deepStrictEqual(
      parse("[0,-0,12345678901,9007199254740993,-9223372036854775808,18446744073709551615]"),
      [0, 0, 12345678901, 9007199254740993n, -9223372036854775808n, 18446744073709551615n]
    )
    const doubles = parse("[1.0,1e2,18446744073709551616,-9223372036854775809,0.5]") as ReadonlyArray<JsonValue>
    for (const value of doubles) assert.instanceOf(value, JsonDouble)
  })

  it("lets the first of duplicate keys win and lists all", () => {
    const value = parse("{\"a\":1,\"b\":2,\"a\":3}") as JsonObject
    assert.strictEqual(value.get("a"), 1)
    assert.deepStrictEqual(value.keys, ["a", "b", "a"])
    assert.isUndefined(value.get("c"))
    const many = parse(`{${Array.from({ length: 20 }, (_, i) => `"k${i % 10}":${i}`).join(",")}}`) as JsonObject
    assert.strictEqual(many.get("k3"), 3)
    assert.isFalse(many.has("k10"))
  })

  it("refuses nesting of 100 and reads nesting of 99", () => {
    const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth)
    parse(nested(99))
    const error = failure(nested(100))
    assert.strictEqual(error._tag, "InvalidRequest")
    assert.strictEqual(error.message, "JSON nesting depth exceeds maximum allowed limit (100)")
    assert.strictEqual(failure("{\"a\":".repeat(200000))._tag, "InvalidRequest")
  })

  it("refuses text that is not UTF-8 and says where", () => {
    const cases: ReadonlyArray<readonly [ReadonlyArray<number>, number]> = [
      [[0x22, 0xff, 0x22], 1],
      [[0x22, 0x61, 0xc3, 0x22], 2],
      [[0x22, 0xc3, 0xa9, 0xed, 0xa0, 0x80, 0x22], 3],
      [[0x22, 0xc0, 0x80, 0x22], 1]
    ]
    for (const [bytes, offset] of cases) {
      const error = failure(Uint8Array.from(bytes))
      assert.strictEqual(error._tag, "InvalidRequest")
      assert.strictEqual(
        error.message,
        `request JSON is not valid UTF-8: unexpected byte at ${offset}. JSON must be encoded as UTF-8.`
      )
    }
  })

  it("reads over shared memory", () => {
    const text = encoder.encode("{\"a\":[\"é\\n\",\"a string that is much longer than what the cache keeps\",1.5]}")
    const bytes = new Uint8Array(new SharedArrayBuffer(text.length))
    bytes.set(text)
    assert.deepEqual(plain(parse(bytes)), withoutPrototype(JSON.parse(new TextDecoder().decode(text))))
  })

  it("gives what JSON.parse gives", () => {
    const text = fc.oneof(
      fc.json(),
      fc.jsonValue({ noUnicodeString: false }).map((value) => JSON.stringify(value, null, 2)),
      fc.array(fc.double({ noNaN: true, noDefaultInfinity: true })).map((values) => JSON.stringify(values))
    )
    fc.assert(
      fc.property(text, (json) => {
        fc.pre(!/\\u[dD][89a-fA-F]/.test(json))
        assert.deepEqual(plain(parse(json)), withoutPrototype(JSON.parse(json)))
      }),
      { numRuns: 1000 }
    )
  })

  it("refuses what JSON.parse refuses, whatever the bytes", () => {
    const json = fc.jsonValue().map((value) => encoder.encode(JSON.stringify(value)))
    const edit = fc.record({
      at: fc.nat(),
      kind: fc.nat(2),
      byte: fc.oneof(fc.nat(255), fc.constantFrom(...encoder.encode("\"\\[]{},:0-.eEu ")))
    })
    fc.assert(
      fc.property(json, fc.array(edit, { minLength: 1, maxLength: 3 }), (bytes, edits) => {
        let changed = [...bytes]
        for (const { at, byte, kind } of edits) {
          const i = at % (changed.length + 1)
          changed.splice(i, kind === 0 ? 0 : 1, ...(kind === 2 ? [] : [byte]))
        }
        const text = Uint8Array.from(changed)
        const result = parseDocument(text)
        let expected: unknown
        try {
          expected = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(text))
        } catch {
          if (Result.isSuccess(result)) {
            assert.match(new TextDecoder().decode(text), /NaN|Inf/)
          }
          return
        }
        if (Result.isSuccess(result)) {
          if (!hasDuplicates(result.success)) assert.deepEqual(plain(result.success), withoutPrototype(expected))
        } else {
          assert.match(result.failure.message, /surrogate|too big/)
        }
      }),
      { numRuns: 5000 }
    )
  })
})

const hasDuplicates = (value: JsonValue): boolean =>
  value instanceof JsonObject
    ? new Set(value.keys).size !== value.keys.length || value.values.some(hasDuplicates)
    : Array.isArray(value) && (value as ReadonlyArray<JsonValue>).some(hasDuplicates)
