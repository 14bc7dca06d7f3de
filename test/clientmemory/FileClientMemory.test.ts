import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Result, Scope } from "effect"
import * as fc from "fast-check"
import { execFileSync } from "node:child_process"
import { mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as FileClientMemory from "../../src/layers/clientmemory/FileClientMemory.ts"
import type { ClientMemoryState } from "../../src/services/ClientMemory.ts"
import * as Files from "./Files.ts"

const started = Effect.fnUntraced(function*(options: FileClientMemory.Options = {}) {
  const directory = yield* Files.folder
  const memory = yield* FileClientMemory.make({ directory, ...options })
  return { directory, memory }
})

/** Code and text of a failure, `"done"` otherwise. */
const outcome = (
  result: Result.Result<unknown, { readonly code: string; readonly message: string }>
): string => Result.isFailure(result) ? `${result.failure.code} ${result.failure.message}` : "done"

const names = (memory: ClientMemoryState): ReadonlyArray<string> =>
  Result.getOrThrow(memory.status("")).map(({ name }) => name)

/** Files of a folder that this process has open. */
const openFiles = (directory: string): number => {
  let count = 0
  for (const fd of readdirSync("/proc/self/fd")) {
    try {
      if (readlinkSync(`/proc/self/fd/${fd}`).startsWith(directory)) count++
    } catch {
      // It was that of the listing.
    }
  }
  return count
}

describe("FileClientMemory", () => {
  it.effect("registers, tells of, and ends regions", () =>
    Effect.gen(function*() {
      const { directory, memory } = yield* started()
      Files.create(directory, "k", 100)
      assert.strictEqual(outcome(memory.register("b", "/k", 10, 20n)), "done")
      assert.strictEqual(outcome(memory.register("a", "k", 0n, 100)), "done")
      assert.deepStrictEqual(Result.getOrThrow(memory.status("")), [
        { name: "a", key: "k", offset: 0, byteSize: 100 },
        { name: "b", key: "/k", offset: 10, byteSize: 20 }
      ])
      assert.deepStrictEqual(Result.getOrThrow(memory.status("b")).map(({ name }) => name), ["b"])
      assert.strictEqual(
        outcome(memory.status("c")),
        "NOT_FOUND Unable to find system shared memory region: 'c'"
      )
      assert.strictEqual(
        outcome(memory.register("a", "/k", 0, 1)),
        "ALREADY_EXISTS shared memory region 'a' already in manager"
      )
      assert.strictEqual(outcome(memory.unregister("nobody")), "done")
      assert.strictEqual(outcome(memory.unregister("a")), "done")
      assert.deepStrictEqual(names(memory), ["b"])
      memory.unregister("")
      assert.deepStrictEqual(names(memory), [])
      assert.strictEqual(openFiles(directory), 0)
    }).pipe(Effect.scoped))

  it.effect("refuses what is no shared memory, and keeps nothing open", () =>
    Effect.gen(function*() {
      const { directory, memory } = yield* started()
      Files.create(directory, "k", 100)
      mkdirSync(join(directory, "folder"))
      Files.create(join(directory, "folder"), "inner", 100)
      symlinkSync(join(directory, "k"), join(directory, "link"))
      symlinkSync("/etc/passwd", join(directory, "escape"))
      execFileSync("mkfifo", [join(directory, "pipe")])
      const unopened = [
        "folder",
        "link",
        "escape",
        "pipe",
        "none",
        ".",
        "..",
        "../k",
        "folder/inner",
        "k\0",
        "k/",
        "\ud800"
      ]
      for (const key of unopened) {
        for (const spelled of [key, `/${key}`]) {
          assert.strictEqual(
            outcome(memory.register("r", spelled, 0, 10)),
            `INTERNAL Unable to open shared memory region: '${spelled}'`
          )
        }
      }
      const long = "x".repeat(5000)
      assert.strictEqual(
        outcome(memory.register("r", long, 0, 10)),
        `INTERNAL Unable to open shared memory region: '${"x".repeat(300)}…'`
      )
      for (const key of ["", "/", "///"]) {
        assert.strictEqual(
          outcome(memory.register("r", key, 0, 10)),
          `INVALID_ARG cannot register shared memory region 'r' - invalid shm key '${key}'`
        )
      }
      for (const prefix of ["triton_python_backend_shm_region_", "galatea"]) {
        Files.create(directory, `${prefix}1`, 100)
        assert.strictEqual(
          outcome(memory.register("r", `//${prefix}1`, 0, 10)),
          `INVALID_ARG cannot register shared memory region 'r' with key '//${prefix}1' as the key contains the reserved ` +
            `prefix '${prefix}'`
        )
      }
      assert.strictEqual(
        outcome(memory.register("", "/k", 0, 10)),
        "INVALID_ARG 'region name' is necessary to register system shared memory region"
      )
      assert.strictEqual(
        outcome(memory.register("n".repeat(1025), "/k", 0, 10)),
        "INVALID_ARG the name of a shared memory region may have 1024 characters, and this one has 1025"
      )
      assert.deepStrictEqual(names(memory), [])
      assert.strictEqual(openFiles(directory), 0)
    }).pipe(Effect.scoped))

  it.effect("registers exactly what lies within the shared memory", () =>
    Effect.gen(function*() {
      const { directory, memory } = yield* started()
      Files.create(directory, "k", 100)
      const edges = [0n, 1n, 99n, 100n, 101n, -1n, 2n ** 31n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n]
      const size = fc.oneof(fc.constantFrom(...edges), fc.bigInt({ min: 0n, max: 120n }))
      fc.assert(fc.property(size, size, fc.boolean(), (offset, byteSize, asNumbers) => {
        const registered = asNumbers
          ? memory.register("r", "/k", Number(offset), Number(byteSize))
          : memory.register("r", "/k", offset, byteSize)
        const fits = offset >= 0n && byteSize >= 0n && offset + byteSize <= 100n
        assert.strictEqual(
          outcome(registered),
          !fits
            ? "INVALID_ARG failed to register shared memory region 'r': invalid args"
            : byteSize === 0n
            ? "INVALID_ARG failed to register shared memory region 'r': unable to process address spaceInvalid argument"
            : "done"
        )
        memory.unregister("r")
        assert.strictEqual(openFiles(directory), 0)
      }))
    }).pipe(Effect.scoped))

  it.effect("gives windows that lie within their region, and copies through them", () =>
    Effect.gen(function*() {
      const { directory, memory } = yield* started()
      Files.create(directory, "k", 200)
      Result.getOrThrow(memory.register("r", "/k", 50, 100))
      const edges = [0n, 99n, 100n, 101n, -1n, -(2n ** 63n), 2n ** 53n, 2n ** 63n - 1n, 2n ** 64n - 1n]
      const size = fc.oneof(fc.constantFrom(...edges), fc.bigInt({ min: 0n, max: 120n }))
      fc.assert(fc.property(size, size, (offset, byteSize) => {
        const found = memory.window("r", offset, byteSize)
        if (offset < 0n || offset >= 100n) {
          assert.strictEqual(outcome(found), "INVALID_ARG Invalid offset for shared memory region: 'r'")
        } else if (byteSize < 0n || offset + byteSize > 100n) {
          assert.strictEqual(outcome(found), "INVALID_ARG Invalid offset + byte size for shared memory region: 'r'")
        } else {
          const window = Result.getOrThrow(found)
          const bytes = new Uint8Array(window.byteLength)
          assert.strictEqual(outcome(window.read(bytes, 0)), "done")
          assert.deepStrictEqual(bytes, Files.pattern(Number(byteSize), 50 + Number(offset)))
          const rest = bytes.subarray(Math.floor(bytes.length / 2))
          assert.strictEqual(outcome(window.write(rest, bytes.length - rest.length)), "done")
          window.release()
        }
      }))
      assert.deepStrictEqual(Uint8Array.from(Files.contents(directory, "k")), Files.pattern(200))
      const window = Result.getOrThrow(memory.window("r", 98, 2))
      Result.getOrThrow(window.write(Uint8Array.of(1, 2), 0))
      assert.deepStrictEqual([...Files.contents(directory, "k").subarray(147, 151)], [147, 1, 2, 150])
      assert.strictEqual(
        outcome(memory.window("none", 0, 1)),
        "NOT_FOUND Unable to find shared memory region: 'none'"
      )
    }).pipe(Effect.scoped))

  it.effect("fails where the client has made the memory smaller, and does not make it larger again", () =>
    Effect.gen(function*() {
      const { directory, memory } = yield* started()
      Files.create(directory, "k", 10_000)
      Result.getOrThrow(memory.register("r", "/k", 0, 10_000))
      const window = Result.getOrThrow(memory.window("r", 0, 10_000))
      truncateSync(join(directory, "k"), 9999)
      const text =
        "INVALID_ARG shared memory region 'r' has become smaller than it was when it was registered. Make the " +
        "shared memory as large as before, or unregister the region and register it anew."
      assert.strictEqual(outcome(window.read(new Uint8Array(10_000), 0)), text)
      assert.strictEqual(outcome(window.write(new Uint8Array(10_000), 0)), text)
      assert.strictEqual(outcome(window.write(new Uint8Array(1), 9999)), text)
      assert.strictEqual(Files.contents(directory, "k").length, 9999)
      assert.strictEqual(outcome(window.read(new Uint8Array(9999), 0)), "done")
    }).pipe(Effect.scoped))

  it.effect("keeps memory whose name the client has removed", () =>
    Effect.gen(function*() {
      const { directory, memory } = yield* started()
      Files.create(directory, "k", 100)
      Result.getOrThrow(memory.register("r", "/k", 0, 100))
      rmSync(join(directory, "k"))
      writeFileSync(join(directory, "k"), "other")
      const bytes = new Uint8Array(100)
      Result.getOrThrow(Result.getOrThrow(memory.window("r", 0, 100)).read(bytes, 0))
      assert.deepStrictEqual(bytes, Files.pattern(100))
    }).pipe(Effect.scoped))

  it.effect("keeps a region open until its last window was released", () =>
    Effect.gen(function*() {
      const { directory, memory } = yield* started()
      Files.create(directory, "k", 100)
      Result.getOrThrow(memory.register("r", "/k", 0, 100))
      const [one, two] = [memory.window("r", 0, 10), memory.window("r", 5, 10)].map(Result.getOrThrow)
      memory.unregister("r")
      assert.strictEqual(
        outcome(memory.window("r", 0, 10)),
        "NOT_FOUND Unable to find shared memory region: 'r'"
      )
      assert.strictEqual(
        outcome(memory.register("r", "/k", 0, 100)),
        "ALREADY_EXISTS shared memory region 'r' already in manager"
      )
      one!.release()
      one!.release()
      assert.strictEqual(outcome(two!.write(Uint8Array.of(9), 0)), "done")
      assert.strictEqual(openFiles(directory), 1)
      two!.release()
      assert.strictEqual(openFiles(directory), 0)
      assert.strictEqual(outcome(memory.register("r", "/k", 0, 100)), "done")
    }).pipe(Effect.scoped))

  it.effect("holds a thousand regions and no more, and gives all back when its scope closes", () =>
    Effect.gen(function*() {
      const directory = yield* Files.folder
      const scope = yield* Scope.make()
      const memory = yield* FileClientMemory.make({ directory, maxRegions: 1000, maxBytes: 100_000 }).pipe(
        Scope.provide(scope)
      )
      Files.create(directory, "k", 100_000)
      for (let i = 0; i < 1000; i++) assert.strictEqual(outcome(memory.register(`r${i}`, "/k", i, 1)), "done")
      assert.strictEqual(
        outcome(memory.register("one more", "/k", 0, 1)),
        "UNAVAILABLE There are 1000 shared memory regions, the most that may be registered at a time. Unregister some, or " +
          "raise --client-shm-max-regions."
      )
      assert.strictEqual(openFiles(directory), 1000)
      memory.unregister("r7")
      assert.strictEqual(
        outcome(memory.register("large", "/k", 0, 100_000)),
        "UNAVAILABLE Shared memory regions of 999 bytes are registered, of at most 100000 at a time, so that 100000 bytes " +
          "more do not fit. Unregister some, or raise --client-shm-max-bytes."
      )
      assert.strictEqual(outcome(memory.register("rest", "/k", 0, 99_001)), "done")
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(openFiles(directory), 0)
    }).pipe(Effect.scoped))

  it.effect("does not start where the machine has no shared memory", () =>
    Effect.gen(function*() {
      const failure = yield* Effect.flip(FileClientMemory.make({ directory: "/nowhere/shm" }))
      assert.strictEqual(
        `${failure.code} ${failure.message}`,
        "UNSUPPORTED clients cannot register shared memory: there is no directory /nowhere/shm that may be read, where " +
          "Linux has it. Start the server without --allow-client-shm."
      )
    }).pipe(Effect.scoped))
})
