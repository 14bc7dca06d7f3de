import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import type { StoredFile } from "../../../src/layers/repository/sources/Store.ts"
import * as StoredModels from "../../../src/layers/repository/sources/StoredModels.ts"

const root = "s3://bucket"

const fileOf = (path: string): StoredFile => ({ path, size: 1, identity: path, sha256: undefined })

const read = (...paths: ReadonlyArray<string>) => Result.getOrThrow(StoredModels.read(root, paths.map(fileOf)))

describe("StoredModels", () => {
  it("takes what has files below it for a model", () => {
    const { listing, models } = read("b/1/model.onnx", "a/config.pbtxt", "README.md", ".git/HEAD", "a/1/deep/er/x")
    assert.deepStrictEqual(listing.models.map(({ directory, name }) => [name, directory]), [
      [".git", `${root}/.git`],
      ["a", `${root}/a`],
      ["b", `${root}/b`]
    ])
    assert.deepStrictEqual(models.get("a")?.files.map(({ below }) => below), ["config.pbtxt", "1/deep/er/x"])
  })

  it("refuses a model with a file that would lie elsewhere, and keeps the others", () => {
    const cases: ReadonlyArray<readonly [path: string, problem: string]> = [
      ["m/../../etc/passwd", "leads out of its folder"],
      ["m/1/..", "leads out of its folder"],
      ["m/./model.onnx", "leads out of its folder"],
      ["m//model.onnx", "has an empty name in its path"],
      ["m/1\\..\\..\\x", "has control characters, backslashes"],
      ["m/1/a\u0000b", "has control characters, backslashes"],
      ["m/1/line\nfeed", "has control characters, backslashes"],
      ["m/1/\ufffd", "has control characters, backslashes"],
      [`m/1/${"é".repeat(128)}`, "has a name of more than 255 bytes"]
    ]
    for (const [path, problem] of cases) {
      const { listing, models } = read("good/1/model.onnx", "m/1/model.onnx", path)
      assert.deepStrictEqual(listing.models.map(({ name }) => name), ["good"], path)
      assert.isFalse(models.has("m"))
      const [failure] = listing.failures
      assert.strictEqual(failure?.model, "m")
      assert.include(failure?.message, problem)
      assert.notMatch(failure?.message ?? "", /[\u0000-\u001f]/)
    }
  })

  it("refuses names that no model can have", () => {
    for (const path of ["../m/1/x", "/m/1/x", "./x/1", "a\u0001b/1/x", "a\\b/1/x"]) {
      const { listing, models } = read("good/1/model.onnx", path)
      assert.deepStrictEqual([...models.keys()], ["good"], path)
      assert.strictEqual(listing.failures.length, 1)
    }
  })

  it("refuses a path that is a file and a folder, or is there twice", () => {
    assert.include(read("m/1", "m/1/model.onnx").listing.failures[0]?.message, "'m/1' is a file and a folder at once")
    assert.include(read("m/1/x", "m/1/x").listing.failures[0]?.message, "file 'm/1/x' is listed twice")
  })

  it("serves one model file that is alone, with what lies beside it", () => {
    const { listing, models } = read("net.onnx", "net.onnx.data")
    assert.deepStrictEqual(listing.models, [{ name: "net", directory: root, file: `${root}/net.onnx` }])
    assert.deepStrictEqual(models.get("net")?.files.map(({ below }) => below), ["net.onnx", "net.onnx.data"])
    assert.strictEqual(models.get("net")?.file, "net.onnx")
    assert.isTrue(Result.isFailure(StoredModels.read(root, [fileOf("a.onnx"), fileOf("b.onnx")])))
  })

  it("says that there is nothing", () => {
    assert.deepStrictEqual(read().listing.warnings.map(({ message }) => message), [
      `repository '${root}' is empty: is it the right address?`
    ])
  })
})
