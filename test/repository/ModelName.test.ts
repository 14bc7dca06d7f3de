import { assert, describe, it } from "@effect/vitest"
import * as ModelName from "../../src/layers/repository/internal/ModelName.ts"

describe("ModelName", () => {
  it("allows any text that is one path segment", () => {
    for (const name of ["simple", "my model", "résnet-50_v1.5", ".git", "..a", "模型"]) {
      assert.isUndefined(ModelName.problemOf(name), name)
    }
  })

  it("refuses path traversal, control characters and nothing at all", () => {
    for (
      const name of ["", "  ", ".", "..", "a/b", "../a", "a\\b", "a\nb", "a\u0000", "\u007f", "a\u0085", "a\ufffd"]
    ) {
      assert.isString(ModelName.problemOf(name), JSON.stringify(name))
    }
    assert.strictEqual(
      ModelName.problemOf(".."),
      "invalid model name '..', model name must not contain path traversal characters"
    )
    assert.isFalse(/\n/.test(ModelName.problemOf("a\nb")!), "a control character stays out of the message")
  })

  it("derives a name from a file's", () => {
    const cases = [
      ["model.onnx", "model", false],
      ["resnet-50.v1.ONNX", "resnet-50.v1", false],
      ["my model (1).onnx", "my_model__1_", true],
      [".onnx", "model", true],
      ["...onnx", "model", true],
      ["模型.onnx", "模型", false]
    ] as const
    for (const [file, name, changed] of cases) {
      assert.deepStrictEqual(ModelName.fromFile(file), { name, changed })
      assert.isUndefined(ModelName.problemOf(name))
    }
  })
})
