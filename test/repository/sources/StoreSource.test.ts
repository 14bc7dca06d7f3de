import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { readFile } from "node:fs/promises"
import { refused, unreachable } from "../../../src/layers/repository/sources/Store.ts"
import * as TemporaryRepository from "../TemporaryRepository.ts"
import * as MemoryStore from "./MemoryStore.ts"

const read = (file: string) => Effect.promise(() => readFile(file, "utf8"))

const files = { "m/config.pbtxt": "", "m/1/model.onnx": "one", "m/2/model.onnx": "two", "n/1/model.onnx": "one" }

const test = <E>(
  title: string,
  effect: () => Effect.Effect<void, E, Scope.Scope | TemporaryRepository.Platform>
) => it.effect(title, () => Effect.provide(effect(), TemporaryRepository.platform))

/** Runs an effect while the test's time passes, which does not wait for disks. */
const elapse = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>) {
  const fiber = yield* Effect.forkChild(effect)
  const running = yield* Effect.forkChild(
    TestClock.adjust("100 millis").pipe(
      Effect.andThen(Effect.promise(() => new Promise(setImmediate))),
      Effect.forever
    )
  )
  const result = yield* Fiber.join(fiber)
  yield* Fiber.interrupt(running)
  return result
})

describe("StoreSource", () => {
  test("lists models, and gives each entry of one a fingerprint that changes with what lies below it", () =>
    Effect.gen(function*() {
      const memory = MemoryStore.make(files)
      const source = yield* MemoryStore.source(memory, yield* MemoryStore.folder)
      const { failures, models, warnings } = yield* source.list
      assert.deepStrictEqual(models, [
        { name: "m", directory: "memory://store/m", file: undefined },
        { name: "n", directory: "memory://store/n", file: undefined }
      ])
      assert.deepStrictEqual([failures, warnings], [[], []])
      const before = yield* source.fingerprint("m")
      assert.deepStrictEqual([...before.keys()], ["1", "2", "config.pbtxt"])
      memory.files.set("m/2/model.onnx", "two again")
      assert.deepStrictEqual(yield* source.fingerprint("m"), before)
      yield* source.list
      const after = yield* source.fingerprint("m")
      assert.strictEqual(after.get("1"), before.get("1"))
      assert.notStrictEqual(after.get("2"), before.get("2"))
      assert.deepStrictEqual(memory.log, ["list", "list"])
      assert.strictEqual((yield* Effect.flip(source.fingerprint("none"))).code, "NOT_FOUND")
    }))

  test("opens a model's files in a folder that goes with the scope, and fetches what is the same once", () =>
    Effect.gen(function*() {
      const memory = MemoryStore.make(files)
      const folder = yield* MemoryStore.folder
      const source = yield* MemoryStore.source(memory, folder)
      const scope = yield* Scope.make()
      const { directory } = yield* Scope.provide(source.open("m"), scope)
      assert.strictEqual(yield* read(`${directory}/1/model.onnx`), "one")
      assert.strictEqual(yield* read(`${directory}/2/model.onnx`), "two")
      assert.strictEqual(yield* read(`${directory}/config.pbtxt`), "")
      const again = yield* Effect.scoped(source.open("m"))
      assert.notStrictEqual(again.directory, directory)
      assert.strictEqual(memory.log.length, 4)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* MemoryStore.entries(folder, "sessions")).length, 1)
      assert.deepStrictEqual(
        (yield* MemoryStore.entries(folder, "blobs")).sort(),
        ["", "one", "two"].map(MemoryStore.sha256).sort()
      )
    }))

  test("fetches nothing that the cache has under its hash, also for another store", () =>
    Effect.gen(function*() {
      const folder = yield* MemoryStore.folder
      const first = MemoryStore.make({ "m/1/model.onnx": "one" })
      yield* Effect.flatMap(MemoryStore.source(first, folder), (source) => Effect.scoped(source.open("m")))
      const second = MemoryStore.make({ "other/7/net.onnx": "one" })
      second.hashes = true
      const source = yield* MemoryStore.source(second, folder)
      const { directory } = yield* source.open("other")
      assert.strictEqual(yield* read(`${directory}/7/net.onnx`), "one")
      assert.deepStrictEqual(second.log, ["list"])
    }))

  test("lists again where what was listed has changed", () =>
    Effect.gen(function*() {
      const memory = MemoryStore.make({ "m/1/model.onnx": "one" })
      const source = yield* MemoryStore.source(memory, yield* MemoryStore.folder)
      yield* source.list
      memory.files.set("m/1/model.onnx", "another")
      const { directory } = yield* source.open("m")
      assert.strictEqual(yield* read(`${directory}/1/model.onnx`), "another")
      assert.deepStrictEqual(memory.log, ["list", "m/1/model.onnx", "list", "m/1/model.onnx"])
    }))

  test("fetches a file once for all who wait for it", () =>
    Effect.gen(function*() {
      const memory = MemoryStore.make({ "m/1/model.onnx": "one" })
      const source = yield* MemoryStore.source(memory, yield* MemoryStore.folder)
      const gate = yield* Deferred.make<void>()
      const begun = yield* Deferred.make<void>()
      memory.body = () =>
        Stream.fromEffect(
          Effect.andThen(Deferred.succeed(begun, undefined), Effect.as(Deferred.await(gate), MemoryStore.bytes("one")))
        )
      const waiting = yield* Effect.forkChild(
        Effect.all(Array.from({ length: 8 }, () => source.open("m")), { concurrency: "unbounded" })
      )
      yield* Deferred.await(begun)
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual((yield* Fiber.join(waiting)).length, 8)
      assert.deepStrictEqual(memory.log, ["list", "m/1/model.onnx"])
    }))

  test("lists once for all who came before it began, and anew for those who come later", () =>
    Effect.gen(function*() {
      const memory = MemoryStore.make(files)
      const source = yield* MemoryStore.source(memory, yield* MemoryStore.folder)
      yield* Effect.all(Array.from({ length: 8 }, () => source.list), { concurrency: "unbounded" })
      assert.isAtMost(memory.log.length, 2)
      const before = memory.log.length
      yield* source.list
      assert.strictEqual(memory.log.length, before + 1)
    }))

  test("tries again what may pass, each time after a longer while, and then gives up", () =>
    Effect.gen(function*() {
      const memory = MemoryStore.make({ "m/1/model.onnx": "a model" })
      const folder = yield* MemoryStore.folder
      const source = yield* MemoryStore.source(memory, folder, { fetchRetryCount: 2 })
      let left = 2
      memory.body = () => left-- > 0 ? Stream.make(MemoryStore.bytes("a mo")) : undefined
      const { directory } = yield* elapse(source.open("m"))
      assert.strictEqual(yield* read(`${directory}/1/model.onnx`), "a model")
      assert.strictEqual(memory.log.length, 4)
      memory.files.set("m/1/model.onnx", "another")
      memory.log.length = 0
      left = 3
      yield* source.list
      assert.include((yield* elapse(Effect.flip(source.open("m")))).message, "ended after 4 of 7 bytes")
      assert.strictEqual(memory.log.length, 4)
    }))

  test("says that a body ended early, and leaves nothing of it", () =>
    Effect.gen(function*() {
      const memory = MemoryStore.make({ "m/1/model.onnx": "a model" })
      const folder = yield* MemoryStore.folder
      const source = yield* MemoryStore.source(memory, folder)
      memory.body = () => Stream.make(MemoryStore.bytes("a mo"))
      const failure = yield* Effect.flip(Effect.scoped(source.open("m")))
      assert.deepInclude(failure, {
        code: "UNAVAILABLE",
        message: "'m/1/model.onnx' of memory://store ended after 4 of 7 bytes"
      })
      assert.deepStrictEqual(yield* MemoryStore.entries(folder, "blobs"), [])
      assert.strictEqual((yield* MemoryStore.entries(folder, "sessions")).length, 1)
    }))

  test("says that a body is longer than listed, or has another hash", () =>
    Effect.gen(function*() {
      const memory = MemoryStore.make({ "m/1/model.onnx": "a model" })
      memory.hashes = true
      const folder = yield* MemoryStore.folder
      const source = yield* MemoryStore.source(memory, folder)
      const failed = (text: string) => {
        memory.body = () => Stream.make(MemoryStore.bytes(text))
        return Effect.map(Effect.flip(Effect.scoped(source.open("m"))), ({ message }) => message)
      }
      assert.include(yield* failed("a model, and more"), "has more than the 7 bytes that were listed")
      assert.include(
        yield* failed("a MODEL"),
        `has the SHA-256 ${MemoryStore.sha256("a MODEL")}, and ${MemoryStore.sha256("a model")} was listed`
      )
      assert.deepStrictEqual(yield* MemoryStore.entries(folder, "blobs"), [])
    }))

  test("gives up a store that sends nothing more", () =>
    Effect.gen(function*() {
      const memory = MemoryStore.make({ "m/1/model.onnx": "a model" })
      const source = yield* MemoryStore.source(memory, yield* MemoryStore.folder, { fetchTimeout: "5 seconds" })
      const begun = yield* Deferred.make<void>()
      memory.body = () =>
        Stream.concat(
          Stream.make(MemoryStore.bytes("a")),
          Stream.fromEffect(Effect.andThen(Deferred.succeed(begun, undefined), Effect.never))
        )
      const opening = yield* Effect.forkChild(Effect.flip(source.open("m")))
      yield* Deferred.await(begun)
      yield* TestClock.adjust("5 seconds")
      assert.include((yield* Fiber.join(opening)).message, "no further bytes of 'm/1/model.onnx' from memory://store")
    }))

  test("leaves nothing of a download that is interrupted", () =>
    Effect.gen(function*() {
      const memory = MemoryStore.make({ "m/1/model.onnx": "a model" })
      const folder = yield* MemoryStore.folder
      const source = yield* MemoryStore.source(memory, folder)
      const begun = yield* Deferred.make<void>()
      memory.body = () => Stream.fromEffect(Effect.andThen(Deferred.succeed(begun, undefined), Effect.never))
      const opening = yield* Effect.forkChild(Effect.scoped(source.open("m")))
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(opening)
      assert.strictEqual((yield* MemoryStore.entries(folder, "sessions")).length, 1)
      memory.body = undefined
      const { directory } = yield* source.open("m")
      assert.strictEqual(yield* read(`${directory}/1/model.onnx`), "a model")
    }))

  test("starts with the last listing and the cache where the store does not answer, and says so", () =>
    Effect.gen(function*() {
      const memory = MemoryStore.make(files)
      const folder = yield* MemoryStore.folder
      yield* Effect.flatMap(MemoryStore.source(memory, folder), (source) => Effect.scoped(source.open("m")))
      yield* TestClock.setTime(60_000)
      // A listing that says nothing new is a newer one still.
      const later = yield* MemoryStore.source(memory, folder)
      yield* later.list
      yield* TestClock.setTime(120_000)
      yield* later.list
      yield* TestClock.setTime(180_000)
      memory.failure = unreachable("nobody is there")
      memory.body = () => Stream.fail(unreachable("nobody is there"))
      const source = yield* MemoryStore.source(memory, folder)
      const { models, warnings } = yield* source.list
      assert.deepStrictEqual(models.map(({ name }) => name), ["m", "n"])
      assert.deepStrictEqual(warnings.map(({ message }) => message), [
        "repository 'memory://store' does not answer, and its models are those of 1970-01-01T00:02:00.000Z, out of the " +
        "cache folder: nobody is there"
      ])
      const { directory } = yield* source.open("m")
      assert.strictEqual(yield* read(`${directory}/2/model.onnx`), "two")
      // From now on a poll that fails keeps what there is.
      assert.deepInclude(yield* Effect.flip(source.list), { code: "UNAVAILABLE", message: "nobody is there" })
      memory.failure = undefined
      assert.deepStrictEqual((yield* source.list).warnings, [])
    }))

  test("does not start with the last listing where the store refuses", () =>
    Effect.gen(function*() {
      const memory = MemoryStore.make(files)
      const folder = yield* MemoryStore.folder
      yield* Effect.flatMap(MemoryStore.source(memory, folder), (source) => source.list)
      memory.failure = refused("there is no such bucket", "NOT_FOUND")
      const source = yield* MemoryStore.source(memory, folder)
      assert.deepInclude(yield* Effect.flip(source.list), { code: "NOT_FOUND", message: "there is no such bucket" })
    }))

  test("keeps the models that it knows where a later listing fails", () =>
    Effect.gen(function*() {
      const memory = MemoryStore.make(files)
      const source = yield* MemoryStore.source(memory, yield* MemoryStore.folder)
      yield* source.list
      const before = yield* source.fingerprint("m")
      memory.failure = unreachable("nobody is there")
      yield* Effect.flip(source.list)
      assert.deepStrictEqual(yield* source.fingerprint("m"), before)
      yield* source.open("m")
    }))
})
