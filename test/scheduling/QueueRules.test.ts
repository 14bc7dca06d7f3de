import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as BatchPolicy from "../../src/layers/scheduling/BatchPolicy.ts"
import * as DirectScheduler from "../../src/layers/scheduling/DirectScheduler.ts"
import * as DynamicBatcher from "../../src/layers/scheduling/DynamicBatcher.ts"
import type { Draft } from "../../src/schema/ModelConfig.ts"
import * as Fakes from "../execution/FakeInstances.ts"
import { job, layout, runs, submit } from "./DigitJobs.ts"
import { queueOptions } from "./QueueOptions.ts"

const { settle } = Fakes

const open = Effect.fnUntraced(
  function*(draft: Omit<Draft, "name">, options: { readonly places?: number } & DynamicBatcher.Options = {}) {
    const fakes = Fakes.make()
    const instances = yield* Fakes.pool(fakes, { count: 1, ...options })
    const scheduler = yield* DynamicBatcher.open({ ...queueOptions("m", draft), instances }, layout, options)
    return { fakes, scheduler }
  }
)

const finish = (fakes: Fakes.Fakes) =>
  Effect.suspend(() => {
    for (const run of Fakes.running(fakes)) run.finish()
    return settle
  })

describe("queue", () => {
  it.effect(
    "never runs what lies ready and expires there",
    Effect.fnUntraced(function*() {
      const fakes = Fakes.make()
      const instances = yield* Fakes.pool(fakes, { count: 1, places: 2 })
      const scheduler = yield* DirectScheduler.open({ ...queueOptions("m"), instances })
      yield* submit(scheduler, 1)
      const expired = yield* submit(scheduler, 2, { deadlineMicros: 1000 })
      yield* TestClock.adjust("1 millis")
      const exit = yield* Fiber.join(expired)
      assert.include(
        Exit.isFailure(exit) ? String(exit.cause) : "",
        "the deadline of the request, 1 ms after its arrival,"
      )
      yield* finish(fakes)
      yield* finish(fakes)
      assert.deepStrictEqual(runs(fakes), ["1"])
    }, Effect.scoped)
  )

  it.effect(
    "closes after its last request has its answer",
    Effect.fnUntraced(function*() {
      const fakes = Fakes.make()
      const instances = yield* Fakes.pool(fakes, { count: 1 })
      const scope = yield* Scope.make()
      const scheduler = yield* Scope.provide(DirectScheduler.open({ ...queueOptions("m"), instances }), scope)
      const events: Array<string> = []
      const request = yield* Effect.forkChild(
        Effect.onExit(scheduler.submit(job(1)), () => Effect.sync(() => events.push("answered"))),
        { startImmediately: true }
      )
      const close = yield* Effect.forkChild(
        Effect.onExit(Scope.close(scope, Exit.void), () => Effect.sync(() => events.push("closed")))
      )
      yield* settle
      yield* finish(fakes)
      yield* Fiber.join(request)
      yield* Fiber.join(close)
      assert.deepStrictEqual(events, ["answered", "closed"])
    }, Effect.scoped)
  )

  it.effect(
    "serves the request that comes after one that expired while it waited for an instance",
    Effect.fnUntraced(function*() {
      const { fakes, scheduler } = yield* open({
        max_batch_size: 4,
        dynamic_batching: { default_queue_policy: { default_timeout_microseconds: 1000n } }
      })
      yield* submit(scheduler, 1)
      yield* submit(scheduler, 2)
      yield* TestClock.adjust("1 millis")
      yield* finish(fakes)
      yield* submit(scheduler, 3)
      assert.deepStrictEqual(runs(fakes), ["1", "3"])
      yield* finish(fakes)
    }, Effect.scoped)
  )

  it.effect(
    "serves the request that comes after a full batch that waited for an instance",
    Effect.fnUntraced(function*() {
      const { fakes, scheduler } = yield* open({ max_batch_size: 2, dynamic_batching: {} })
      yield* submit(scheduler, 1)
      yield* submit(scheduler, 2, { batchSize: 2 })
      yield* finish(fakes)
      yield* finish(fakes)
      yield* submit(scheduler, 3)
      assert.deepStrictEqual(runs(fakes), ["1", "2", "3"])
      yield* finish(fakes)
    }, Effect.scoped)
  )

  it.effect(
    "lets a preferred size leave that comes about in front of requests of a lower priority",
    Effect.fnUntraced(function*() {
      const { fakes, scheduler } = yield* open({
        max_batch_size: 8,
        dynamic_batching: {
          preferred_batch_size: [2, 8],
          max_queue_delay_microseconds: 10_000n,
          priority_levels: 2n,
          default_priority_level: 1n
        }
      })
      yield* submit(scheduler, 1, { batchSize: 3, priority: 2 })
      yield* submit(scheduler, 2)
      assert.deepStrictEqual(runs(fakes), [])
      yield* submit(scheduler, 3)
      assert.deepStrictEqual(runs(fakes), ["23"])
      yield* finish(fakes)
      yield* TestClock.adjust("10 millis")
      yield* finish(fakes)
    }, Effect.scoped)
  )

  it.effect(
    "keeps the order of requests whose timeouts pass at the same time",
    Effect.fnUntraced(function*() {
      const { fakes, scheduler } = yield* open({
        max_batch_size: 1,
        dynamic_batching: {
          default_queue_policy: { timeout_action: "DELAY", default_timeout_microseconds: 1000n }
        }
      })
      for (let digit = 1; digit <= 4; digit++) yield* submit(scheduler, digit)
      yield* TestClock.adjust("1 millis")
      for (let digit = 1; digit <= 4; digit++) yield* finish(fakes)
      assert.deepStrictEqual(runs(fakes), ["1", "2", "3", "4"])
    }, Effect.scoped)
  )

  it.effect(
    "gives a request that a lost instance had not begun its place among the delayed ones back",
    Effect.fnUntraced(function*() {
      const { fakes, scheduler } = yield* open({
        max_batch_size: 1,
        dynamic_batching: {
          default_queue_policy: {
            timeout_action: "DELAY",
            default_timeout_microseconds: 8000n,
            allow_timeout_override: true
          }
        }
      }, { places: 2 })
      yield* submit(scheduler, 1)
      yield* submit(scheduler, 2)
      yield* TestClock.adjust("1 millis")
      yield* submit(scheduler, 3)
      yield* submit(scheduler, 4, { timeoutMicros: 7000 })
      yield* TestClock.adjust("8 millis")
      yield* finish(fakes)
      assert.deepStrictEqual(runs(fakes), ["1", "2"])
      fakes.open.get(0)!.crash("test")
      yield* TestClock.adjust("100 millis")
      yield* settle
      // What it had begun is run once more, alone and first.
      yield* finish(fakes)
      yield* finish(fakes)
      yield* finish(fakes)
      assert.deepStrictEqual(runs(fakes), ["1", "2", "2", "4", "3"])
    }, Effect.scoped)
  )

  it.effect(
    "takes the largest preferred size although the largest batch waits",
    Effect.fnUntraced(function*() {
      const { fakes, scheduler } = yield* open({
        max_batch_size: 4,
        dynamic_batching: { preferred_batch_size: [1, 2] }
      })
      for (let digit = 1; digit <= 5; digit++) yield* submit(scheduler, digit)
      for (let batch = 1; batch <= 3; batch++) yield* finish(fakes)
      assert.deepStrictEqual(runs(fakes), ["1", "23", "45"])
    }, Effect.scoped)
  )

  it.effect(
    "rejects what lay ready at an instance that is lost at the very time of its deadline",
    Effect.fnUntraced(function*() {
      const fakes = Fakes.make()
      const instances = yield* Fakes.pool(fakes, { count: 1, places: 3 })
      const scheduler = yield* DirectScheduler.open({ ...queueOptions("m"), instances })
      yield* Effect.forkChild(Effect.delay(Effect.sync(() => fakes.open.get(0)!.crash("test")), "1 millis"))
      yield* settle
      yield* submit(scheduler, 1)
      yield* submit(scheduler, 2)
      const due = yield* submit(scheduler, 3, { deadlineMicros: 1000 })
      yield* TestClock.adjust("1 millis")
      yield* settle
      const exit = due.pollUnsafe()
      assert.isTrue(exit !== undefined && Exit.isSuccess(exit) && Exit.isFailure(exit.value))
      yield* TestClock.adjust("100 millis")
      yield* finish(fakes)
      yield* finish(fakes)
      assert.deepStrictEqual(runs(fakes), ["1", "1", "2"])
    }, Effect.scoped)
  )

  it.effect(
    "takes requests in place of those that have left before anybody looked at them",
    Effect.fnUntraced(function*() {
      const { fakes, scheduler } = yield* open({
        max_batch_size: 8,
        dynamic_batching: { default_queue_policy: { default_timeout_microseconds: 1000n } }
      }, { maxQueueSize: 2 })
      yield* submit(scheduler, 1)
      yield* submit(scheduler, 2)
      yield* submit(scheduler, 3)
      yield* TestClock.adjust("1 millis")
      yield* Effect.forkChild(scheduler.submit(job(4)), { startImmediately: true })
      yield* Effect.forkChild(scheduler.submit(job(5)), { startImmediately: true })
      yield* finish(fakes)
      assert.deepStrictEqual(runs(fakes), ["1", "45"])
      yield* finish(fakes)
    }, Effect.scoped)
  )

  it.effect(
    "answers those who wait on a policy that throws, and serves others after them",
    Effect.fnUntraced(function*() {
      let asked = 0
      const policy = BatchPolicy.make(({ rows }) => {
        if (asked++ === 0) throw new Error("no decision")
        return BatchPolicy.leave(rows)
      })
      const { fakes, scheduler } = yield* open({ max_batch_size: 4, dynamic_batching: {} }, { policy: () => policy })
      const failed = yield* submit(scheduler, 1)
      const exit = yield* Fiber.join(failed)
      assert.include(Exit.isFailure(exit) ? String(exit.cause) : "", "the batching policy of model 'm' failed")
      yield* submit(scheduler, 2)
      assert.deepStrictEqual(runs(fakes), ["2"])
      yield* finish(fakes)
    }, Effect.scoped)
  )

  it.effect(
    "asks a policy that is more than a decision in a fiber",
    Effect.fnUntraced(function*() {
      const policy = BatchPolicy.either(
        BatchPolicy.maxQueueDelay("5 millis"),
        BatchPolicy.make(({ rows }) => rows < 3 ? BatchPolicy.wait(3, 1000) : BatchPolicy.leave(rows))
      )
      const { fakes, scheduler } = yield* open({ max_batch_size: 4, dynamic_batching: {} }, { policy: () => policy })
      yield* submit(scheduler, 1)
      yield* submit(scheduler, 2)
      assert.deepStrictEqual(runs(fakes), [])
      yield* submit(scheduler, 3)
      assert.deepStrictEqual(runs(fakes), ["123"])
      yield* finish(fakes)
      yield* submit(scheduler, 4)
      yield* TestClock.adjust("4 millis")
      assert.deepStrictEqual(runs(fakes), ["123"])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(runs(fakes), ["123", "4"])
      yield* finish(fakes)
    }, Effect.scoped)
  )

  it.effect(
    "answers those who wait on a policy that fails in its fiber, and serves others after them",
    Effect.fnUntraced(function*() {
      let asked = 0
      const policy = BatchPolicy.either(
        BatchPolicy.maxQueueDelay(0),
        BatchPolicy.make(({ rows }) => {
          if (asked++ === 0) throw new Error("no decision")
          return BatchPolicy.leave(rows)
        })
      )
      const { fakes, scheduler } = yield* open({ max_batch_size: 4, dynamic_batching: {} }, { policy: () => policy })
      const exit = yield* Fiber.join(yield* submit(scheduler, 1))
      assert.include(Exit.isFailure(exit) ? String(exit.cause) : "", "the batching policy of model 'm' failed")
      yield* submit(scheduler, 2)
      assert.deepStrictEqual(runs(fakes), ["2"])
      yield* finish(fakes)
    }, Effect.scoped)
  )
})
