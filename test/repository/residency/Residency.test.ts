import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber, Option, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as fc from "fast-check"
import type { ModelNotReady } from "../../../src/schema/Errors.ts"
import type { JobFailure, JobResult } from "../../../src/services/Scheduler.ts"
import * as FakeModels from "./FakeModels.ts"

type Answer = Exit.Exit<JobResult, ModelNotReady | JobFailure>

/** `answered`, or the message of the failure. */
const tagOf = (exit: Answer): string =>
  Exit.isSuccess(exit)
    ? "answered"
    : Option.match(Cause.findErrorOption(exit.cause), { onNone: () => "a defect", onSome: ({ message }) => message })

const settle = <A, E>(fiber: Fiber.Fiber<A, E>, millis = 10_000) =>
  Effect.andThen(TestClock.adjust(Duration.millis(millis)), Fiber.await(fiber))

describe("Residency", () => {
  it.effect("loads a version once for all who ask for it", () =>
    Effect.gen(function*() {
      const machine = new FakeModels.Machine()
      const residency = yield* FakeModels.make(machine)
      const version = yield* residency.add(FakeModels.source(machine, "a", { bytes: 100, loadMillis: 50 }))
      assert.deepStrictEqual(version.status(), { state: "READY", reason: "not in memory: loads when it is asked for" })
      const fibers = yield* Effect.forEach(Array.from({ length: 20 }), () =>
        Effect.forkChild(FakeModels.request(version)))
      yield* TestClock.adjust("10 millis")
      assert.strictEqual(version.status().state, "LOADING")
      assert.strictEqual(residency.figures().waiting, 20)
      for (const fiber of fibers) {
        assert.strictEqual(tagOf(yield* settle(fiber)), "answered")
      }
      assert.deepStrictEqual(machine.log, ["open a"])
      assert.deepStrictEqual(residency.figures(), {
        budgetBytes: 0,
        accountedBytes: 100,
        known: 1,
        resident: 1,
        waiting: 0,
        loads: 1,
        failures: 0,
        evictions: { budget: 0, idle: 0 }
      })
    }))

  it.effect("lets the least recently used idle version leave for another one", () =>
    Effect.gen(function*() {
      const machine = new FakeModels.Machine()
      const residency = yield* FakeModels.make(machine, { budgetBytes: 220 })
      const [a, b, c] = yield* Effect.forEach(
        ["a", "b", "c"],
        (name) => residency.add(FakeModels.source(machine, name, { bytes: 100 }))
      )
      for (const version of [a!, b!, a!, c!]) {
        assert.strictEqual(tagOf(yield* settle(yield* Effect.forkChild(FakeModels.request(version)))), "answered")
      }
      assert.deepStrictEqual(machine.log, ["open a", "open b", "close b", "open c"])
      assert.strictEqual(residency.figures().accountedBytes, 200)
    }))

  it.effect("keeps a version whose sequences are live", () =>
    Effect.gen(function*() {
      const machine = new FakeModels.Machine()
      const residency = yield* FakeModels.make(machine, { budgetBytes: 140 })
      let live = 1
      const stateful = yield* residency.add(FakeModels.source(machine, "a", { bytes: 100, sequences: () => live }))
      const other = yield* residency.add(FakeModels.source(machine, "b", { bytes: 100 }))
      assert.strictEqual(tagOf(yield* settle(yield* Effect.forkChild(FakeModels.request(stateful)))), "answered")
      const waiting = yield* Effect.forkChild(FakeModels.request(other))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(machine.log, ["open a"])
      live = 0
      assert.strictEqual(tagOf(yield* settle(waiting)), "answered")
      assert.deepStrictEqual(machine.log, ["open a", "close a", "open b"])
    }))

  it.effect("waits for room that versions in use take, up to the time that a request may wait", () =>
    Effect.gen(function*() {
      const machine = new FakeModels.Machine()
      const residency = yield* FakeModels.make(machine, { budgetBytes: 140, maxWait: Duration.seconds(5) })
      const busy = yield* residency.add(FakeModels.source(machine, "busy", { bytes: 100, runMillis: 3000 }))
      const other = yield* residency.add(FakeModels.source(machine, "other", { bytes: 100 }))
      const first = yield* Effect.forkChild(FakeModels.request(busy))
      yield* TestClock.adjust("10 millis")
      const second = yield* Effect.forkChild(FakeModels.request(other))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(machine.log, ["open busy"])
      assert.strictEqual(tagOf(yield* settle(second)), "answered")
      assert.strictEqual(tagOf(yield* settle(first)), "answered")
      const again = yield* Effect.forEach(
        [0, 2, 4, 6],
        (seconds) => Effect.forkChild(Effect.delay(FakeModels.request(busy), Duration.seconds(seconds)))
      )
      yield* TestClock.adjust("10 millis")
      const late = yield* Effect.forkChild(FakeModels.request(other))
      assert.include(tagOf(yield* settle(late, 5001)), "it was not loaded within 5s (--model-residency-wait-ms)")
      for (const fiber of again) assert.strictEqual(tagOf(yield* settle(fiber)), "answered")
    }))

  it.effect("refuses at once what can never fit, and requests beyond the bound", () =>
    Effect.gen(function*() {
      const machine = new FakeModels.Machine()
      const residency = yield* FakeModels.make(machine, { budgetBytes: 100, maxWaiting: 1 })
      const large = yield* residency.add(FakeModels.source(machine, "large", { bytes: 300 }))
      assert.include(tagOf(yield* settle(yield* Effect.forkChild(FakeModels.request(large)))), "more than the 100 that")
      assert.deepStrictEqual(machine.log, [])
      assert.strictEqual(large.status().state, "UNAVAILABLE")
      const slow = yield* residency.add(FakeModels.source(machine, "slow", { bytes: 50, loadMillis: 1000 }))
      const first = yield* Effect.forkChild(FakeModels.request(slow))
      yield* TestClock.adjust("10 millis")
      const second = yield* Effect.forkChild(FakeModels.request(slow))
      assert.include(tagOf(yield* settle(second, 0)), "--model-residency-max-waiting")
      assert.strictEqual(tagOf(yield* settle(first)), "answered")
    }))

  it.effect("measures more than the files say, and never accounts more than the budget for it", () =>
    Effect.gen(function*() {
      const machine = new FakeModels.Machine()
      const residency = yield* FakeModels.make(machine, { budgetBytes: 130 })
      const [a, b] = yield* Effect.forEach(
        ["a", "b"],
        (name) => residency.add(FakeModels.source(machine, name, { bytes: 100, runMillis: 100 }))
      )
      const first = yield* Effect.forkChild(FakeModels.request(a!))
      yield* TestClock.adjust("10 millis")
      // 50 bytes of files seem to fit beside 100; its 100 do not while the first one runs.
      const second = yield* Effect.forkChild(FakeModels.request(b!))
      yield* TestClock.adjust("10 millis")
      assert.strictEqual(residency.figures().accountedBytes, 100)
      assert.strictEqual(tagOf(yield* settle(second)), "answered")
      assert.strictEqual(tagOf(yield* settle(first)), "answered")
      assert.strictEqual(residency.figures().accountedBytes, 100)
    }))

  it.effect("lets more models leave where the process has grown by more than them, but not most of them", () =>
    Effect.gen(function*() {
      const machine = new FakeModels.Machine()
      const residency = yield* FakeModels.make(machine, { budgetBytes: 1000 })
      const versions = yield* Effect.forEach(
        Array.from({ length: 9 }, (_, i) => `m${i}`),
        (name) => residency.add(FakeModels.source(machine, name, { bytes: 100 }))
      )
      const ask = (i: number) =>
        Effect.flatMap(Effect.forkChild(FakeModels.request(versions[i]!)), (fiber) => settle(fiber, 100))
      for (let i = 0; i < 6; i++) assert.strictEqual(tagOf(yield* ask(i)), "answered")
      machine.take(320)
      assert.strictEqual(tagOf(yield* ask(6)), "answered")
      assert.strictEqual(residency.figures().resident, 7)
      assert.strictEqual(tagOf(yield* ask(7)), "answered")
      assert.deepStrictEqual(machine.log.slice(-2), ["close m0", "open m7"])
      machine.take(5000)
      assert.strictEqual(tagOf(yield* ask(8)), "answered")
      assert.strictEqual(residency.figures().resident, 6)
    }))

  it.effect("tells why a load failed, and tries again after a while", () =>
    Effect.gen(function*() {
      const machine = new FakeModels.Machine()
      const residency = yield* FakeModels.make(machine)
      const version = yield* residency.add(FakeModels.source(machine, "a", { bytes: 100, failures: 1 }))
      const ask = Effect.flatMap(Effect.forkChild(FakeModels.request(version)), (fiber) => settle(fiber, 1))
      for (const told of [tagOf(yield* ask), tagOf(yield* ask)]) {
        assert.include(told, "loading it failed; the repository index says why")
        assert.notInclude(told, "no such thing")
      }
      assert.deepStrictEqual(version.status(), { state: "UNAVAILABLE", reason: "Internal: no such thing" })
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(tagOf(yield* ask), "answered")
    }))

  it.effect("measures once more what takes more than all may", () =>
    Effect.gen(function*() {
      const machine = new FakeModels.Machine()
      const residency = yield* FakeModels.make(machine, { budgetBytes: 100 })
      const version = yield* residency.add(FakeModels.source(machine, "a", { bytes: 50, loadMillis: 10 }))
      const first = yield* Effect.forkChild(FakeModels.request(version))
      yield* TestClock.adjust("5 millis")
      machine.take(100)
      assert.strictEqual(tagOf(yield* settle(first)), "answered")
      assert.deepStrictEqual(machine.log, ["open a", "close a", "open a"])
      assert.strictEqual(residency.figures().accountedBytes, 50)
    }))

  it.effect("tries again what seemed too large while other work took memory", () =>
    Effect.gen(function*() {
      const machine = new FakeModels.Machine()
      const residency = yield* FakeModels.make(machine, { budgetBytes: 100 })
      const version = yield* residency.add(FakeModels.source(machine, "a", { bytes: 50, loadMillis: 10 }))
      const first = yield* Effect.forkChild(FakeModels.request(version))
      for (let measured = 0; measured < 2; measured++) {
        yield* TestClock.adjust("5 millis")
        machine.take(100)
        yield* TestClock.adjust("5 millis")
      }
      assert.include(tagOf(yield* settle(first)), "takes 150 bytes of memory, more than the 100")
      machine.bytes -= 200
      let answer = ""
      for (let tries = 0; tries < 10 && answer !== "answered"; tries++) {
        yield* TestClock.adjust("5 seconds")
        answer = tagOf(yield* settle(yield* Effect.forkChild(FakeModels.request(version))))
      }
      assert.strictEqual(answer, "answered")
      assert.isAtMost(residency.figures().accountedBytes, 100)
    }))

  it.effect("lets idle versions leave after their time", () =>
    Effect.gen(function*() {
      const machine = new FakeModels.Machine()
      const residency = yield* FakeModels.make(machine, { idleTime: Duration.seconds(10) })
      const version = yield* residency.add(FakeModels.source(machine, "a", { bytes: 100 }))
      yield* settle(yield* Effect.forkChild(FakeModels.request(version)), 1000)
      yield* settle(yield* Effect.forkChild(FakeModels.request(version)), 8000)
      assert.strictEqual(residency.figures().resident, 1)
      yield* TestClock.adjust("6 seconds")
      assert.deepStrictEqual(residency.figures().evictions, { budget: 0, idle: 1 })
      assert.strictEqual(residency.figures().accountedBytes, 0)
    }))

  it.effect("ends a load whose version is unloaded, and nothing of it stays", () =>
    Effect.gen(function*() {
      const machine = new FakeModels.Machine()
      const residency = yield* FakeModels.make(machine)
      const scope = yield* Scope.make()
      const version = yield* Scope.provide(
        residency.add(FakeModels.source(machine, "a", { bytes: 100, loadMillis: 1000 })),
        scope
      )
      const fiber = yield* Effect.forkChild(FakeModels.request(version))
      yield* TestClock.adjust("100 millis")
      yield* Scope.close(scope, Exit.void)
      assert.include(tagOf(yield* settle(fiber)), "loads when it is asked for")
      assert.deepStrictEqual(machine.log, ["open a", "close a"])
      assert.strictEqual(residency.figures().accountedBytes, 0)
    }))

  it.effect("serves any traffic within the budget", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.array(
            fc.record({ bytes: fc.integer({ min: 1, max: 100 }), loadMillis: fc.nat(20), runMillis: fc.nat(20) }),
            {
              minLength: 1,
              maxLength: 30
            }
          ),
          fc.array(fc.record({ which: fc.nat(), after: fc.nat(20) }), { maxLength: 100 }),
          fc.integer({ min: 100, max: 400 }),
          (shapes, requests, budgetBytes) =>
            Effect.runPromise(
              Effect.scoped(Effect.gen(function*() {
                const machine = new FakeModels.Machine()
                const inner = yield* Scope.make()
                const residency = yield* Scope.provide(FakeModels.make(machine, { budgetBytes }), inner)
                const versions = yield* Scope.provide(
                  Effect.forEach(shapes, (shape, i) => residency.add(FakeModels.source(machine, `m${i}`, shape))),
                  inner
                )
                const fibers: Array<Fiber.Fiber<JobResult, ModelNotReady | JobFailure>> = []
                const within = () =>
                  assert.isAtMost(residency.figures().accountedBytes, budgetBytes, "accounted within the budget")
                for (const { after, which } of requests) {
                  fibers.push(yield* Effect.forkChild(FakeModels.request(versions[which % versions.length]!)))
                  yield* TestClock.adjust(Duration.millis(after))
                  within()
                }
                for (let i = 0; i < 50; i++) {
                  yield* TestClock.adjust("100 millis")
                  within()
                }
                for (const fiber of fibers) assert.strictEqual(tagOf(yield* settle(fiber)), "answered")
                yield* Scope.close(inner, Exit.void)
                assert.strictEqual(machine.bytes, 1000, "everything was given back")
              })).pipe(Effect.provide(TestClock.layer()))
            )
        ),
        { numRuns: 60 }
      )
    ))
})
