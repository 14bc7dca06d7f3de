import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, PlatformError, Result, Scope } from "effect"
import { TestClock } from "effect/testing"
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type LoadParameters, whenResident } from "../../../src/services/ModelRepository.ts"
import * as Models from "../../fixtures/onnx/Models.ts"
import type * as TemporaryRepository from "../TemporaryRepository.ts"
import { onnx, open, type Opened, serving, type Setup } from "./Repository.ts"

const failed = (name: string) => `failed to load '${name}', failed to poll from model repository`

/** A folder for temporary folders that nobody else uses. */
const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "overrides-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

/** The repository, with a way to see which temporary folders there are. */
const explicit = Effect.fnUntraced(function*(tree: TemporaryRepository.Tree, setup: Setup = {}, given?: string) {
  const folder = given ?? (yield* temporary)
  const opened = yield* open(tree, {
    controlMode: "explicit",
    ...setup,
    fileSystem: (real) => ({
      makeTempDirectory: (options) => real.makeTempDirectory({ ...options, directory: folder }),
      ...setup.fileSystem?.(real)
    })
  })
  return {
    ...opened,
    folders: () => readdirSync(folder).map((name) => readdirSync(join(folder, name)).toSorted()),
    /** Waits until there is none: removing takes the disk a while, which no clock of a test counts. */
    gone: Effect.gen(function*() {
      while (readdirSync(folder).length > 0) {
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      }
    })
  }
})

const files = (...paths: ReadonlyArray<string>) => new Map(paths.map((path) => [path, new Uint8Array(onnx)]))

const batchSize = ({ repository }: Opened, name: string): number => {
  const found = repository.lookup(name, "")
  return found._tag === "Success" ? found.success.config.max_batch_size : -1
}

describe("what comes with a load", () => {
  it.effect("takes the place of the config, until that changes on disk or the model is unloaded", () =>
    Effect.gen(function*() {
      const opened = yield* explicit({ "m/config.pbtxt": "max_batch_size: 2", "m/1/model.onnx": onnx })
      const { repository, write } = opened
      yield* repository.load("m", { config: `{"max_batch_size": 6}` })
      yield* repository.load("m")
      assert.strictEqual(batchSize(opened, "m"), 6)
      yield* write({ "m/2/model.onnx": onnx })
      yield* repository.load("m")
      assert.deepStrictEqual(
        [batchSize(opened, "m"), serving(opened, "m")],
        [6, 2],
        "another version changes no config"
      )
      yield* write({ "m/config.pbtxt": "max_batch_size: 3" })
      yield* repository.load("m")
      assert.strictEqual(batchSize(opened, "m"), 3)
      yield* repository.load("m", { config: `{"maxBatchSize": "5"}` })
      yield* repository.unload("m")
      yield* repository.load("m")
      assert.strictEqual(batchSize(opened, "m"), 3)
      const before = opened.log().length
      yield* repository.load("m", { config: `{"maxBatchSize": 3}` })
      assert.strictEqual(opened.log().length, before, "what the config says already needs no reload")
    }))

  it.effect("takes the place of the model's folder, which no repository needs to hold", () =>
    Effect.gen(function*() {
      const opened = yield* explicit({ "m/1/model.onnx": onnx })
      const { repository, write } = opened
      yield* repository.load("sent", { config: "{}", files: files("1/model.onnx", "./3//model.onnx") })
      assert.strictEqual(serving(opened, "sent"), 3)
      assert.deepStrictEqual(opened.folders(), [["1", "3"]])
      assert.deepStrictEqual(yield* opened.rows("sent"), ["3 READY"])
      yield* repository.load("sent")
      assert.deepStrictEqual(opened.log(), ["open sent 3"], "nothing changed")
      yield* repository.load("sent", { version: 1 })
      assert.deepStrictEqual(repository.readyVersions("sent"), [1, 3])
      yield* repository.unload("sent")
      assert.deepStrictEqual(opened.folders(), [])
      assert.deepStrictEqual(yield* opened.rows("sent"), [])
      assert.strictEqual(
        (yield* Effect.flip(repository.load("sent"))).message,
        `${failed("sent")}\nfailed to poll model 'sent': model not found in any model repository.`
      )

      yield* repository.load("m", { config: "{}", files: files("7/model.onnx") })
      assert.deepStrictEqual(repository.readyVersions("m"), [7])
      yield* repository.load("m")
      assert.deepStrictEqual(repository.readyVersions("m"), [7])
      yield* write({ "m/2/model.onnx": onnx })
      yield* repository.load("m")
      assert.deepStrictEqual(repository.readyVersions("m"), [2], "the repository's own has changed")
      assert.deepStrictEqual(opened.folders(), [])
    }))

  it.effect("stays on disk while a version of it is open, and goes with the server", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const opened = yield* Scope.provide(explicit({}, {}, yield* temporary), scope)
      const load = (config: string, ...paths: ReadonlyArray<string>) =>
        opened.repository.load("a", { config, files: files(...paths) })
      yield* load("{}", "1/model.onnx")
      yield* load(`{"max_batch_size": 2}`, "2/model.onnx")
      assert.deepStrictEqual(opened.folders(), [["2"]], "the folder of what was replaced is gone")
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(opened.folders(), [])
      assert.deepStrictEqual(opened.log(), ["open a 1", "open a 2", "close a 1", "close a 2"])
    }))

  const refused: ReadonlyArray<readonly [title: string, parameters: LoadParameters, detail: RegExp]> = [
    ["a config that is no JSON", { config: "{" }, /^Invalid config override: /],
    ["a config with an unknown field", { config: `{"max_batch": 1}` }, /^Invalid config override: .*max_batch/],
    ["a config that breaks a rule", { config: `{"max_batch_size": -1}` }, /'max_batch_size' must be non-negative/],
    [
      "the config of another model",
      { config: `{"name": "other"}` },
      /^unexpected directory name 'm' for model 'other', directory name must equal model name$/
    ],
    [
      "files without a config",
      { files: files("1/model.onnx") },
      /^Load parameter 'config' must be specified for model file override$/
    ],
    ...["../1/model.onnx", "1/../../model.onnx", "/etc/model.onnx", "", ".", "1/..", ".."].map((path) =>
      [
        `the file '${path}'`,
        { config: "{}", files: files(path) },
        /^Invalid file parameter 'file:.*' with normalized path '.*' must stay within model directory\.$/
      ] as const
    ),
    [
      "a file with NUL in its path",
      { config: "{}", files: files("1/a\0b") },
      /^Invalid file parameter .* contains NUL$/
    ],
    [
      "a file with a long name",
      { config: "{}", files: files("1/" + "x".repeat(300)) },
      /has 300 bytes, more than the 255/
    ],
    ["one file twice", { config: "{}", files: files("1/a", "1/./a") }, /'1\/a' is given twice$/],
    ["a file that is a folder too", { config: "{}", files: files("1", "1/a") }, /so it is a folder$/]
  ]
  for (const [title, parameters, detail] of refused) {
    it.effect(`is refused: ${title}`, () =>
      Effect.gen(function*() {
        const opened = yield* explicit({ "m/1/model.onnx": onnx })
        yield* opened.repository.load("m")
        opened.complaints()
        const error = yield* Effect.flip(opened.repository.load("m", parameters))
        assert.strictEqual(error._tag, "PollFailed")
        assert.strictEqual("code" in error && error.code, "INTERNAL")
        const [first, ...rest] = error.message.split("\n")
        assert.strictEqual(first, failed("m"))
        assert.match(rest.join("\n"), detail)
        assert.deepStrictEqual(opened.complaints(), [`Poll failed for model directory 'm': ${rest.join("\n")}`])
        assert.deepStrictEqual(opened.folders(), [])
        assert.strictEqual(serving(opened, "m"), 1)
        yield* opened.repository.load("m")
        assert.deepStrictEqual(yield* opened.rows("m"), ["1 READY"])
      }))
  }

  it.effect("contradicts the model: it keeps what serves, and what was in force", () =>
    Effect.gen(function*() {
      const opened = yield* explicit({ "m/1/model.onnx": onnx })
      const { repository } = opened
      yield* repository.load("m", { config: `{"max_batch_size": 3}` })
      const input = `"input": [{"name": "X", "data_type": "TYPE_FP32", "dims": [1]}]`
      for (const parameters of [{ config: `{${input}}` }, { config: `{${input}}`, files: files("1/model.onnx") }]) {
        const error = yield* Effect.flip(repository.load("m", parameters))
        assert.strictEqual(error._tag, "LoadFailed")
        assert.match(error.message, /^load failed for model 'm': version 1 is at UNAVAILABLE state: .*\n$/s)
        assert.deepStrictEqual(opened.folders(), [])
      }
      yield* repository.load("m")
      assert.strictEqual(batchSize(opened, "m"), 3)
      assert.deepStrictEqual(opened.log(), ["open m 1"])
    }))

  it.effect("is written nowhere when the disk is full", () =>
    Effect.gen(function*() {
      const full = PlatformError.systemError({
        _tag: "Unknown",
        module: "FileSystem",
        method: "writeFile",
        description: "no space left on device"
      })
      let writes = 0
      const opened = yield* explicit({ "m/1/model.onnx": onnx }, {
        fileSystem: (real) => ({
          writeFile: (path, data, options) => ++writes > 1 ? Effect.fail(full) : real.writeFile(path, data, options)
        })
      })
      yield* opened.repository.load("m")
      const sent = { config: "{}", files: files("1/model.onnx", "2/model.onnx") }
      const error = yield* Effect.flip(opened.repository.load("m", sent))
      assert.strictEqual(
        error.message,
        `${failed("m")}\nfailed to write the files that came with the load: no space left on device`
      )
      assert.deepStrictEqual(opened.folders(), [])
      assert.strictEqual(serving(opened, "m"), 1)
    }))

  it.effect("is told where no temporary folder can be made, or removed", () =>
    Effect.gen(function*() {
      const denied = PlatformError.systemError({ _tag: "PermissionDenied", module: "FileSystem", method: "x" })
      const sent = { config: "{}", files: files("1/model.onnx") }
      const without = yield* explicit({}, { fileSystem: () => ({ makeTempDirectory: () => Effect.fail(denied) }) })
      assert.strictEqual(
        (yield* Effect.flip(without.repository.load("m", sent))).message,
        `${failed("m")}\nfailed to make a temporary folder for the files of the load: Permission denied`
      )
      const kept = yield* explicit({}, { fileSystem: () => ({ remove: () => Effect.fail(denied) }) })
      yield* kept.repository.load("m", sent)
      yield* kept.repository.unload("m")
      assert.deepStrictEqual(kept.folders(), [["1"]])
    }))

  it.effect("is bounded in the number of models", () =>
    Effect.gen(function*() {
      const opened = yield* explicit({}, { maxOverriddenModels: 2 })
      const { repository } = opened
      const sent = { config: "{}", files: files("1/model.onnx") }
      const bad = { config: "{}", files: new Map([["1/model.onnx", new Uint8Array(3)]]) }
      for (let i = 0; i < 4; i++) yield* Effect.flip(repository.load("bad", bad))
      yield* repository.load("a", sent)
      yield* repository.load("b", sent)
      const third = yield* Effect.flip(repository.load("c", sent))
      assert.strictEqual(third._tag === "LoadFailed" && third.code, "UNAVAILABLE")
      assert.include(third.message, "2 models are served from files that came with a load, the most")
      yield* repository.load("b", { ...sent, config: `{"max_batch_size": 2}` })
      yield* repository.unload("a")
      yield* repository.load("c", sent)
      assert.strictEqual(opened.folders().length, 2)
    }))

  it.effect("leaves nothing behind under a name that only the caller knows of, when it fails or is given up", () =>
    Effect.gen(function*() {
      const opened = yield* explicit({ "m/1/model.onnx": onnx }, {
        opening: (label) => label === "slow 1" ? Effect.never : Effect.void
      })
      const { repository } = opened
      yield* repository.load("m")
      const bad = { config: "{}", files: new Map([["1/model.onnx", new Uint8Array(3)]]) }
      const unusable = { config: `{"name": "other"}`, files: files("1/model.onnx") }
      yield* Effect.flip(repository.load("bad", bad))
      yield* Effect.flip(repository.load("worse", unusable))
      const slow = yield* Effect.forkChild(repository.load("slow", { config: "{}", files: files("1/model.onnx") }))
      while ((yield* opened.rows("slow")).length === 0) yield* Effect.yieldNow
      yield* Fiber.interrupt(slow)
      for (const name of ["bad", "worse", "slow"]) {
        const found = repository.lookup(name, "")
        assert.include(Result.isFailure(found) && found.failure.message, "is not found", name)
      }
      assert.isTrue(yield* repository.allReady, "the server's own models are ready")
      assert.deepStrictEqual(opened.folders(), [])
    }))

  it.effect("stays in force when its caller goes away the moment it serves", () =>
    Effect.gen(function*() {
      const opened = yield* explicit({}, {
        onEvent: (event) => event._tag === "Ready" ? Effect.never : Effect.void
      })
      const { repository } = opened
      const load = yield* Effect.forkChild(repository.load("sent", { config: "{}", files: files("1/model.onnx") }))
      while (serving(opened, "sent") === undefined) yield* Effect.yieldNow
      yield* Fiber.interrupt(load)
      yield* repository.load("sent")
      assert.strictEqual(serving(opened, "sent"), 1)
      assert.deepStrictEqual(opened.folders(), [["1"]])
    }))

  it.effect("stays on disk for versions that are not in memory now", () =>
    Effect.gen(function*() {
      const opened = yield* explicit({}, {
        residency: {
          budgetBytes: 0,
          idleTime: Duration.seconds(1),
          maxWaiting: 10,
          maxWait: Duration.seconds(60),
          residentBytes: () => 0
        }
      })
      const { repository } = opened
      const sent = { config: `{"version_policy": {"all": {}}}`, files: files("1/model.onnx", "2/model.onnx") }
      yield* repository.load("a", sent)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(opened.log(), ["open a 1", "open a 2", "close a 1", "close a 2"])
      yield* repository.load("a", {
        ...sent,
        files: new Map([["1/model.onnx", Models.simple({ shape: ["n", 4] })]]),
        version: 1
      })
      const found = yield* whenResident(() => repository.lookup("a", "2"))
      assert.strictEqual(found.version, 2)
      assert.strictEqual(opened.folders().length, 2)
      yield* repository.unload("a")
      yield* TestClock.adjust("1 second")
      yield* opened.gone
    }))

  it.effect("needs no model on disk to be served, and ends none that is there", () =>
    Effect.gen(function*() {
      const opened = yield* explicit({ "m/1/model.onnx": onnx })
      const bare = yield* Effect.flip(opened.repository.load("absent", { config: "{}" }))
      assert.strictEqual(
        bare.message,
        `${failed("absent")}\nfailed to poll model 'absent': model not found in any model repository.`
      )
      yield* opened.repository.load("m", { config: "{}", files: files("5/model.onnx") })
      yield* Effect.promise(() => rm(join(opened.root, "m"), { recursive: true }))
      yield* opened.repository.load("m", { config: "{}", files: files("6/model.onnx") })
      assert.deepStrictEqual(yield* opened.rows("m"), ["6 READY"])
      assert.isFalse(existsSync(join(opened.root, "m")))
    }))
})
