import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { readFileSync } from "node:fs"
import type { ModelDescriptions } from "../../../../src/client/Client.ts"
import * as Drift from "../../../../src/layers/cli/internal/codegen/Drift.ts"
import * as Module from "../../../../src/layers/cli/internal/codegen/Module.ts"

const golden = readFileSync(new URL("../../../fixtures/codegen/models.ts", import.meta.url), "utf8")

const models: ModelDescriptions = {
  "odd \"name\"": {
    inputs: { "input:0": { datatype: "BYTES", shape: [-1] } },
    outputs: { class: { datatype: "INT64", shape: [-1, 3, 224] } }
  },
  simple: {
    inputs: {
      INPUT0: { datatype: "INT32", shape: [-1, 16] },
      INPUT1: { datatype: "INT32", shape: [-1, 16], optional: true }
    },
    outputs: {
      OUTPUT0: { datatype: "INT32", shape: [-1, 16] },
      OUTPUT1: { datatype: "FP16", shape: [-1, 16] }
    }
  },
  silent: { inputs: {}, outputs: {} }
}

describe("the module that is written", () => {
  it("is as it was", () => {
    assert.strictEqual(Module.render(models), golden)
  })

  it("can be read again, however it was formatted", () => {
    assert.deepStrictEqual(Result.getOrThrow(Module.read(golden)), models)
    const others = golden
      .replaceAll("\"INT32\"", "'INT32'")
      .replaceAll("[-1, 16]", "[ -1,\n 16, ]")
      .replaceAll("simple: {", "'simple' : { // two numbers\n /* each\n of them */")
    assert.deepStrictEqual(Result.getOrThrow(Module.read(others)), models)
  })

  it("has names with control characters, and what turns text round, in escapes", () => {
    const odd = { "a\u202e\u2028\x9b\n": { inputs: {}, outputs: {} } }
    const text = Module.render(odd)
    assert.include(text, "\"a\\u202e\\u2028\\u009b\\n\": {")
    assert.deepStrictEqual(Result.getOrThrow(Module.read(text)), odd)
  })

  it("is refused where it is another file", () => {
    const reason = (text: string) => Result.getOrThrow(Result.flip(Module.read(text)))
    assert.strictEqual(reason("export const x = {}"), "it has no `export const models =`")
    assert.strictEqual(
      reason("export const models = { a: 1 }"),
      "its `models` are not as `galatea codegen` writes them"
    )
    assert.strictEqual(reason("\nexport const models = {\n a: f() }"), "line 3 has an unexpected 'f'")
    assert.strictEqual(reason("export const models = { ...a }"), "line 1 is not as `galatea codegen` writes it")
    assert.strictEqual(reason("export const models = { a: {}"), "line 1 is not as `galatea codegen` writes it")
  })
})

describe("drift", () => {
  it("is nothing where only the order changed", () => {
    assert.deepStrictEqual(Drift.between(models, Object.fromEntries(Object.entries(models).toReversed())), [])
  })

  it("names each difference", () => {
    assert.deepStrictEqual(
      Drift.between(models, {
        fresh: { inputs: {}, outputs: {} },
        silent: { inputs: { X: { datatype: "BOOL", shape: [1] } }, outputs: {} },
        simple: {
          inputs: {
            INPUT0: { datatype: "INT64", shape: [-1, 16] },
            INPUT1: { datatype: "INT32", shape: [-1, 16] }
          },
          outputs: { OUTPUT0: { datatype: "INT32", shape: [-1, 8] } }
        }
      }),
      [
        "odd \"name\" is gone",
        "simple: input INPUT0 was INT32[-1,16], is INT64[-1,16]",
        "simple: input INPUT1 was INT32[-1,16], optional, is INT32[-1,16]",
        "simple: output OUTPUT0 was INT32[-1,16], is INT32[-1,8]",
        "simple: output OUTPUT1 is gone, it was FP16[-1,16]",
        "silent: input X is new: BOOL[1]",
        "fresh is new"
      ]
    )
  })
})
