import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { createHash } from "node:crypto"
import { readdir, readFile } from "node:fs/promises"
import * as IndexRepository from "../../src/layers/repository/IndexRepository.ts"
import * as TemporaryRepository from "./TemporaryRepository.ts"

const write = (root: string) => Effect.provide(IndexRepository.write(root), TemporaryRepository.platform)

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex")

describe("IndexRepository", () => {
  it.effect("names every file of every model with its size and its hash, and nothing else", () =>
    Effect.gen(function*() {
      const elsewhere = yield* TemporaryRepository.make({ weights: "elsewhere" })
      const root = yield* TemporaryRepository.make({
        "b/1/model.onnx": "bb",
        "a/config.pbtxt": "",
        "a/1/net/model.onnx": "a",
        "a/1/net/weights": { link: `${elsewhere}/weights` },
        "README.md": "of the folder",
        "index.json": "an old one"
      })
      const { file } = yield* write(root)
      assert.strictEqual(file, `${root}/index.json`)
      const expected = {
        format: "galatea-repository",
        version: 1,
        models: [
          {
            name: "a",
            files: [
              { path: "1/net/model.onnx", size: 1, sha256: sha256("a") },
              { path: "1/net/weights", size: 9, sha256: sha256("elsewhere") },
              { path: "config.pbtxt", size: 0, sha256: sha256("") }
            ]
          },
          { name: "b", files: [{ path: "1/model.onnx", size: 2, sha256: sha256("bb") }] }
        ]
      }
      assert.deepStrictEqual(JSON.parse(yield* Effect.promise(() => readFile(file, "utf8"))), expected)
      assert.deepStrictEqual((yield* Effect.promise(() => readdir(root))).sort(), ["README.md", "a", "b", "index.json"])
    }))

  it.effect("says why a folder cannot be indexed, and leaves the index as it was", () =>
    Effect.gen(function*() {
      const failure = (tree: TemporaryRepository.Tree) =>
        Effect.gen(function*() {
          const root = yield* TemporaryRepository.make({ "index.json": "an old one", ...tree })
          const { message } = yield* Effect.flip(write(root))
          assert.strictEqual(yield* Effect.promise(() => readFile(`${root}/index.json`, "utf8")), "an old one")
          return message
        })
      assert.include(yield* failure({}), "there are no models in")
      assert.include(yield* failure({ "net.onnx": "" }), "there are no models in")
      assert.include(yield* failure({ "a/1/gone": { link: "nowhere" } }), "broken symbolic link or no permission")
      assert.include(yield* failure({ "a/1/loop": { link: ".." } }), "are there loops of symbolic links?")
      assert.include(yield* failure({ "a/1/b\\c": "" }), "has control characters, backslashes")
      assert.include((yield* Effect.flip(write("/nowhere/at/all"))).message, "failed to stat file /nowhere/at/all")
    }))
})
