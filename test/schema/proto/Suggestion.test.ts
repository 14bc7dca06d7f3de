import { assert, describe, it } from "@effect/vitest"
import { nearest } from "../../../src/schema/proto/Suggestion.ts"

const types = [
  "TYPE_INVALID",
  "TYPE_BOOL",
  "TYPE_INT32",
  "TYPE_INT64",
  "TYPE_FP16",
  "TYPE_FP32",
  "TYPE_FP64",
  "TYPE_STRING"
]
const controls = ["START", "READY", "END", "CORRID"].map((name) => `CONTROL_SEQUENCE_${name}`)

describe("suggestions", () => {
  const found: ReadonlyArray<readonly [name: string, names: ReadonlyArray<string>, meant: string | undefined]> = [
    ["CONTROL_SEQUENCE_BEGIN", controls, "CONTROL_SEQUENCE_START"],
    ["CONTROL_SEQUENCE_REDY", controls, "CONTROL_SEQUENCE_READY"],
    ["TYPE_FLOAT32", types, "TYPE_FP32"],
    ["TYPE_FLOAT", types, "TYPE_FP32"],
    ["float16", types, "TYPE_FP16"],
    ["TYPE_DOUBLE", types, "TYPE_FP64"],
    ["TYPE_BOOLEAN", types, "TYPE_BOOL"],
    ["TYPE_BYTES", types, "TYPE_STRING"],
    ["FP32", types, "TYPE_FP32"],
    ["TYPE_FP23", types, "TYPE_FP32"],
    ["begin", ["begins", "end"], "begins"],
    ["TYPE_QUATERNION", types, undefined]
  ]
  for (const [name, names, meant] of found) {
    it(`takes ${name} for ${String(meant)}`, () => assert.strictEqual(nearest(name, names), meant))
  }
})
