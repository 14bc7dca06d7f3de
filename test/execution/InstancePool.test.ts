import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Schedule, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Fakes from "./FakeInstances.ts"

const { job, settle } = Fakes

describe("InstancePool", () => {
  it.effect(
    "opens every instance before it is there, and closes all of them",
    Effect.fnUntraced(function*() {
      const fakes = Fakes.make()
      const scope = yield* Scope.make()
      const pool = yield* Scope.provide(Fakes.pool(fakes, { count: 3 }), scope)
      assert.strictEqual(fakes.open.size, 3)
      assert.isTrue(pool.healthy())
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(fakes.open.size, 0)
      assert.deepStrictEqual(fakes.log.toSorted(), ["close 0", "close 1", "close 2", "open 0", "open 1", "open 2"])
    })
  )

  it.effect(
    "keeps passive instances open and runs nothing on them",
    Effect.fnUntraced(function*() {
      const fakes = Fakes.make()
      const scope = yield* Scope.make()
      const pool = yield* Scope.provide(Fakes.pool(fakes, { count: 3, passive: new Set([0, 2]) }), scope)
      assert.strictEqual(pool.count, 1)
      assert.strictEqual(fakes.open.size, 3)
      const lent = yield* Scope.provide(pool.lend, scope)
      assert.strictEqual(lent.index, 1)
      const run = pool.slots.withPermit(pool.run([job(1)], []))
      const second = yield* Effect.forkChild(run)
      yield* settle
      assert.strictEqual(fakes.open.get(0)!.running, undefined)
      assert.strictEqual(fakes.open.get(2)!.running, undefined)
      yield* Fiber.interrupt(second)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(fakes.open.size, 0)
    })
  )

  it.effect(
    "is healthy without a pool where all instances are passive",
    Effect.fnUntraced(function*() {
      const fakes = Fakes.make()
      const pool = yield* Fakes.pool(fakes, { count: 1, passive: new Set([0]) })
      assert.deepStrictEqual([pool.count, pool.healthy(), fakes.open.size], [0, true, 1])
    }, Effect.scoped)
  )

  it.effect(
    "fails when one instance cannot be opened, and closes the others",
    Effect.fnUntraced(function*() {
      const fakes = Fakes.make()
      fakes.failures = 1
      const error = yield* Effect.flip(Effect.scoped(Fakes.pool(fakes, { count: 3 })))
      assert.strictEqual(error._tag, "LoadFailed")
      assert.strictEqual(fakes.open.size, 0)
    })
  )

  it.effect(
    "fails only what ran in a lost instance, and opens it again with its permit",
    Effect.fnUntraced(function*() {
      const fakes = Fakes.make()
      const pool = yield* Fakes.pool(fakes, { count: 2 })
      const first = yield* Effect.forkChild(pool.slots.withPermit(Effect.exit(pool.run([job(1)], []))))
      const second = yield* Effect.forkChild(pool.slots.withPermit(Effect.exit(pool.run([job(2)], []))))
      yield* settle
      const victim = [...fakes.open.values()].find((fake) => fake.running?.job === 1)!
      victim.crash("test")
      yield* settle
      const lost = yield* Fiber.join(first)
      assert.isTrue(Exit.isFailure(lost))
      assert.isTrue(pool.healthy())
      // One instance is up and busy: its permit is taken, the other's is gone.
      assert.isFalse(yield* pool.slots.takeIfAvailable(1))
      Fakes.running(fakes)[0]!.finish()
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(second)))
      assert.isTrue(yield* pool.slots.takeIfAvailable(1))
      assert.isFalse(yield* pool.slots.takeIfAvailable(1))
      yield* TestClock.adjust("100 millis")
      yield* settle
      assert.strictEqual(fakes.open.size, 2)
      assert.isTrue(yield* pool.slots.takeIfAvailable(1))
      assert.isFalse(yield* pool.slots.takeIfAvailable(1))
    }, Effect.scoped)
  )

  it.effect(
    "restarts an idle instance too, with growing delays while it keeps failing",
    Effect.fnUntraced(function*() {
      const fakes = Fakes.make()
      const pool = yield* Fakes.pool(fakes, { count: 1 })
      fakes.failures = 2
      fakes.open.get(0)!.crash("test")
      yield* settle
      assert.isFalse(pool.healthy())
      const opened = () => fakes.log.filter((entry) => entry !== "close 0").join(", ")
      yield* TestClock.adjust("99 millis")
      assert.strictEqual(opened(), "open 0")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(opened(), "open 0, refuse 0")
      yield* TestClock.adjust("199 millis")
      assert.strictEqual(opened(), "open 0, refuse 0")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(opened(), "open 0, refuse 0, refuse 0")
      yield* TestClock.adjust("400 millis")
      yield* settle
      assert.strictEqual(opened(), "open 0, refuse 0, refuse 0, open 0")
      assert.isTrue(pool.healthy())
    }, Effect.scoped)
  )

  it.effect(
    "keeps growing the delay of an instance that dies soon, and forgets it once it has stayed up",
    Effect.fnUntraced(function*() {
      const fakes = Fakes.make()
      yield* Fakes.pool(fakes, { count: 1 })
      const crashAndWait = Effect.fnUntraced(function*(delay: number) {
        fakes.open.get(0)!.crash("test")
        yield* settle
        yield* TestClock.adjust(Duration.millis(delay - 1))
        assert.strictEqual(fakes.open.size, 0)
        yield* TestClock.adjust("1 millis")
        yield* settle
        assert.strictEqual(fakes.open.size, 1)
      })
      yield* TestClock.adjust("2 minutes")
      yield* crashAndWait(100)
      yield* crashAndWait(200)
      yield* crashAndWait(400)
      yield* TestClock.adjust("1 minute")
      yield* crashAndWait(100)
    }, Effect.scoped)
  )

  it.effect(
    "stays down when the schedule has ended, without failing",
    Effect.fnUntraced(function*() {
      const fakes = Fakes.make()
      const pool = yield* Fakes.pool(fakes, { count: 1, restart: Schedule.recurs(0) })
      fakes.open.get(0)!.crash("test")
      yield* TestClock.adjust("1 hour")
      assert.isFalse(pool.healthy())
      assert.isFalse(yield* pool.slots.takeIfAvailable(1))
    }, Effect.scoped)
  )

  it.effect(
    "gives up on a run that takes longer than the stall timeout, and on no other",
    Effect.fnUntraced(function*() {
      const fakes = Fakes.make()
      const pool = yield* Fakes.pool(fakes, { count: 2, stallTimeout: "8 seconds" })
      const stuck = yield* Effect.forkChild(Effect.flip(pool.run([job(1)], [])))
      yield* TestClock.adjust("4 seconds")
      const fine = yield* Effect.forkChild(pool.run([job(2)], []))
      yield* settle
      yield* TestClock.adjust("4 seconds")
      yield* settle
      assert.strictEqual((yield* Fiber.join(stuck))._tag, "InstanceLost")
      assert.deepStrictEqual(Fakes.running(fakes).map((run) => run.job), [2])
      Fakes.running(fakes)[0]!.finish()
      yield* Fiber.join(fine)
    }, Effect.scoped)
  )

  it.effect(
    "waits for the native call of an interrupted caller, and frees its result",
    Effect.fnUntraced(function*() {
      const fakes = Fakes.make()
      const pool = yield* Fakes.pool(fakes, { count: 1 })
      const caller = yield* Effect.forkChild(pool.slots.withPermit(pool.run([job(1)], [])))
      yield* settle
      const interruption = yield* Effect.forkChild(Fiber.interrupt(caller))
      yield* settle
      assert.strictEqual(interruption.pollUnsafe(), undefined)
      assert.isFalse(yield* pool.slots.takeIfAvailable(1))
      Fakes.running(fakes)[0]!.finish()
      yield* Fiber.join(interruption)
      assert.strictEqual(fakes.unreleased, 0)
      assert.isTrue(yield* pool.slots.takeIfAvailable(1))
    }, Effect.scoped)
  )

  it.effect(
    "waits for what runs when it is closed",
    Effect.fnUntraced(function*() {
      const fakes = Fakes.make()
      const scope = yield* Scope.make()
      const pool = yield* Scope.provide(Fakes.pool(fakes, { count: 2 }), scope)
      const caller = yield* Effect.forkChild(pool.run([job(1)], []))
      yield* settle
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* settle
      assert.strictEqual(closing.pollUnsafe(), undefined)
      Fakes.running(fakes)[0]!.finish()
      assert.strictEqual((yield* Fiber.join(caller)).computeInferNanos, 2)
      yield* Fiber.join(closing)
      assert.strictEqual(fakes.open.size, 0)
    })
  )

  it.effect(
    "closes while an instance waits to be restarted",
    Effect.fnUntraced(function*() {
      const fakes = Fakes.make()
      const scope = yield* Scope.make()
      yield* Scope.provide(Fakes.pool(fakes, { count: 2 }), scope)
      fakes.open.get(0)!.crash("test")
      yield* settle
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(fakes.open.size, 0)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(fakes.open.size, 0)
    })
  )
})
