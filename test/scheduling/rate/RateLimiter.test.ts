/** Scenarios 112 to 120 of the reference, with instances whose runs take a time of the test clock. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as DirectScheduler from "../../../src/layers/scheduling/DirectScheduler.ts"
import * as DynamicBatcher from "../../../src/layers/scheduling/DynamicBatcher.ts"
import type { Amount } from "../../../src/layers/scheduling/internal/rate/ResourcePools.ts"
import type { Instances, PlannedInstance } from "../../../src/services/Executor.ts"
import type { Job, JobFailure, JobResult, ModelScheduler } from "../../../src/services/Scheduler.ts"
import * as Fakes from "../../execution/FakeInstances.ts"
import * as Layouts from "../../simulation/Layouts.ts"
import { queueOptions } from "../QueueOptions.ts"
import * as Timed from "./TimedInstances.ts"

const { settle } = Fakes
const { planned } = Timed

const job = (changes: Partial<Job> = {}): Job => ({
  inputs: [Layouts.tensor(1, 1, 1)],
  outputs: [],
  batchSize: 1,
  priority: 0,
  timeoutMicros: 0,
  deadlineMicros: 0,
  ...changes
})

const direct = (model: string, instances: Instances) => DirectScheduler.open({ ...queueOptions(model), instances })

/** Keeps so many requests in flight until the test is over. */
const load = Effect.fnUntraced(function*(scheduler: ModelScheduler, requests: number) {
  let over = false
  for (let i = 0; i < requests; i++) {
    yield* Effect.forkScoped(Effect.repeat(scheduler.submit(job()), { until: () => over }))
  }
  yield* Effect.addFinalizer(() => {
    over = true
    return TestClock.adjust("1 second")
  })
})

const count = (begun: ReadonlyArray<Timed.Begun>, model: string) => begun.filter((run) => run.model === model).length

/** Needs of the two models that the reference describes. */
const first = planned({ resource1: 4, resource2: 2 }, { priority: 1, global: ["resource2"] })
const second = planned({ resource1: 2 }, { priority: 2 })

const amount = (name: string, count: number, device?: number): Amount => ({ name, count, device })

/** Both models under load until one has begun 80 runs. */
const compete = Effect.fnUntraced(function*(amounts: ReadonlyArray<Amount>, mode?: "off") {
  const { begun, limiter, open } = Timed.make(amounts, mode === undefined ? {} : { mode })
  const a = yield* direct("a", yield* open("a", [first], 10))
  const b = yield* direct("b", yield* open("b", [second], 10))
  yield* load(a, 8)
  yield* load(b, 8)
  while (Math.max(count(begun, "a"), count(begun, "b")) < 80) {
    yield* TestClock.adjust("5 millis")
    for (const { granted, size } of limiter.levels()) assert.isAtMost(granted, size)
  }
  return { a: count(begun, "a"), b: count(begun, "b") }
}, Effect.scoped)

describe("RateLimiter", () => {
  it.effect(
    "does not load a model that needs more than there is, and opens nothing",
    Effect.fnUntraced(function*() {
      for (
        const [amounts, size] of [
          [[amount("resource1", 1)], 1],
          [[amount("resource1", 3)], 3],
          [[amount("resource1", 10, 10)], 0]
        ] as const
      ) {
        const { limiter } = Timed.make(amounts)
        const plan = Timed.planOf("m", [planned({ resource1: 4 }), planned({ resource1: 2 })])
        const failure = yield* Effect.flip(Effect.scoped(limiter.limit(plan, Effect.die("it was opened"))))
        assert.strictEqual(
          failure.message,
          `Resource count for "resource1" is limited to ${size} which will prevent scheduling of one or more model ` +
            "instances, the minimum required count is 4"
        )
        assert.strictEqual(failure.code, "INVALID_ARG")
        assert.deepStrictEqual(limiter.levels(), [])
      }
    })
  )

  it.effect(
    "does not load a model whose resource is global where another's is of a device, until that is gone",
    Effect.fnUntraced(function*() {
      const { limiter, open } = Timed.make([])
      const scope = yield* Scope.make()
      yield* Scope.provide(open("a", [planned({ resource2: 2 })], 1), scope)
      const other = open("b", [planned({ resource2: 2 }, { global: ["resource2"] })], 1)
      assert.strictEqual(
        (yield* Effect.flip(Effect.scoped(other))).message,
        "Resource \"resource2\" is present as both global and device-specific resource in the model configuration."
      )
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(limiter.levels(), [])
      yield* other
      assert.deepStrictEqual(
        limiter.levels().map(({ device, name, size }) => ({ device, name, size })),
        [{ device: undefined, name: "resource2", size: 2 }]
      )
    }, Effect.scoped)
  )

  for (
    const [title, amounts] of [
      ["as much as one instance needs", [amount("resource1", 4), amount("resource2", 2)]],
      ["nothing said of it", []]
    ] as const
  ) {
    it.effect(
      `gives a model of priority 1 twice the runs of one of priority 2 where resources are scarce: ${title}`,
      Effect.fnUntraced(function*() {
        const { a, b } = yield* compete(amounts)
        assert.isAbove(a / b, 1.8)
        assert.isBelow(a / b, 2.2)
      })
    )
  }

  it.effect(
    "lets both models run as if there was no limiter where there is plenty",
    Effect.fnUntraced(function*() {
      const { a, b } = yield* compete([amount("resource1", 6), amount("resource2", 2)])
      assert.isBelow(Math.abs(a - b), 10)
    })
  )

  it.effect(
    "has no effect where it is off",
    Effect.fnUntraced(function*() {
      const { a, b } = yield* compete([amount("resource1", 1)], "off")
      assert.isBelow(Math.abs(a - b), 10)
    })
  )

  it.effect(
    "lets two instances of one model run at once only where there is enough for both",
    Effect.fnUntraced(function*() {
      const needs = [planned({ resource1: 4 }), planned({ resource1: 2 })]
      const steps = Effect.fnUntraced(function*(amounts: ReadonlyArray<Amount>) {
        const { open } = Timed.make(amounts)
        const scheduler = yield* direct("m", yield* open("m", needs, 10))
        const fiber = yield* Effect.forkChild(
          Effect.forEach(Array.from({ length: 20 }), () => scheduler.submit(job()), { concurrency: "unbounded" }),
          { startImmediately: true }
        )
        let steps = 0
        while (fiber.pollUnsafe() === undefined) {
          yield* TestClock.adjust("10 millis")
          steps++
        }
        return steps
      }, Effect.scoped)
      const limited = yield* steps([])
      const plenty = yield* steps([amount("resource1", 6)])
      assert.isAtLeast(limited, 20)
      assert.isAtMost(plenty, 11)
      const failure = yield* Effect.flip(steps([amount("resource1", 3)]))
      assert.include(failure.message, "limited to 3")
    })
  )

  it.effect(
    "lets batches leave as the policy says: one request each 100 ms, four at a time",
    Effect.fnUntraced(function*() {
      const { begun, open } = Timed.make([])
      const version = {
        ...queueOptions("m", {
          max_batch_size: 4,
          dynamic_batching: { preferred_batch_size: [4], max_queue_delay_microseconds: 10_000_000n }
        }),
        instances: yield* open("m", [planned({ resource1: 4 }), planned({ resource1: 2 })], 250)
      }
      const scheduler = yield* DynamicBatcher.open(version, Layouts.light, {})
      const fibers: Array<Fiber.Fiber<JobResult, JobFailure>> = []
      for (let i = 0; i < 80; i++) {
        fibers.push(yield* Effect.forkChild(scheduler.submit(job()), { startImmediately: true }))
        yield* TestClock.adjust("100 millis")
      }
      yield* TestClock.adjust("1 second")
      yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(begun.map(({ rows }) => rows), Array.from({ length: 20 }, () => 4))
      assert.strictEqual(version.statistics.counts().executionCount, 20)
    }, Effect.scoped)
  )

  it.effect(
    "forms a batch when its resources are there, with all that has come until then",
    Effect.fnUntraced(function*() {
      const { begun, open } = Timed.make([])
      const other = yield* direct("other", yield* open("other", [planned({ R: 1 })], 100))
      const version = {
        ...queueOptions("m", { max_batch_size: 8, dynamic_batching: {} }),
        instances: yield* open("m", [planned({ R: 1 })], 100)
      }
      const scheduler = yield* DynamicBatcher.open(version, Layouts.light, {})
      yield* Effect.forkChild(other.submit(job()), { startImmediately: true })
      for (let i = 0; i < 5; i++) {
        yield* Effect.forkChild(scheduler.submit(job()), { startImmediately: true })
        yield* TestClock.adjust("10 millis")
      }
      assert.deepStrictEqual(begun, [{ model: "other", instance: 0, rows: 1 }])
      assert.deepStrictEqual(scheduler.depth(), { waiting: 5, running: 0 })
      yield* TestClock.adjust("50 millis")
      assert.deepStrictEqual(begun.slice(1), [{ model: "m", instance: 0, rows: 5 }])
      yield* TestClock.adjust("100 millis")
    }, Effect.scoped)
  )

  it.effect(
    "runs nine requests that come one after the other in nine executions of one",
    Effect.fnUntraced(function*() {
      const { begun, open } = Timed.make([])
      const scheduler = yield* direct("m", yield* open("m", [first], 10))
      for (let i = 0; i < 9; i++) {
        const fiber = yield* Effect.forkChild(scheduler.submit(job()), { startImmediately: true })
        yield* TestClock.adjust("10 millis")
        yield* Fiber.join(fiber)
      }
      assert.deepStrictEqual(begun.map(({ rows }) => rows), Array.from({ length: 9 }, () => 1))
    }, Effect.scoped)
  )

  it.effect(
    "lets nobody pass who stands first and waits for more",
    Effect.fnUntraced(function*() {
      const { begun, limiter, open } = Timed.make([amount("R", 4)])
      const schedulers: Record<string, ModelScheduler> = {}
      const models: Readonly<Record<string, PlannedInstance>> = {
        running: planned({ R: 2 }),
        large: planned({ R: 4 }),
        small: planned({ R: 1 })
      }
      for (const [name, instance] of Object.entries(models)) {
        schedulers[name] = yield* direct(name, yield* open(name, [instance], 100))
      }
      for (const name of ["running", "large", "small"]) {
        yield* Effect.forkChild(schedulers[name]!.submit(job()), { startImmediately: true })
        yield* TestClock.adjust("10 millis")
      }
      assert.deepStrictEqual(begun.map(({ model }) => model), ["running"])
      assert.deepStrictEqual(limiter.levels().map(({ granted, size, waiting }) => ({ granted, size, waiting })), [
        { granted: 2, size: 4, waiting: 2 }
      ])
      yield* TestClock.adjust("75 millis")
      assert.deepStrictEqual(begun.map(({ model }) => model), ["running", "large"])
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(begun.map(({ model }) => model), ["running", "large", "small"])
      yield* TestClock.adjust("100 millis")
      assert.strictEqual(limiter.levels()[0]!.granted, 0)
    }, Effect.scoped)
  )

  it.effect(
    "answers a request at its deadline while it waits for resources, and lets go one that is cancelled",
    Effect.fnUntraced(function*() {
      const { begun, limiter, open } = Timed.make([])
      const other = yield* direct("other", yield* open("other", [planned({ R: 1 })], 100))
      const scheduler = yield* direct("m", yield* open("m", [planned({ R: 1 })], 100))
      yield* Effect.forkChild(other.submit(job()), { startImmediately: true })
      const late = yield* Effect.forkChild(Effect.flip(scheduler.submit(job({ deadlineMicros: 20_000 }))), {
        startImmediately: true
      })
      const cancelled = yield* Effect.forkChild(scheduler.submit(job()), { startImmediately: true })
      yield* TestClock.adjust("20 millis")
      assert.strictEqual((yield* Fiber.join(late))._tag, "DeadlineExceeded")
      assert.strictEqual(limiter.levels()[0]!.waiting, 1)
      yield* Fiber.interrupt(cancelled)
      assert.strictEqual(limiter.levels()[0]!.waiting, 0)
      yield* TestClock.adjust("200 millis")
      assert.strictEqual(begun.length, 1)
      assert.strictEqual(limiter.levels()[0]!.granted, 0)
    }, Effect.scoped)
  )

  it.effect(
    "runs on one instance after the other what is run without a scheduler, and withdraws what is interrupted",
    Effect.fnUntraced(function*() {
      const { begun, limiter, open } = Timed.make([])
      const instances = yield* open("m", [planned({ R: 4 }), planned({ R: 2 })], 100)
      const run = instances.slots.withPermit(instances.run(job().inputs, []))
      const one = yield* Effect.forkChild(run, { startImmediately: true })
      const other = yield* Effect.forkChild(run, { startImmediately: true })
      yield* settle
      assert.strictEqual(begun.length, 1)
      yield* Fiber.interrupt(other)
      yield* TestClock.adjust("100 millis")
      assert.strictEqual((yield* Fiber.join(one)).outputs.length, 1)
      assert.strictEqual(begun.length, 1)
      const third = yield* Effect.forkChild(run, { startImmediately: true })
      yield* TestClock.adjust("100 millis")
      yield* Fiber.join(third)
      assert.deepStrictEqual(
        limiter.levels().map(({ granted, waiting }) => ({ granted, waiting })),
        [{ granted: 0, waiting: 0 }]
      )
    }, Effect.scoped)
  )

  it.effect(
    "lets a version that is loaded later start where the others are, instead of before them all",
    Effect.fnUntraced(function*() {
      const { begun, open } = Timed.make([])
      const a = yield* direct("a", yield* open("a", [planned({ R: 1 })], 10))
      yield* load(a, 4)
      yield* TestClock.adjust("1 second")
      const before = count(begun, "a")
      assert.isAtLeast(before, 100)
      const b = yield* direct("b", yield* open("b", [planned({ R: 1 })], 10))
      yield* load(b, 4)
      yield* TestClock.adjust("1 second")
      assert.isAtMost(Math.abs(count(begun, "a") - before - count(begun, "b")), 2)
    }, Effect.scoped)
  )
})
