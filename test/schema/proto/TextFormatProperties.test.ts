import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import { fromJson, toJson } from "../../../src/schema/proto/ConfigJson.ts"
import { parseModelConfig } from "../../../src/schema/proto/TextFormat.ts"
import { printModelConfig } from "../../../src/schema/proto/TextFormatPrinter.ts"
import { anyConfig } from "./ConfigArbitrary.ts"

const parse = (text: string | Uint8Array) => parseModelConfig(text, { path: "config.pbtxt" })

// A mark in the text of a config: what a hand would get wrong.
const slips = [
  "{",
  "}",
  "[",
  "]",
  "<",
  ":",
  ",",
  ";",
  "\"",
  "'",
  "-",
  "0",
  "x",
  "\\",
  "\n",
  "#",
  "\u0000",
  "\ufeff",
  "é"
]

describe("text format, any config", () => {
  it("parses what it prints, to the same config", () => {
    fc.assert(
      fc.property(anyConfig, (config) => {
        const parsed = Result.getOrThrow(parse(printModelConfig(config)))
        assert.deepStrictEqual(parsed.config, config)
        assert.deepStrictEqual(parsed.warnings, [])
      }),
      { numRuns: 200 }
    )
  })

  it("reads from JSON what it writes as JSON", () => {
    fc.assert(
      fc.property(anyConfig, (config) => {
        const read = Result.getOrThrow(fromJson(toJson(config)))
        // JSON has no negative zero in this form, and a `-0` in the text is a `0` there.
        assert.strictEqual(toJson(read), toJson(config))
      }),
      { numRuns: 200 }
    )
  })

  it("refuses by an error, never by an exception, whatever the bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      const result = parse(bytes)
      if (Result.isFailure(result)) assert.isString(result.failure.pretty)
    }))
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
      assert.isTrue(Result.isResult(parse(text)))
      assert.isTrue(Result.isResult(fromJson(text)))
    }))
  })

  it("refuses by an error, never by an exception, when a config is damaged anywhere", () => {
    fc.assert(
      fc.property(
        anyConfig,
        fc.array(fc.tuple(fc.nat(), fc.nat(3), fc.constantFrom(...slips)), { minLength: 1, maxLength: 4 }),
        (config, damage) => {
          for (const text of [printModelConfig(config), toJson(config)]) {
            let damaged = text
            for (const [at, removed, slip] of damage) {
              const index = damaged.length === 0 ? 0 : at % damaged.length
              damaged = damaged.slice(0, index) + slip + damaged.slice(index + removed)
            }
            const result = parse(damaged)
            if (Result.isFailure(result)) {
              const { column, line, sourceLine } = result.failure
              assert.isAtLeast(line, 1)
              assert.isAtMost(line, damaged.split("\n").length)
              assert.isAtMost(column, Array.from(sourceLine).length + 2)
              assert.include(result.failure.pretty, "^")
            }
            assert.isTrue(Result.isResult(fromJson(damaged)))
          }
        }
      ),
      { numRuns: 300 }
    )
  })

  it("bounds nesting", () => {
    assert.isTrue(Result.isFailure(parse("{".repeat(100_000))))
    assert.isTrue(Result.isFailure(parse("parameters {".repeat(100_000))))
    const deep = Result.flip(fromJson(`{"input":${"[".repeat(100_000)}`))
    assert.strictEqual(Result.getOrThrow(deep).message, "Invalid config override: nested deeper than 100 levels")
  })
})
