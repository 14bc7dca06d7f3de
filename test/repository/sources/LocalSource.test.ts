import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer } from "effect"
import { TestClock } from "effect/testing"
import { stat, utimes } from "node:fs/promises"
import * as RepositorySources from "../../../src/layers/repository/RepositorySources.ts"
import { RepositorySource } from "../../../src/services/RepositorySource.ts"
import * as TemporaryRepository from "../TemporaryRepository.ts"

const open = (root: string) => Effect.flatMap(RepositorySource, (sources) => sources.open(root))

/** The platform, noting every file whose contents are read. */
const watched = (read: Array<string>) =>
  Layer.fresh(RepositorySources.layer).pipe(
    Layer.provideMerge(Layer.effect(
      FileSystem.FileSystem,
      Effect.map(FileSystem.FileSystem, (fs) => ({
        ...fs,
        open: (path: string, options?: Parameters<typeof fs.open>[1]) =>
          Effect.suspend(() => {
            read.push(path)
            return fs.open(path, options)
          })
      }))
    )),
    Layer.provideMerge(TemporaryRepository.platform)
  )

describe("LocalSource", () => {
  it.effect("is one source for all spellings of a root", () =>
    Effect.gen(function*() {
      const root = yield* TemporaryRepository.make({ "a/1": null })
      const source = yield* open(root)
      assert.strictEqual(source.root, root)
      assert.strictEqual(yield* open(`${root}/../${root.split("/").at(-1)}/`), source)
    }).pipe(Effect.provide(TemporaryRepository.platform)))

  it.effect("has a fingerprint for each entry of a model, which changes with the contents below it alone", () =>
    Effect.gen(function*() {
      const root = yield* TemporaryRepository.make({ "a/1/model.onnx": "one", "a/config.pbtxt": "", "b/1/x": "" })
      const source = yield* open(root)
      const first = yield* source.fingerprint("a")
      assert.deepStrictEqual([...first.keys()], ["1", "config.pbtxt"])
      yield* Effect.promise(() => utimes(`${root}/a/1/model.onnx`, 1, 1))
      assert.deepStrictEqual(yield* source.fingerprint("a"), first)
      yield* TemporaryRepository.write(root, { "a/1/model.onnx": "two" })
      const second = yield* source.fingerprint("a")
      assert.notStrictEqual(second.get("1"), first.get("1"))
      assert.strictEqual(second.get("config.pbtxt"), first.get("config.pbtxt"))
      assert.strictEqual((yield* Effect.flip(source.fingerprint("missing"))).code, "NOT_FOUND")
      assert.strictEqual((yield* Effect.flip(source.fingerprint("../a"))).code, "NOT_FOUND")
    }).pipe(Effect.provide(TemporaryRepository.platform)))

  it.effect("reads a file again only where it may have changed", () => {
    const read: Array<string> = []
    return Effect.gen(function*() {
      const root = yield* TemporaryRepository.make({ "a/1/model.onnx": "one", "a/2/model.onnx": "two" })
      const source = yield* open(root)
      // Too fresh to be sure: another write within the clock's grain would leave no trace.
      const { ctimeMs } = yield* Effect.promise(() => stat(`${root}/a/2/model.onnx`))
      yield* TestClock.setTime(ctimeMs + 1000)
      yield* source.fingerprint("a")
      yield* source.fingerprint("a")
      assert.strictEqual(read.length, 4)
      yield* TestClock.adjust("1 hour")
      const before = yield* source.fingerprint("a")
      read.length = 0
      assert.deepStrictEqual(yield* source.fingerprint("a"), before)
      assert.deepStrictEqual(read, [])
      yield* TemporaryRepository.write(root, { "a/2/model.onnx": "222" })
      assert.notDeepEqual(yield* source.fingerprint("a"), before)
      assert.deepStrictEqual(read, [`${root}/a/2/model.onnx`])
    }).pipe(Effect.provide(watched(read)))
  })

  it.effect("opens a model where it lies, and a bare file by its own name", () =>
    Effect.gen(function*() {
      const root = yield* TemporaryRepository.make({ "a/1/model.onnx": "" })
      assert.deepStrictEqual(yield* (yield* open(root)).open("a"), { directory: `${root}/a`, file: undefined })
      const bare = yield* open(`${root}/a/1`)
      const place = { directory: `${root}/a/1`, file: `${root}/a/1/model.onnx` }
      assert.deepStrictEqual(yield* bare.open("model"), place)
      assert.deepStrictEqual([...(yield* bare.fingerprint("model")).keys()], ["model.onnx"])
    }).pipe(Effect.provide(TemporaryRepository.platform)))
})
