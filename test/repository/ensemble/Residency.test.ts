import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Result } from "effect"
import { TestClock } from "effect/testing"
import { whenResident } from "../../../src/services/ModelRepository.ts"
import * as Models from "../../fixtures/onnx/Models.ts"
import { onnx, open, type Opened } from "../control/Repository.ts"
import type * as TemporaryRepository from "../TemporaryRepository.ts"
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
  ...folder("outer", chain((from, to) => nested("e", from, to), "x"))
}

/** Models take what their files do. */
const start = Effect.fnUntraced(function*(
  files: TemporaryRepository.Tree,
  room: number,
  setup: Parameters<typeof open>[1] = {}
) {
  const running = new Running()
  const opened = yield* open(files, {
    running: running.run,
    residency: {
      budgetBytes: Math.ceil(onnx.byteLength * room),
      idleTime: Duration.infinity,
      maxWaiting: 4,
      // The disk answers in its own time, however fast that of the test passes.
      maxWait: Duration.days(1),
      residentBytes: () => 0
    },
    ...setup
  })
  return { ...opened, running }
})

/** A request that waits for what has to load first. */
const ask = (opened: Pick<Opened, "lookup">, model: string) =>
  Effect.flatMap(whenResident(() => opened.lookup(model, "")), (found) => infer(Result.succeed(found)))

/** Lets time pass until it has come to its end: what was just loaded stays for a while, so that whoever asked for it can come. */
const inTime = Effect.fnUntraced(function*<A, E>(effect: Effect.Effect<A, E>) {
  const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
  while (fiber.pollUnsafe() === undefined) {
    yield* Effect.promise(() => new Promise<void>((resume) => setImmediate(resume)))
    yield* TestClock.adjust("50 millis")
  }
  return yield* Fiber.join(fiber)
})

describe("ensembles of models that load when they are asked for", () => {
  it.effect("are ready from the start, and bring their models with the first request", () =>
    Effect.gen(function*() {
      const opened = yield* start(tree, 10, { exitOnError: true })
      assert.deepStrictEqual(opened.log(), [])
      assert.deepStrictEqual(yield* opened.rows("outer"), [
        "1 READY not in memory: its models load when it is asked for"
      ])
      assert.isTrue(yield* opened.repository.allReady)
      assert.strictEqual(yield* ask(opened, "outer"), 8)
      assert.deepStrictEqual(opened.log(), ["open x 1", "open y 1"])
      assert.deepStrictEqual(yield* opened.rows("outer"), ["1 READY"])
      assert.strictEqual(opened.repository.residency!().known, 2, "an ensemble takes no room")
    }))

  it.effect("answer where there is room for one of their models only", () =>
    Effect.gen(function*() {
      const opened = yield* start(tree, 1.5)
      assert.strictEqual(yield* inTime(ask(opened, "outer")), 8)
      assert.strictEqual(yield* inTime(ask(opened, "outer")), 8)
      const figures = opened.repository.residency!()
      assert.isAtMost(figures.accountedBytes, figures.budgetBytes)
      assert.isAbove(figures.evictions.budget, 1)
    }))

  it.effect("keep the model that runs for them in memory", () =>
    Effect.gen(function*() {
      const opened = yield* start({ ...tree, "z/1/model.onnx": onnx }, 2.5)
      yield* ask(opened, "e")
      const arrived = opened.running.hold("y 1")
      const request = yield* Effect.forkChild(ask(opened, "e"))
      yield* arrived
      yield* inTime(whenResident(() => opened.lookup("z", "")))
      assert.deepStrictEqual(opened.log().filter((event) => event.startsWith("close")), ["close x 1"])
      yield* opened.running.letGo("y 1")
      assert.strictEqual(yield* Fiber.join(request), 4)
    }))

  it.effect("say what is wrong when they are asked for, where that cannot be known before", () =>
    Effect.gen(function*() {
      const opened = yield* start({ ...tree, "y/1/model.onnx": Models.simple({ shape: ["batch", 8] }) }, 10)
      const why =
        "in ensemble e, ensemble tensor t1: inconsistent shape: [-1,16] is inferred from model x while [-1,8] is " +
        "inferred from model y\nIN -> step 0 'x' -> t1 -> step 1 'y'"
      const refused = yield* Effect.flip(ask(opened, "e"))
      assert.strictEqual(
        refused.message,
        `Request for unknown model: 'e' version 1 is not at ready state: Invalid argument: ${why}`
      )
      assert.deepStrictEqual(yield* opened.rows("e"), [`1 UNAVAILABLE Invalid argument: ${why}`])
      const failing = yield* start(tree, 10, { fails: (label) => label === "y 1" })
      const failed = yield* Effect.flip(ask(failing, "e"))
      assert.include(
        failed.message,
        "ensemble 'e' depends on 'y' which has no loaded version. Model 'y' loading failed with error: Request for unknown " +
          "model: 'y' version 1 is not at ready state: loading it failed; the repository index says why"
      )
      const missing = yield* start(folder("e", chain("absent")), 10)
      assert.deepStrictEqual(yield* missing.rows("e"), [
        "1 UNAVAILABLE Invalid argument: ensemble e contains models that are not available or ambiguous: absent\nstep 0 names 'absent'"
      ])
    }))

  it.effect("are not waited for by more requests than may wait", () =>
    Effect.gen(function*() {
      const opened = yield* start(tree, 10, { opening: () => Effect.never })
      const waiting = yield* Effect.forEach(
        Array.from({ length: 4 }),
        () => Effect.forkChild(ask(opened, "e"), { startImmediately: true })
      )
      const refused = yield* Effect.flip(ask(opened, "e"))
      assert.include(refused.message, "4 requests wait for it already (--model-residency-max-waiting)")
      yield* Effect.forEach(waiting, Fiber.interrupt, { discard: true })
    }))

  it.effect("load with their models when they are loaded by name, and are opened anew when one is replaced", () =>
    Effect.gen(function*() {
      const opened = yield* start(tree, 10, { controlMode: "explicit" })
      yield* opened.repository.load("e")
      assert.deepStrictEqual(opened.log().toSorted(), ["open x 1", "open y 1"])
      assert.deepStrictEqual(yield* opened.rows("e"), ["1 READY"])
      yield* opened.write({ "y/1/model.onnx": Models.simple({ shape: ["batch", 8] }) })
      yield* opened.repository.load("y")
      assert.match((yield* opened.rows("e")).join(), /^1 UN.* inconsistent shape: /)
      yield* opened.write({ "y/1/model.onnx": onnx })
      yield* opened.repository.load("y")
      assert.strictEqual(yield* ask(opened, "e"), 4)
      yield* opened.repository.unload("x")
      assert.match((yield* opened.rows("e")).join(), /'e' depends on 'x' which has no loaded version/)
      yield* opened.repository.load("x")
      assert.strictEqual(yield* ask(opened, "e"), 4)
    }))
})
