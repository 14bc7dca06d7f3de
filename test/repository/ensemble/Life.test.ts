import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Result, Scope } from "effect"
import * as Models from "../../fixtures/onnx/Models.ts"
import { onnx, open, serving, type Setup } from "../control/Repository.ts"
import type * as TemporaryRepository from "../TemporaryRepository.ts"
import { chain, doubling, ensemble, nested } from "./Configs.ts"
import { infer, Running } from "./Running.ts"

const model = (name: string): TemporaryRepository.Tree => ({ [`${name}/1/model.onnx`]: onnx })
const folder = (name: string, config: string): TemporaryRepository.Tree => ({
  [`${name}/config.pbtxt`]: config,
  [`${name}/1`]: null
})
const outerOf = (inner: string) => chain((from, to) => nested(inner, from, to))

const tree = {
  ...model("x"),
  ...model("y"),
  ...model("z"),
  ...folder("e", chain("x", "y")),
  ...folder("outer", chain((from, to) => nested("e", from, to), "x"))
}

const explicit = Effect.fnUntraced(function*(files: TemporaryRepository.Tree, setup: Setup = {}) {
  const running = new Running()
  const opened = yield* open(files, { controlMode: "explicit", running: running.run, ...setup })
  return { ...opened, running }
})

const dependsOn = (ensemble: string, step: string) =>
  `ensemble '${ensemble}' depends on '${step}' which has no loaded version.`
const unavailable = (reason: string) => [`1 UNAVAILABLE Invalid argument: ${reason}`]
const wide = Models.simple({ shape: ["batch", 8] })

/** Lets what happens in the background come to its end: a turn for each that waits for another one. */
const settled = Effect.forEach(
  Array.from({ length: 10 }),
  () => Effect.promise(() => new Promise<void>((resume) => setImmediate(resume))),
  { discard: true }
)

describe("an ensemble that is loaded on demand", () => {
  it.effect("brings what it consists of, and not the other way round", () =>
    Effect.gen(function*() {
      const opened = yield* explicit(tree)
      yield* opened.repository.load("x")
      assert.deepStrictEqual(yield* opened.rows("e"), [""])
      yield* opened.repository.load("outer")
      for (const name of ["e", "outer", "x", "y"]) assert.deepStrictEqual(yield* opened.rows(name), ["1 READY"], name)
      assert.deepStrictEqual(yield* opened.rows("z"), [""])
      assert.strictEqual(yield* infer(opened.lookup("outer", "")), 8)
      assert.deepStrictEqual(opened.running.ran, ["x 1", "y 1", "x 1"])
    }))

  it.effect("does so at start-up as well", () =>
    Effect.gen(function*() {
      const opened = yield* explicit(tree, { loadModels: ["e"], exitOnError: true })
      assert.deepStrictEqual(opened.events.flatMap((event) => event._tag === "Ready" ? [event.model] : []).toSorted(), [
        "e",
        "x",
        "y"
      ])
      const failed = yield* Effect.flip(
        explicit(tree, { loadModels: ["e"], exitOnError: true, fails: (label) => label === "y 1" })
      )
      assert.deepStrictEqual(failed._tag === "ModelsNotLoaded" && failed.failures.map(({ model }) => model), ["e", "y"])
    }))

  it.effect("takes up what changed of its models, and is not opened again where nothing did", () =>
    Effect.gen(function*() {
      const opened = yield* explicit(tree)
      const ready = () => opened.events.flatMap((event) => event._tag === "Ready" ? [event.model] : [])
      yield* opened.repository.load("e")
      yield* opened.repository.load("e")
      assert.strictEqual(ready().length, 3)
      yield* opened.write({ "y/labels.txt": "1" })
      yield* opened.repository.load("e")
      assert.deepStrictEqual(ready().slice(3), ["y", "e"])
    }))

  it.effect("answers with what its models failed with, and comes up by itself when they load", () =>
    Effect.gen(function*() {
      let broken = true
      const opened = yield* explicit(tree, { fails: (label) => broken && label === "y 1" })
      const why =
        "ensemble 'e' depends on 'y' which has no loaded version. Model 'y' loading failed with error: version 1 is " +
        "at UNAVAILABLE state: Internal: onnx runtime error 1: no;"
      const error = yield* Effect.flip(opened.repository.load("e"))
      assert.strictEqual(error._tag, "LoadFailed")
      assert.strictEqual(
        error.message,
        `load failed for model 'e': version 1 is at UNAVAILABLE state: Invalid argument: ${why};\n`
      )
      assert.deepStrictEqual(yield* opened.rows("e"), unavailable(why))
      broken = false
      yield* opened.repository.load("y")
      assert.deepStrictEqual(yield* opened.rows("e"), ["1 READY"])
    }))

  it.effect("serves on as it was where its new config is wrong, and is what it was for later changes too", () =>
    Effect.gen(function*() {
      const opened = yield* explicit(tree)
      yield* opened.repository.load("e")
      yield* opened.write({ "e/config.pbtxt": chain("x", "absent") })
      const why = "ensemble e contains models that are not available or ambiguous: absent\nstep 1 names 'absent'"
      const error = yield* Effect.flip(opened.repository.load("e"))
      assert.include(error.message, why)
      assert.deepStrictEqual(yield* opened.rows("e"), [
        `1 READY serves what was loaded before; loading again failed: Invalid argument: ${why}`
      ])
      assert.strictEqual(yield* infer(opened.lookup("e", "")), 4)
      yield* opened.write({ "y/labels.txt": "1" })
      yield* opened.repository.load("y")
      assert.strictEqual(yield* infer(opened.lookup("e", "")), 4)
      yield* opened.write({ "e/config.pbtxt": chain("x", "y", "x") })
      yield* opened.repository.load("e")
      assert.strictEqual(yield* infer(opened.lookup("e", "")), 8)
    }))

  it.effect("may come with a config, or with all of its files", () =>
    Effect.gen(function*() {
      const opened = yield* explicit(tree)
      const json = (models: ReadonlyArray<string>) =>
        JSON.stringify({
          platform: "ensemble",
          max_batch_size: 4,
          input: [{ name: "IN", data_type: "TYPE_INT32", dims: [16] }],
          output: [{ name: "OUT", data_type: "TYPE_INT32", dims: [16] }],
          ensemble_scheduling: {
            step: models.map((name, i) => ({
              model_name: name,
              model_version: -1,
              input_map: { INPUT0: i === 0 ? "IN" : `t${i}`, INPUT1: i === 0 ? "IN" : `t${i}` },
              output_map: { OUTPUT0: i === models.length - 1 ? "OUT" : `t${i + 1}` }
            }))
          }
        })
      yield* opened.repository.load("e", { config: json(["z", "z", "z"]) })
      assert.strictEqual(yield* infer(opened.lookup("e", "")), 8)
      yield* opened.repository.load("e")
      assert.strictEqual(yield* infer(opened.lookup("e", "")), 8, "it stays in force")
      yield* opened.repository.load("sent", {
        config: json(["x"]),
        files: new Map([["1/note.txt", new Uint8Array(1)]])
      })
      assert.strictEqual(yield* infer(opened.lookup("sent", "")), 2)
      yield* Effect.flip(
        opened.repository.load("gone", {
          config: json(["absent"]),
          files: new Map([["1/note.txt", new Uint8Array(1)]])
        })
      )
      assert.deepStrictEqual(yield* opened.rows("gone"), [], "nothing stays behind of what only a caller knows of")
      yield* opened.repository.unload("sent")
      yield* settled
      assert.deepStrictEqual(yield* opened.rows("sent"), [])
    }))
})

describe("an ensemble whose model is replaced", () => {
  it.effect("is opened again, with those that consist of it, and fails no request", () =>
    Effect.gen(function*() {
      const opened = yield* explicit(tree)
      yield* opened.repository.load("outer")
      const arrived = opened.running.hold("x 1")
      const request = yield* Effect.forkChild(infer(opened.lookup("outer", "")))
      yield* arrived
      yield* opened.write({ "y/labels.txt": "1" })
      yield* opened.repository.load("y")
      assert.deepStrictEqual(
        opened.events.slice(-6).flatMap((event) => event._tag === "Ready" ? [event.model] : []),
        ["y", "e", "outer"]
      )
      yield* opened.running.letGo("x 1")
      assert.strictEqual(yield* Fiber.join(request), 8)
      assert.strictEqual(yield* infer(opened.lookup("outer", "")), 8)
    }))

  it.effect("leaves before one that does not fit takes over, finishes on the one that did, and comes back", () =>
    Effect.gen(function*() {
      const opened = yield* explicit(tree)
      yield* opened.repository.load("outer")
      const arrived = opened.running.hold("x 1")
      const request = yield* Effect.forkChild(infer(opened.lookup("outer", "")))
      yield* arrived
      yield* opened.write({ "y/1/model.onnx": wide })
      yield* opened.repository.load("y")
      const why =
        "in ensemble e, ensemble tensor t1: inconsistent shape: [-1,16] is inferred from model x while [-1,8] is " +
        "inferred from model y\nIN -> step 0 'x' -> t1 -> step 1 'y'"
      assert.isUndefined(serving(opened, "e"))
      assert.isUndefined(serving(opened, "outer"))
      assert.strictEqual(serving(opened, "y"), 1)
      assert.strictEqual(opened.log().filter((event) => event === "close y 1").length, 0, "somebody needs it")
      yield* opened.running.letGo("x 1")
      assert.strictEqual(yield* Fiber.join(request), 8)
      yield* settled
      assert.strictEqual(opened.log().filter((event) => event === "close y 1").length, 1)
      assert.deepStrictEqual(yield* opened.rows("e"), unavailable(why))
      assert.deepStrictEqual(
        yield* opened.rows("outer"),
        unavailable(`ensemble 'outer' depends on 'e' which is not valid. Model 'e' failed with error: ${why}`)
      )
      yield* opened.write({ "y/1/model.onnx": onnx })
      yield* opened.repository.load("y")
      assert.strictEqual(yield* infer(opened.lookup("outer", "")), 8)
    }))

  it.effect("follows the version that its step asks for", () =>
    Effect.gen(function*() {
      const opened = yield* explicit({
        "x/1/model.onnx": onnx,
        "x/2/model.onnx": onnx,
        "x/config.pbtxt": "version_policy { all { } }",
        ...folder("pinned", ensemble({ steps: [doubling("x", "IN", "OUT", 1)] })),
        ...folder("latest", chain("x"))
      })
      yield* opened.repository.load("pinned")
      yield* opened.repository.load("latest")
      yield* infer(opened.lookup("pinned", ""))
      yield* infer(opened.lookup("latest", ""))
      yield* opened.repository.unload("x", { version: 2 })
      yield* infer(opened.lookup("pinned", ""))
      yield* infer(opened.lookup("latest", ""))
      assert.deepStrictEqual(opened.running.ran, ["x 1", "x 2", "x 1", "x 1"])
      yield* opened.repository.load("x", { version: 2 })
      yield* opened.repository.unload("x", { version: 1 })
      assert.deepStrictEqual(
        yield* opened.rows("pinned"),
        unavailable("ensemble 'pinned' depends on 'x' whose required version 1 is not loaded.")
      )
      assert.deepStrictEqual(yield* opened.rows("latest"), ["1 READY"])
    }))
})

describe("an ensemble whose model is unloaded", () => {
  it.effect("goes first, with those that consist of it, answers what it accepted, and comes back with it", () =>
    Effect.gen(function*() {
      const opened = yield* explicit(tree)
      yield* opened.repository.load("outer")
      const arrived = opened.running.hold("x 1")
      const request = yield* Effect.forkChild(infer(opened.lookup("outer", "")))
      yield* arrived
      yield* opened.repository.unload("y")
      for (const name of ["e", "outer", "y"]) assert.isUndefined(serving(opened, name), name)
      yield* settled
      assert.deepStrictEqual(yield* opened.rows("y"), ["1 UNLOADING"])
      assert.deepStrictEqual(yield* opened.rows("e"), [`1 UNLOADING Invalid argument: ${dependsOn("e", "y")}`])
      yield* opened.running.letGo("x 1")
      assert.strictEqual(yield* Fiber.join(request), 8)
      yield* settled
      assert.deepStrictEqual(yield* opened.rows("y"), ["1 UNAVAILABLE unloaded"])
      assert.deepStrictEqual(yield* opened.rows("e"), unavailable(dependsOn("e", "y")))
      assert.deepStrictEqual(
        opened.events.flatMap((event) => event._tag === "Unloaded" ? [event.model] : []),
        ["outer", "e", "y"]
      )
      assert.isFalse(yield* opened.repository.allReady)
      yield* opened.repository.load("y")
      assert.isTrue(yield* opened.repository.allReady)
      assert.strictEqual(yield* infer(opened.lookup("outer", "")), 8)
    }))

  it.effect("stays away when it was unloaded itself", () =>
    Effect.gen(function*() {
      const opened = yield* explicit(tree)
      yield* opened.repository.load("e")
      yield* opened.repository.unload("y")
      yield* opened.repository.unload("e")
      yield* settled
      assert.deepStrictEqual(yield* opened.rows("e"), ["1 UNAVAILABLE unloaded"])
      yield* opened.repository.load("y")
      assert.deepStrictEqual(yield* opened.rows("e"), ["1 UNAVAILABLE unloaded"])
      assert.isTrue(yield* opened.repository.allReady)
    }))

  it.effect("leaves what it consists of, unless it is told to take it along", () =>
    Effect.gen(function*() {
      const opened = yield* explicit({ ...tree, ...folder("other", chain("x")) })
      const ready = () =>
        Effect.map(opened.repository.index, (rows) =>
          rows.flatMap(({ name, state }) => state === "READY" ? [name] : []).join())
      yield* opened.repository.load("outer")
      yield* opened.repository.unload("outer")
      assert.strictEqual(yield* ready(), "e,x,y")
      yield* opened.repository.load("outer")
      yield* opened.repository.unload("outer", { unloadDependents: true })
      assert.strictEqual(yield* ready(), "", "those of the ensembles that it consists of as well")
      yield* opened.repository.load("outer")
      yield* opened.repository.load("other")
      yield* opened.repository.load("y")
      yield* opened.repository.unload("outer", { unloadDependents: true })
      assert.strictEqual(yield* ready(), "other,x,y", "another one uses x, and y was loaded by its name")
      yield* opened.repository.unload("y")
      yield* opened.repository.load("outer")
      yield* opened.repository.unload("other", { unloadDependents: true })
      yield* opened.repository.unload("x", { unloadDependents: true })
      assert.strictEqual(yield* ready(), "y")
    }))

  it.effect("closes before its models when the server ends", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const opened = yield* Scope.provide(explicit(tree, { loadModels: ["outer"] }), scope)
      const arrived = opened.running.hold("x 1")
      const request = yield* Effect.forkChild(infer(opened.lookup("outer", "")))
      yield* arrived
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* settled
      yield* opened.running.letGo("x 1")
      assert.strictEqual(yield* Fiber.join(request), 8)
      yield* Fiber.join(closing)
      assert.deepStrictEqual(opened.log().filter((event) => event.startsWith("close")).toSorted(), [
        "close x 1",
        "close y 1"
      ])
    }))
})

describe("ensembles of each other", () => {
  it.effect("are refused with the way round, whichever is loaded, and load when it is broken", () =>
    Effect.gen(function*() {
      const opened = yield* explicit({ ...model("x"), ...folder("a", outerOf("b")), ...folder("b", outerOf("a")) })
      const error = yield* Effect.flip(opened.repository.load("a"))
      assert.include(error.message, "circular dependency between ensembles: a -> b -> a")
      assert.deepStrictEqual(yield* opened.rows("b"), unavailable("circular dependency between ensembles: b -> a -> b"))
      yield* opened.write(folder("b", chain("x")))
      yield* opened.repository.load("b")
      assert.deepStrictEqual(yield* opened.rows("a"), ["1 READY"])
      yield* opened.write(folder("b", outerOf("a")))
      const again = yield* Effect.flip(opened.repository.load("b"))
      assert.include(again.message, "circular dependency between ensembles: b -> a -> b")
      assert.deepStrictEqual(
        (yield* opened.rows("a")).map((row) => row.slice(0, 7)),
        ["1 READY"],
        "what serves goes on"
      )
      assert.strictEqual(yield* infer(opened.lookup("a", "")), 2)
      assert.isTrue(Result.isSuccess(opened.lookup("b", "")))
    }))
})
