/** Equal contents have equal hashes, and every kind of change shows. */
import { NodeServices } from "@effect/platform-node"
import { assert, it } from "@effect/vitest"
import { Effect, FileSystem, Path, Result } from "effect"
import * as ContentHash from "../../src/layers/repository/internal/ContentHash.ts"

const tree = Effect.fnUntraced(function*(files: Readonly<Record<string, string>>) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const root = yield* fs.makeTempDirectoryScoped()
  for (const [name, text] of Object.entries(files)) {
    yield* fs.makeDirectory(path.dirname(path.join(root, name)), { recursive: true })
    yield* fs.writeFileString(path.join(root, name), text)
  }
  return root
})

const files = { "config.pbtxt": "a", "1/model.onnx": "b", "1/weights/w.bin": "c" }

it.layer(NodeServices.layer)("ContentHash", (it) => {
  it.effect("is equal for equal contents in other places", () =>
    Effect.gen(function*() {
      assert.strictEqual(
        yield* ContentHash.hashTree(yield* tree(files)),
        yield* ContentHash.hashTree(yield* tree(files))
      )
    }))

  it.effect.each<readonly [string, Readonly<Record<string, string>>]>([
    ["another content", { ...files, "1/weights/w.bin": "d" }],
    ["another file", { ...files, "1/weights/v.bin": "" }],
    ["another name", { "config.pbtxt": "a", "2/model.onnx": "b", "2/weights/w.bin": "c" }],
    ["another place", { "config.pbtxt": "a", "1/model.onnx": "b", "1/w.bin": "c" }]
  ])("shows %s", ([, changed]) =>
    Effect.gen(function*() {
      assert.notStrictEqual(
        yield* ContentHash.hashTree(yield* tree(changed)),
        yield* ContentHash.hashTree(yield* tree(files))
      )
    }))

  it.effect("counts a link that leads nowhere, and fails for a loop of links", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const root = yield* tree(files)
      const before = yield* ContentHash.hashTree(root)
      yield* fs.symlink(path.join(root, "nowhere"), path.join(root, "broken"))
      assert.notStrictEqual(yield* ContentHash.hashTree(root), before)
      yield* fs.symlink(root, path.join(root, "1", "loop"))
      const looped = yield* Effect.result(ContentHash.hashTree(root))
      assert.isTrue(Result.isFailure(looped) && looped.failure.message.includes("loop"))
    }))

  it.effect("reads a file no oftener than asked for", () =>
    Effect.gen(function*() {
      const root = yield* tree(files)
      const asked: Array<string> = []
      const known = (file: string) => Effect.sync(() => String(asked.push(file)))
      yield* ContentHash.hashTree(root, known)
      assert.lengthOf(asked, 3)
    }))
})
