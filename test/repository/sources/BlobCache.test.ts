import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, type FileSystem, PlatformError, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { chmod, mkdir, readFile, stat, utimes, writeFile } from "node:fs/promises"
import { hostname } from "node:os"
import { join } from "node:path"
import * as TemporaryRepository from "../TemporaryRepository.ts"
import * as MemoryStore from "./MemoryStore.ts"

const read = (file: string) => Effect.promise(() => readFile(file, "utf8"))

const test = <E>(
  title: string,
  effect: () => Effect.Effect<void, E, Scope.Scope | TemporaryRepository.Platform>,
  platform = TemporaryRepository.platform
) => it.effect(title, () => Effect.provide(effect(), platform))

/** Hashes in the cache, as the texts that have them. */
const kept = (folder: string, texts: ReadonlyArray<string>) =>
  Effect.map(
    MemoryStore.entries(folder, "blobs"),
    (hashes) => texts.filter((text) => hashes.includes(MemoryStore.sha256(text)))
  )

/** Files of ten bytes each. */
const tens = { "a/1": "aaaaaaaaaa", "b/1": "bbbbbbbbbb", "c/1": "cccccccccc" }
const texts = Object.values(tens)

const systemError = (method: string, code: string, tag: PlatformError.SystemErrorTag = "Unknown") =>
  PlatformError.systemError({
    _tag: tag,
    module: "FileSystem",
    method,
    cause: Object.assign(new Error(`${code}: it does not work`), { code })
  })

/** A file system whose files take no more bytes while `failing()` gives an error. */
const unwritable = (failing: () => PlatformError.PlatformError | undefined) =>
  MemoryStore.platformWith((fs) => ({
    open: (path, options) =>
      Effect.map(fs.open(path, options), (file): FileSystem.File => {
        const writeAll: FileSystem.File["writeAll"] = (chunk) =>
          Effect.suspend(() => {
            const error = failing()
            return error === undefined ? file.writeAll(chunk) : Effect.fail(error)
          })
        return Object.assign(Object.create(file), { writeAll })
      })
  }))

describe("BlobCache", () => {
  test("lets what was used longest ago leave where room is needed", () =>
    Effect.gen(function*() {
      const memory = MemoryStore.make(tens)
      const folder = yield* MemoryStore.folder
      const source = yield* MemoryStore.source(memory, folder, { cacheBytes: 25 })
      const use = (name: string) => Effect.andThen(TestClock.adjust("1 minute"), Effect.scoped(source.open(name)))
      yield* use("a")
      yield* use("b")
      yield* use("a")
      yield* use("c")
      assert.deepStrictEqual(yield* kept(folder, texts), [tens["a/1"], tens["c/1"]])
      // What left is no longer known, and comes again.
      assert.strictEqual((yield* MemoryStore.entries(folder, "identities")).length, 2)
      memory.log.length = 0
      yield* use("b")
      assert.deepStrictEqual(memory.log, ["b/1"])
    }))

  test("keeps what is open, and says so where there is no room beside it", () =>
    Effect.gen(function*() {
      const memory = MemoryStore.make(tens)
      const folder = yield* MemoryStore.folder
      const source = yield* MemoryStore.source(memory, folder, { cacheBytes: 20 })
      const scope = yield* Scope.make()
      const { directory } = yield* Scope.provide(source.open("a"), scope)
      yield* TestClock.adjust("1 minute")
      yield* Effect.scoped(source.open("b"))
      yield* source.open("c")
      assert.deepStrictEqual(yield* kept(folder, texts), [tens["a/1"], tens["c/1"]])
      assert.strictEqual(yield* read(`${directory}/1`), tens["a/1"])
      const failure = yield* Effect.flip(Effect.scoped(source.open("b")))
      assert.strictEqual(failure.code, "UNAVAILABLE")
      assert.include(failure.message, "no room for the 10 bytes of 'b/1'")
      assert.include(failure.message, "20 of its 20 bytes are in use by models that are open")
      assert.include(failure.message, "--repository-cache-bytes")
      yield* Scope.close(scope, Exit.void)
      yield* source.open("b")
      assert.deepStrictEqual(yield* kept(folder, texts), [tens["b/1"], tens["c/1"]])
    }))

  test("counts what is on its way, so that files which come at once do not pass the bound", () =>
    Effect.gen(function*() {
      const memory = MemoryStore.make(tens)
      const source = yield* MemoryStore.source(memory, yield* MemoryStore.folder, { cacheBytes: 25 })
      const outcomes = yield* Effect.forEach(["a", "b", "c"], (name) => Effect.exit(source.open(name)), {
        concurrency: "unbounded"
      })
      assert.strictEqual(outcomes.filter(Exit.isSuccess).length, 2)
    }))

  test("keeps what another server has open, and finds what that one fetched", () =>
    Effect.gen(function*() {
      const folder = yield* MemoryStore.folder
      const [one, other] = [MemoryStore.make(tens), MemoryStore.make(tens)]
      const first = yield* MemoryStore.source(one, folder, { cacheBytes: 20 })
      const second = yield* MemoryStore.source(other, folder, { cacheBytes: 20 })
      const { directory } = yield* first.open("a")
      yield* TestClock.adjust("1 minute")
      yield* Effect.scoped(second.open("b"))
      yield* second.open("a")
      assert.deepStrictEqual(other.log, ["list", "b/1"])
      yield* second.open("c")
      assert.deepStrictEqual(yield* kept(folder, texts), [tens["a/1"], tens["c/1"]])
      assert.strictEqual(yield* read(`${directory}/1`), tens["a/1"])
    }))

  test("takes the same file from two servers at once", () =>
    Effect.gen(function*() {
      const folder = yield* MemoryStore.folder
      const files = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`m/1/${i}`, `contents ${i % 30}`]))
      const sources = yield* Effect.forEach(
        [MemoryStore.make(files), MemoryStore.make(files), MemoryStore.make(files)],
        (memory) => MemoryStore.source(memory, folder, { fetchConcurrency: 16 })
      )
      const places = yield* Effect.forEach(sources, (source) => source.open("m"), { concurrency: "unbounded" })
      for (const { directory } of places) {
        for (const [path, text] of Object.entries(files)) {
          assert.strictEqual(yield* read(join(directory, path.slice(2))), text)
        }
      }
      assert.strictEqual((yield* MemoryStore.entries(folder, "blobs")).length, 30)
    }))

  test("finds that contents were damaged, and fetches them again", () =>
    Effect.gen(function*() {
      const memory = MemoryStore.make(tens)
      const folder = yield* MemoryStore.folder
      yield* Effect.scoped(
        Effect.flatMap(MemoryStore.source(memory, folder), (source) => source.open("a"))
      )
      const source = yield* MemoryStore.source(memory, folder)
      const blob = join(folder, "v1", "blobs", MemoryStore.sha256(tens["a/1"]))
      for (const damaged of ["AAAAAAAAAA", "", "aaaaaaaaaa and more"]) {
        yield* Effect.promise(async () => {
          await chmod(blob, 0o600)
          await writeFile(blob, damaged)
        })
        memory.log.length = 0
        const { directory } = yield* Effect.scoped(Effect.tap(source.open("a"), ({ directory }) =>
          Effect.map(read(`${directory}/1`), (text) =>
            assert.strictEqual(text, tens["a/1"]))))
        assert.include(directory, folder)
        assert.include(memory.log, "a/1")
      }
    }))

  let error: PlatformError.PlatformError | undefined
  const failing = unwritable(() => error)

  test("says that the disk is full, and leaves nothing half written", () =>
    Effect.gen(function*() {
      const memory = MemoryStore.make(tens)
      const folder = yield* MemoryStore.folder
      const source = yield* MemoryStore.source(memory, folder)
      error = systemError("writeAll", "ENOSPC")
      const failure = yield* Effect.flip(Effect.scoped(source.open("a")))
      assert.strictEqual(failure.code, "UNAVAILABLE")
      assert.include(failure.message, `the disk of the cache folder '${folder}/v1' is full`)
      assert.include(failure.message, "failed to write the 10 bytes of 'a/1'")
      assert.include(failure.message, "--repository-cache-directory")
      assert.deepStrictEqual(yield* MemoryStore.entries(folder, "blobs"), [])
      assert.strictEqual((yield* MemoryStore.entries(folder, "sessions")).length, 1)
      error = undefined
      yield* source.open("a")
    }), failing)

  let full = false
  test(
    "makes room on a full disk out of what nobody has open",
    () =>
      Effect.gen(function*() {
        const memory = MemoryStore.make(tens)
        const folder = yield* MemoryStore.folder
        const source = yield* MemoryStore.source(memory, folder)
        yield* Effect.scoped(source.open("a"))
        full = true
        yield* source.open("b")
        assert.deepStrictEqual(yield* kept(folder, texts), [tens["b/1"]])
        assert.deepStrictEqual(memory.log, ["list", "a/1", "b/1", "b/1"])
      }),
    unwritable(() => {
      const now = full
      full = false
      return now ? systemError("writeAll", "ENOSPC") : undefined
    })
  )

  let denied: PlatformError.PlatformError | undefined
  test("says that permission was lost", () =>
    Effect.gen(function*() {
      const memory = MemoryStore.make(tens)
      const folder = yield* MemoryStore.folder
      const source = yield* MemoryStore.source(memory, folder)
      for (const [code, tag] of [["EACCES", "PermissionDenied"], ["EROFS", "Unknown"]] as const) {
        denied = systemError("writeAll", code, tag)
        const failure = yield* Effect.flip(Effect.scoped(source.open("a")))
        assert.include(failure.message, `no permission to write the 10 bytes of 'a/1' in the cache folder`)
        assert.include(failure.message, `(${code})`)
      }
    }), unwritable(() => denied))

  test("copies where a file system has no second names", () =>
    Effect.gen(function*() {
      const memory = MemoryStore.make(tens)
      const folder = yield* MemoryStore.folder
      const source = yield* MemoryStore.source(memory, folder)
      for (let time = 0; time < 2; time++) {
        const { directory } = yield* source.open("a")
        assert.strictEqual(yield* read(`${directory}/1`), tens["a/1"])
        assert.strictEqual((yield* Effect.promise(() => stat(`${directory}/1`))).nlink, 1)
      }
      assert.deepStrictEqual(memory.log, ["list", "a/1"])
    }), MemoryStore.platformWith(() => ({ link: () => Effect.fail(systemError("link", "EPERM", "PermissionDenied")) })))
})

describe("CacheFolder", () => {
  test("is its owner's alone, and is not used where others can write", () =>
    Effect.gen(function*() {
      const memory = MemoryStore.make(tens)
      const folder = yield* MemoryStore.folder
      const { directory } = yield* Effect.flatMap(MemoryStore.source(memory, folder), (source) => source.open("a"))
      for (const at of [`${folder}/v1`, `${folder}/v1/blobs`, directory]) {
        assert.strictEqual((yield* Effect.promise(() => stat(at))).mode & 0o777, 0o700)
      }
      yield* Effect.promise(() => chmod(`${folder}/v1`, 0o777))
      const failure = yield* Effect.flip(MemoryStore.source(memory, folder))
      assert.include(failure.message, `other users may write in the cache folder '${folder}/v1'`)
    }))

  test("says where it cannot be made", () =>
    Effect.gen(function*() {
      const folder = yield* TemporaryRepository.make({ file: "" })
      const failure = yield* Effect.flip(MemoryStore.source(MemoryStore.make(tens), `${folder}/file`))
      assert.include(failure.message, `failed to make folders in the cache folder '${folder}/file/v1'`)
    }))

  test("loses what servers had open that are gone, and nothing of those that are not", () =>
    Effect.gen(function*() {
      const folder = yield* MemoryStore.folder
      const sessions = join(folder, "v1", "sessions")
      const host = hostname().replaceAll(/[^A-Za-z0-9-]/g, "-")
      // No process can have this number.
      const gone = 2 ** 30
      const minutes = 60
      yield* TestClock.setTime(1e9)
      const now = 1e6
      const ages: ReadonlyArray<readonly [name: string, age: number]> = [
        [`${host}.${gone}.old`, 4 * minutes],
        [`${host}.${gone}.fresh`, minutes],
        [`${host}.${process.pid}.lives`, 4 * minutes],
        ["elsewhere.1.lives", 4 * minutes],
        ["elsewhere.1.lost", 61 * minutes]
      ]
      yield* Effect.promise(async () => {
        for (const [name, age] of ages) {
          await mkdir(join(sessions, name, "1", "m"), { recursive: true, mode: 0o700 })
          await utimes(join(sessions, name), now - age, now - age)
        }
        await chmod(join(folder, "v1"), 0o700)
      })
      yield* MemoryStore.source(MemoryStore.make(tens), folder)
      const left = yield* MemoryStore.entries(folder, "sessions")
      assert.deepStrictEqual(
        ages.map(([name]) => name).filter((name) => left.includes(name)),
        [`${host}.${gone}.fresh`, `${host}.${process.pid}.lives`, "elsewhere.1.lives"]
      )
    }))

  test("is gone from the disk where its server is, but for what it keeps", () =>
    Effect.gen(function*() {
      const folder = yield* MemoryStore.folder
      const memory = MemoryStore.make(tens)
      memory.body = ({ path }) => path === "b/1" ? Stream.make(MemoryStore.bytes("b")) : undefined
      yield* Effect.scoped(Effect.gen(function*() {
        const source = yield* MemoryStore.source(memory, folder)
        yield* source.open("a")
        yield* Effect.flip(source.open("b"))
      }))
      assert.deepStrictEqual(yield* MemoryStore.entries(folder, "sessions"), [])
      assert.deepStrictEqual(yield* kept(folder, texts), [tens["a/1"]])
    }))
})
