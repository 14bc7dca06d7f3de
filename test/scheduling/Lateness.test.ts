import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as DirectScheduler from "../../src/layers/scheduling/DirectScheduler.ts"
import * as DynamicBatcher from "../../src/layers/scheduling/DynamicBatcher.ts"
import { Pace } from "../../src/layers/scheduling/internal/Pace.ts"
import type { Draft } from "../../src/schema/ModelConfig.ts"
import type { ModelScheduler } from "../../src/services/Scheduler.ts"
import * as Fakes from "../execution/FakeInstances.ts"
import { job, layout, runs, submit } from "./DigitJobs.ts"
import { queueOptions } from "./QueueOptions.ts"

const { settle } = Fakes

/** One instance; `draft`: with a batcher. */
const open = Effect.fnUntraced(function*(draft?: Omit<Draft, "name">) {
  const fakes = Fakes.make()
  const instances = yield* Fakes.pool(fakes, { count: 1 })
  const version = { ...queueOptions("m", draft), instances }
  const scheduler = yield* draft === undefined
    ? DirectScheduler.open(version)
    : DynamicBatcher.open(version, layout, {})
  return { fakes, scheduler, statistics: version.statistics }
})

/** Lets what runs take ten milliseconds. */
const turn = (fakes: Fakes.Fakes) =>
  Effect.andThen(
    TestClock.adjust("10 millis"),
    Effect.suspend(() => {
      for (const run of Fakes.running(fakes)) run.finish()
      return settle
    })
  )

/** Runs of ten milliseconds each have been seen, with others waiting; none waits any more, and nothing runs. */
const practise = Effect.fnUntraced(function*(
  { fakes, scheduler }: { readonly fakes: Fakes.Fakes; readonly scheduler: ModelScheduler }
) {
  for (let i = 0; i < 40; i++) yield* submit(scheduler, 9, { deadlineMicros: 10_000_000 })
  while (scheduler.depth().running > 0) yield* turn(fakes)
  fakes.log.length = 0
})

const minute = 60_000_000

describe("lateness", () => {
  it.effect(
    "turns a request away at once that those before it leave no time for",
    Effect.fnUntraced(function*() {
      const { fakes, scheduler, statistics } = yield* open()
      yield* practise({ fakes, scheduler })
      for (let i = 1; i <= 6; i++) yield* submit(scheduler, i)
      const refused = yield* Effect.flip(scheduler.submit(job(7, { deadlineMicros: 50_000 })))
      assert.strictEqual(refused._tag, "QueueFull")
      assert.match(
        refused.message,
        /^the deadline of the request, 50 ms after its arrival, would pass while it waits: 5 requests of model 'm' are served before it, and its answer is expected after \d+(\.\d+)? ms/
      )
      assert.strictEqual(statistics.counts().refusals.deadline, 1)
      assert.strictEqual(statistics.counts().fail.count, 0)
      const taken = yield* submit(scheduler, 8, { deadlineMicros: 90_000 })
      while (scheduler.depth().running > 0) yield* turn(fakes)
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(taken)))
      assert.deepStrictEqual(runs(fakes), ["1", "2", "3", "4", "5", "6", "8"])
    }, Effect.scoped)
  )

  it.effect(
    "never turns away a request without a deadline, nor one that nobody waits before",
    Effect.fnUntraced(function*() {
      const { fakes, scheduler, statistics } = yield* open()
      yield* practise({ fakes, scheduler })
      yield* submit(scheduler, 1, { deadlineMicros: 1 })
      yield* submit(scheduler, 2, { deadlineMicros: minute })
      for (let i = 3; i < 9; i++) yield* submit(scheduler, i, { timeoutMicros: 1 })
      assert.deepStrictEqual(scheduler.depth(), { waiting: 7, running: 1 })
      assert.strictEqual(statistics.counts().refusals.deadline, 0)
      while (scheduler.depth().running > 0) yield* turn(fakes)
    }, Effect.scoped)
  )

  it.effect(
    "counts only those before a request, by its priority",
    Effect.fnUntraced(function*() {
      const { fakes, scheduler } = yield* open({
        max_batch_size: 1,
        dynamic_batching: { priority_levels: 2n, default_priority_level: 2n }
      })
      yield* practise({ fakes, scheduler })
      for (let i = 1; i <= 6; i++) yield* submit(scheduler, i)
      assert.strictEqual((yield* Effect.flip(scheduler.submit(job(7, { deadlineMicros: 50_000 }))))._tag, "QueueFull")
      yield* submit(scheduler, 8, { deadlineMicros: 50_000, priority: 1 })
      yield* turn(fakes)
      assert.deepStrictEqual(runs(fakes), ["1", "8"])
      while (scheduler.depth().running > 0) yield* turn(fakes)
    }, Effect.scoped)
  )

  it.effect(
    "gives the place of a request without time for a run to who waits behind it",
    Effect.fnUntraced(function*() {
      const { fakes, scheduler, statistics } = yield* open()
      yield* practise({ fakes, scheduler })
      yield* submit(scheduler, 1)
      const late = yield* submit(scheduler, 2, { deadlineMicros: 15_000 })
      const other = yield* submit(scheduler, 3)
      yield* turn(fakes)
      const exit = yield* Fiber.join(late)
      assert.include(
        Exit.isFailure(exit) ? String(exit.cause) : "",
        "the deadline of the request, 15 ms after its arrival, leaves too little time for a run of model 'm', and others wait"
      )
      assert.strictEqual(statistics.counts().failures.REJECTED, 1)
      yield* turn(fakes)
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(other)))
      assert.deepStrictEqual(runs(fakes), ["1", "3"])
    }, Effect.scoped)
  )

  it.effect(
    "runs a request with too little time where nobody waits behind it",
    Effect.fnUntraced(function*() {
      const { fakes, scheduler } = yield* open()
      yield* practise({ fakes, scheduler })
      yield* submit(scheduler, 1)
      const last = yield* submit(scheduler, 2, { deadlineMicros: 15_000 })
      yield* turn(fakes)
      yield* turn(fakes)
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(last)))
      assert.deepStrictEqual(runs(fakes), ["1", "2"])
    }, Effect.scoped)
  )

  it.effect(
    "fills batches with those that have time, and leaves none for who has not",
    Effect.fnUntraced(function*() {
      const { fakes, scheduler } = yield* open({ max_batch_size: 2, dynamic_batching: {} })
      yield* practise({ fakes, scheduler })
      yield* submit(scheduler, 1, { batchSize: 2 })
      yield* submit(scheduler, 2, { deadlineMicros: 15_000 })
      yield* submit(scheduler, 3)
      yield* submit(scheduler, 4, { deadlineMicros: minute })
      yield* turn(fakes)
      yield* turn(fakes)
      assert.deepStrictEqual(runs(fakes), ["1", "34"])
    }, Effect.scoped)
  )

  it.effect(
    "keeps a request with too little time in a batch that all who wait fit in",
    Effect.fnUntraced(function*() {
      const { fakes, scheduler } = yield* open({ max_batch_size: 4, dynamic_batching: {} })
      yield* practise({ fakes, scheduler })
      yield* submit(scheduler, 1, { batchSize: 4 })
      yield* submit(scheduler, 2, { deadlineMicros: 15_000 })
      yield* submit(scheduler, 3)
      yield* submit(scheduler, 4, { deadlineMicros: 1000 * 1000 })
      yield* turn(fakes)
      assert.deepStrictEqual(runs(fakes), ["1", "234"])
      yield* turn(fakes)
    }, Effect.scoped)
  )

  it.effect(
    "serves all again after runs have been slow for a while",
    Effect.fnUntraced(function*() {
      const { fakes, scheduler } = yield* open()
      for (let i = 0; i < 20; i++) yield* submit(scheduler, 9, { deadlineMicros: minute })
      while (scheduler.depth().running > 0) {
        yield* TestClock.adjust("1 seconds")
        for (const run of Fakes.running(fakes)) run.finish()
        yield* settle
      }
      // Somebody always waits: no arrival finds an instance idle.
      let waiting = 0
      for (let i = 0; i < 200; i++) {
        yield* submit(scheduler, 1, { deadlineMicros: 200_000 })
        yield* submit(scheduler, 2, { deadlineMicros: 200_000 })
        waiting = scheduler.depth().waiting
        yield* turn(fakes)
      }
      assert.isAtLeast(waiting, 10, "as many wait as can be served in time")
      while (scheduler.depth().running > 0) yield* turn(fakes)
    }, Effect.scoped)
  )
})

describe("Pace", () => {
  it("expects what it has seen", () => {
    const pace = new Pace()
    assert.strictEqual(pace.answerNanos(5), 0)
    for (let i = 0; i < 100; i++) {
      pace.left(4, i * 1000, true)
      pace.ran(900)
    }
    assert.approximately(pace.runNanos, 900, 1)
    assert.approximately(pace.longRunNanos, 900, 1)
    assert.approximately(pace.answerNanos(8), 8 * 250 * 5 / 4 + 900, 5)
  })

  it("does not count time in which nobody waited", () => {
    const pace = new Pace()
    pace.left(1, 0, true)
    pace.left(1, 1000, true)
    pace.emptied()
    pace.left(1, 1_000_000, true)
    assert.strictEqual(pace.answerNanos(1), 1250)
  })

  it("expects less with every batch that leaves nobody behind", () => {
    const pace = new Pace()
    pace.left(1, 0, true)
    pace.left(1, 1000, true)
    for (let i = 0; i < 16; i++) pace.left(1, 2000, false)
    assert.approximately(pace.answerNanos(1), 1250 * (15 / 16) ** 16, 1e-6)
  })

  it("allows for runs of different lengths", () => {
    const pace = new Pace()
    for (let i = 0; i < 100; i++) pace.ran(i % 2 === 0 ? 800 : 1200)
    assert.approximately(pace.runNanos, 1000, 100)
    assert.isAbove(pace.longRunNanos, 1200)
  })
})
