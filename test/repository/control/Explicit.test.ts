import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { rm } from "node:fs/promises"
import { join } from "node:path"
import { Departure, make as makeDeparture } from "../../../src/services/Departure.ts"
import * as TemporaryRepository from "../TemporaryRepository.ts"
import { onnx, open, type Opened, openRoots, serving, type Setup } from "./Repository.ts"

const all = "version_policy { all { } }"
const two = { "m/config.pbtxt": all, "m/1/model.onnx": onnx, "m/2/model.onnx": onnx }

/** Other bytes that are the same model: what follows is a field that nobody reads. */
const changed = (text: string) => Buffer.concat([onnx, Buffer.from([0xfa, 0x3f, text.length]), Buffer.from(text)])

const explicit = (tree: TemporaryRepository.Tree, setup: Setup = {}) =>
  open(tree, { controlMode: "explicit", ...setup })

const failed = (name: string) => `failed to load '${name}', failed to poll from model repository`

/** What is opened and closed by what follows. */
const since = (opened: Opened) => {
  const before = opened.log().length
  return () => opened.log().slice(before).toSorted()
}

const remove = (opened: Opened, path: string) => Effect.promise(() => rm(join(opened.root, path), { recursive: true }))

describe("models on demand", () => {
  it.effect("loads at start-up what it is told to", () =>
    Effect.gen(function*() {
      const tree = { "a/1/model.onnx": onnx, "b/1/model.onnx": onnx, "junk/config.pbtxt": "x" }
      const none = yield* explicit(tree)
      assert.deepStrictEqual(none.log(), [])
      assert.deepStrictEqual(none.complaints(), [])
      assert.deepStrictEqual(yield* none.repository.index, [{ name: "a" }, { name: "b" }, { name: "junk" }])
      assert.isTrue(yield* none.repository.allReady)
      const some = yield* explicit(tree, { loadModels: ["b"], exitOnError: true })
      assert.deepStrictEqual(some.log(), ["open b 1"])
      const everything = yield* explicit({ "a/1/model.onnx": onnx, "b/1/model.onnx": onnx }, {
        loadModels: ["*"],
        exitOnError: true
      })
      assert.deepStrictEqual(everything.log().toSorted(), ["open a 1", "open b 1"])
      const missing = yield* Effect.flip(explicit(tree, { loadModels: ["a", "absent"], exitOnError: true }))
      assert.deepStrictEqual(missing._tag === "ModelsNotLoaded" && missing.failures, [{
        model: "absent",
        reason: "failed to poll model 'absent': model not found in any model repository."
      }])
      const both = yield* Effect.flip(explicit(tree, { loadModels: ["*", "a"] }))
      assert.strictEqual(
        both.message,
        "Wildcard model name '*' must be the ONLY startup model if specified at all."
      )
    }))

  it.effect("loads what changed, and nothing else", () =>
    Effect.gen(function*() {
      const opened = yield* explicit({ ...two, "m/labels.txt": "a" })
      const { repository, write } = opened
      yield* repository.load("m")
      const steps: ReadonlyArray<
        readonly [what: string, change: Effect.Effect<unknown>, events: ReadonlyArray<string>]
      > = [
        ["nothing", Effect.void, []],
        ["the same contents, written again", write({ "m/1/model.onnx": onnx }), []],
        ["a comment", write({ "m/config.pbtxt": `# how it is served\n${all}` }), []],
        ["the file of one version", write({ "m/2/model.onnx": changed("2") }), ["close m 2", "open m 2"]],
        ["a new version", write({ "m/3/model.onnx": onnx }), ["open m 3"]],
        ["a version less", remove(opened, "m/1"), ["close m 1"]],
        [
          "a file beside the versions",
          write({ "m/labels.txt": "b" }),
          ["close m 2", "close m 3", "open m 2", "open m 3"]
        ],
        [
          "the config",
          write({ "m/config.pbtxt": `${all} max_batch_size: 2` }),
          ["close m 2", "close m 3", "open m 2", "open m 3"]
        ],
        ["how versions are rolled out", write({ "m/rollout.json": `{"labels":{"stable":2}}` }), []]
      ]
      for (const [what, change, events] of steps) {
        const happened = since(opened)
        yield* change
        yield* repository.load("m")
        assert.deepStrictEqual(happened(), events, what)
      }
      assert.strictEqual(serving(opened, "m", "stable"), 2)
      assert.deepStrictEqual(yield* opened.rows("m"), ["2 READY", "3 READY"], "a version that is gone is not kept")
    }))

  it.effect("keeps what serves when a reload fails, says why, and tries again", () =>
    Effect.gen(function*() {
      const opened = yield* explicit({ "m/1/model.onnx": onnx })
      const { repository, write } = opened
      yield* repository.load("m")
      opened.complaints()
      yield* write({ "m/1/model.onnx": "no model" })
      for (let i = 0; i < 2; i++) {
        const error = yield* Effect.flip(repository.load("m"))
        assert.strictEqual(error._tag, "LoadFailed")
        assert.match(error.message, /^load failed for model 'm': version 1 is at UNAVAILABLE state: Internal: /)
        assert.match(opened.complaints().join(), /^failed to load 'm' version 1: Internal: /)
        assert.match(
          (yield* opened.rows("m")).join(),
          /^1 READY serves what was loaded before; loading again failed: Internal: /
        )
        assert.strictEqual(serving(opened, "m"), 1)
      }
      yield* write({ "m/1/model.onnx": onnx, "m/config.pbtxt": "max_batch_sizes: 1" })
      const poll = yield* Effect.flip(repository.load("m"))
      assert.isTrue(poll.message.startsWith(`${failed("m")}\nfailed to read text proto from `), poll.message)
      assert.match(
        (yield* opened.rows("m")).join(),
        /^1 READY serves what was loaded before; loading again failed: .*/
      )
      yield* remove(opened, "m/config.pbtxt")
      const happened = since(opened)
      yield* repository.load("m")
      assert.deepStrictEqual(happened(), [], "what serves is what is there again")
      assert.deepStrictEqual(yield* opened.rows("m"), ["1 READY"])
    }))

  it.effect("forgets why a version failed that is not wanted any more", () =>
    Effect.gen(function*() {
      const opened = yield* explicit({ ...two, "m/2/model.onnx": "no model" })
      yield* Effect.flip(opened.repository.load("m"))
      assert.isFalse(yield* opened.repository.allReady)
      yield* remove(opened, "m/2")
      yield* opened.repository.load("m")
      assert.deepStrictEqual(yield* opened.rows("m"), ["1 READY"])
      assert.isTrue(yield* opened.repository.allReady)
    }))

  it.effect("loads and unloads one version by itself", () =>
    Effect.gen(function*() {
      const opened = yield* explicit({ ...two, "m/config.pbtxt": "" })
      const { repository } = opened
      yield* repository.load("m", { version: 1 })
      assert.deepStrictEqual(yield* opened.rows("m"), ["1 READY"], "the policy serves the latest alone")
      yield* repository.load("m", { version: "2" })
      assert.deepStrictEqual(repository.readyVersions("m"), [1, 2])
      yield* repository.unload("m", { version: 2 })
      assert.deepStrictEqual(yield* opened.rows("m"), ["1 READY", "2 UNAVAILABLE unloaded"])
      yield* repository.unload("m", { version: 9 })
      yield* repository.load("m")
      assert.deepStrictEqual(yield* opened.rows("m"), ["1 UNAVAILABLE unloaded", "2 READY"])
      for (const version of ["", "x", "-1", "1.5", "9007199254740993", NaN]) {
        const refused = yield* Effect.flip(repository.load("m", { version }))
        assert.strictEqual(refused._tag, "InvalidRequest", String(version))
        assert.strictEqual((yield* Effect.flip(repository.unload("m", { version })))._tag, "InvalidRequest")
      }
      const missing = yield* Effect.flip(repository.load("m", { version: 7 }))
      assert.strictEqual(
        missing.message,
        "failed to load 'm', no version is available\nversion 7 is not in the repository, which holds 1, 2"
      )
      assert.deepStrictEqual(repository.readyVersions("m"), [2])
    }))

  it.effect("shows a model while it loads, and lets an unload wait for it", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const reached = yield* Deferred.make<void>()
      const opened = yield* explicit({ "m/1/model.onnx": onnx, "other/1/model.onnx": onnx }, {
        opening: (label) =>
          label === "m 1" ? Effect.andThen(Deferred.succeed(reached, undefined), Deferred.await(gate)) : Effect.void
      })
      const { repository } = opened
      const load = yield* Effect.forkChild(repository.load("m"))
      yield* Deferred.await(reached)
      const unload = yield* Effect.forkChild(repository.unload("m"), { startImmediately: true })
      assert.deepStrictEqual(yield* opened.rows("m"), ["1 LOADING"])
      assert.isFalse(yield* repository.allReady)
      yield* repository.load("other")
      assert.isUndefined(unload.pollUnsafe())
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(load)
      yield* Fiber.join(unload)
      assert.deepStrictEqual(yield* opened.rows("m"), ["1 UNAVAILABLE unloaded"])
      assert.deepStrictEqual(opened.log().filter((event) => event.endsWith("m 1")), ["open m 1", "close m 1"])
    }))

  it.effect("opens nothing twice for callers that come at the same time", () =>
    Effect.gen(function*() {
      const opened = yield* explicit({ "m/1/model.onnx": onnx })
      yield* Effect.all(Array.from({ length: 50 }, () => opened.repository.load("m")), { concurrency: "unbounded" })
      assert.deepStrictEqual(opened.log(), ["open m 1"])
    }))

  it.effect("gives up a load whose caller goes away, and loads for the next one", () =>
    Effect.gen(function*() {
      const reached = yield* Deferred.make<void>()
      let first = true
      const opened = yield* explicit({ "m/1/model.onnx": onnx }, {
        opening: () => {
          if (!first) return Effect.void
          first = false
          return Effect.andThen(Deferred.succeed(reached, undefined), Effect.never)
        }
      })
      const load = yield* Effect.forkChild(opened.repository.load("m"))
      yield* Deferred.await(reached)
      const next = yield* Effect.forkChild(opened.repository.load("m"), { startImmediately: true })
      yield* Fiber.interrupt(load)
      yield* Fiber.join(next)
      assert.strictEqual(serving(opened, "m"), 1)
    }))

  it.effect("gives up what loads when the server begins to end", () =>
    Effect.gen(function*() {
      const departure = makeDeparture()
      const reached = yield* Deferred.make<void>()
      const opened = yield* explicit({ "m/1/model.onnx": onnx }, {
        opening: () => Effect.andThen(Deferred.succeed(reached, undefined), Effect.never)
      }).pipe(Effect.provideService(Departure, departure))
      const load = yield* Effect.forkChild(Effect.flip(opened.repository.load("m")))
      yield* Deferred.await(reached)
      yield* departure.begin
      assert.strictEqual((yield* Fiber.join(load)).message, "Server exiting")
      assert.deepStrictEqual(opened.log(), [])
    }))

  it.effect("loads no model that two roots hold, until one of them is gone", () =>
    Effect.gen(function*() {
      const one = yield* TemporaryRepository.make({ "m/1/model.onnx": onnx })
      const other = yield* TemporaryRepository.make({ "m/1/model.onnx": onnx })
      // The order in which the index lists them.
      const [first, second] = one < other ? [one, other] : [other, one]
      const opened = yield* openRoots([first, second], { controlMode: "explicit" })
      const error = yield* Effect.flip(opened.repository.load("m"))
      assert.isTrue(error.message.startsWith(
        `${failed("m")}\nfailed to poll model 'm': not unique across all model repositories (`
      ))
      assert.deepStrictEqual(yield* opened.rows("m"), ["UNAVAILABLE model appears in two or more repositories"])
      yield* remove(opened, "m")
      yield* opened.repository.load("m")
      assert.deepStrictEqual(yield* opened.rows("m"), ["1 READY"])

      yield* opened.write({ "m/2/model.onnx": onnx })
      const spaced = yield* openRoots([first, second], { controlMode: "explicit", modelNamespacing: true })
      yield* spaced.repository.load("m")
      assert.sameMembers([...yield* spaced.rows("m")], ["2 READY", "1 READY"])
      yield* spaced.repository.unload("m")
      assert.sameMembers([...yield* spaced.rows("m")], ["2 UNAVAILABLE unloaded", "1 UNAVAILABLE unloaded"])
    }))

  it.effect("goes on serving a model whose folder is gone, and lists it until it is unloaded", () =>
    Effect.gen(function*() {
      const opened = yield* explicit({ "m/1/model.onnx": onnx })
      yield* opened.repository.load("m")
      yield* remove(opened, "m")
      assert.strictEqual(
        (yield* Effect.flip(opened.repository.load("m"))).message,
        `${failed("m")}\nfailed to poll model 'm': model not found in any model repository.`
      )
      assert.deepStrictEqual(yield* opened.rows("m"), ["1 READY"])
      yield* opened.repository.unload("m")
      assert.deepStrictEqual(yield* opened.rows("m"), [])
    }))
})
