import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, type Scope } from "effect"
import { rm } from "node:fs/promises"
import { join } from "node:path"
import * as Models from "../../fixtures/onnx/Models.ts"
import { onnx, openRoots, polling, serving } from "../control/Repository.ts"
import * as TemporaryRepository from "../TemporaryRepository.ts"
import { chain, nested } from "./Configs.ts"
import { infer, Running } from "./Running.ts"

const folder = (name: string, config: string): TemporaryRepository.Tree => ({
  [`${name}/config.pbtxt`]: config,
  [`${name}/1`]: null
})
const tree = {
  "x/1/model.onnx": onnx,
  "y/1/model.onnx": onnx,
  ...folder("e", chain("x", "y")),
  ...folder("outer", chain((from, to) => nested("e", from, to)))
}

const start = Effect.fnUntraced(function*(files: TemporaryRepository.Tree): Effect.fn.Return<
  Effect.Success<ReturnType<typeof polling>> & { readonly gone: (path: string) => Effect.Effect<void> },
  never,
  Scope.Scope
> {
  const root = yield* TemporaryRepository.make(files)
  const opened = yield* polling([root], { running: new Running().run })
  yield* opened.poll()
  return { ...opened, gone: (path) => Effect.promise(() => rm(join(root, path), { recursive: true })) }
})

const ready = (events: ReadonlyArray<{ readonly _tag: string; readonly model?: unknown }>) =>
  events.flatMap((event) => event._tag === "Ready" ? [event.model] : [])

describe("ensembles of a repository that is polled", () => {
  it.effect("load after their models, and again when one of these changes", () =>
    Effect.gen(function*() {
      const opened = yield* start(tree)
      assert.deepStrictEqual(ready(opened.events).slice(2), ["e", "outer"])
      yield* opened.poll()
      assert.strictEqual(ready(opened.events).length, 4, "nothing changed")
      yield* opened.write({ "y/labels.txt": "1" })
      yield* opened.poll()
      assert.deepStrictEqual(ready(opened.events).slice(4), ["y", "e", "outer"])
      assert.strictEqual(yield* infer(opened.lookup("outer", "")), 4)
    }))

  it.effect("leave before a model that is gone, say so once, and come back with it", () =>
    Effect.gen(function*() {
      const opened = yield* start(tree)
      yield* opened.gone("y")
      yield* opened.poll()
      const why = "ensemble e contains models that are not available or ambiguous: y\nstep 1 names 'y'"
      assert.deepStrictEqual(yield* opened.rows("e"), [`1 UNAVAILABLE Invalid argument: ${why}`])
      assert.deepStrictEqual(yield* opened.rows("y"), [])
      assert.isUndefined(serving(opened, "outer"))
      const complaints = opened.complaints()
      assert.deepStrictEqual(complaints.slice(-2), [
        `failed to load 'e' version 1: Invalid argument: ${why}`,
        "failed to load 'outer' version 1: Invalid argument: ensemble 'outer' depends on 'e' which is not valid. Model 'e' failed " +
        `with error: ${why}`
      ])
      for (let i = 0; i < 9; i++) yield* opened.poll()
      assert.deepStrictEqual(opened.complaints(), [])
      yield* opened.write({ "y/1/model.onnx": onnx })
      yield* opened.poll()
      assert.strictEqual(yield* infer(opened.lookup("outer", "")), 4)
      yield* opened.gone("y")
      yield* opened.poll()
      assert.deepStrictEqual(
        opened.complaints().slice(-2),
        complaints.slice(-2),
        "it is told again when it comes again"
      )
    }))

  it.effect("are there without a pause when they change over from a model that goes to one that comes", () =>
    Effect.gen(function*() {
      const opened = yield* start(tree)
      yield* opened.gone("y")
      yield* opened.write({ "new/1/model.onnx": onnx, "e/config.pbtxt": chain("x", "new", "x") })
      yield* opened.poll()
      assert.deepStrictEqual(
        opened.events.flatMap((event) => event._tag === "Unloading" ? [event.model] : []),
        ["y"],
        "the ensembles were replaced"
      )
      assert.strictEqual(yield* infer(opened.lookup("outer", "")), 8)
      assert.deepStrictEqual(yield* opened.rows("y"), [])
    }))

  it.effect("wait for a model that comes later, and for one that is repaired", () =>
    Effect.gen(function*() {
      const opened = yield* start({
        "x/1/model.onnx": onnx,
        "y/1/model.onnx": "no model",
        ...folder("e", chain("x", "y"))
      })
      assert.match(
        (yield* opened.rows("e")).join(),
        /'e' depends on 'y' which has no loaded version\. Model 'y' loading failed/
      )
      yield* opened.write({ "y/1/model.onnx": onnx })
      yield* opened.poll()
      assert.deepStrictEqual(yield* opened.rows("e"), ["1 READY"])
      yield* opened.write(folder("f", chain("z")))
      yield* opened.poll()
      assert.match((yield* opened.rows("f")).join(), /not available or ambiguous: z\nstep 0 names 'z'$/)
      yield* opened.write({ "z/1/model.onnx": onnx })
      yield* opened.poll()
      assert.deepStrictEqual(yield* opened.rows("f"), ["1 READY"])
    }))

  it.effect("that are gone take nothing with them", () =>
    Effect.gen(function*() {
      const opened = yield* start(tree)
      yield* opened.gone("e")
      yield* opened.poll()
      assert.deepStrictEqual(yield* opened.rows("e"), [])
      assert.match((yield* opened.rows("outer")).join(), /not available or ambiguous: e\nstep 0 names 'e'$/)
      assert.strictEqual(serving(opened, "x"), 1)
    }))

  it.effect("may become a model, and a model an ensemble", () =>
    Effect.gen(function*() {
      const opened = yield* start({ ...tree, "m/1/model.onnx": onnx })
      yield* opened.gone("e")
      yield* opened.write({
        "e/1/model.onnx": Models.identity("INT32"),
        "e/config.pbtxt": "",
        "m/config.pbtxt": chain("x")
      })
      yield* opened.poll()
      assert.match((yield* opened.rows("outer")).join(), /mapping to non-existing input IN in model e/)
      assert.strictEqual(yield* infer(opened.lookup("m", "")), 2)
      yield* opened.gone("m/config.pbtxt")
      yield* opened.write({ "e/config.pbtxt": chain("y") })
      yield* opened.poll()
      assert.strictEqual(Result.getOrThrow(opened.lookup("m", "")).config.platform, "onnxruntime_onnx")
      assert.strictEqual(yield* infer(opened.lookup("outer", "")), 2)
    }))
})

describe("names in several roots", () => {
  const roots = Effect.forEach([
    { ...folder("e", chain("x", "y")), "x/1/model.onnx": onnx, "y/1/model.onnx": onnx },
    { "x/1/model.onnx": Models.simple({ shape: ["batch", 8] }) }
  ], TemporaryRepository.make)

  it.effect("are ambiguous for an ensemble", () =>
    Effect.gen(function*() {
      const opened = yield* openRoots(yield* roots, {})
      assert.deepStrictEqual(yield* opened.rows("e"), [
        "1 UNAVAILABLE Invalid argument: ensemble e contains models that are not available or ambiguous: x\nstep 0 names 'x'"
      ])
    }))

  it.effect("mean the model of its own root where they are spaced by root", () =>
    Effect.gen(function*() {
      const opened = yield* openRoots(yield* roots, { modelNamespacing: true, running: new Running().run })
      assert.deepStrictEqual(yield* opened.rows("e"), ["1 READY"])
      assert.isTrue(Result.isFailure(opened.lookup("x", "")), "a request would have to say which")
      assert.strictEqual(yield* infer(opened.lookup("e", "")), 4)
      assert.isTrue(Result.getOrThrow(opened.lookup("e", "")).healthy())
    }))
})
