import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Logger, Scope } from "effect"
import { TestClock } from "effect/testing"
import { LocalStore } from "../../src/layers/cache/internal/LocalStore.ts"
import * as LocalResponseCache from "../../src/layers/cache/LocalResponseCache.ts"
import { Books } from "../../src/layers/telemetry/internal/Books.ts"
import { DeadlineExceeded } from "../../src/schema/Errors.ts"
import type { Job, JobResult } from "../../src/services/Scheduler.ts"
import { settle } from "../execution/FakeInstances.ts"
import * as ProgramLogger from "../ProgramLogger.ts"
import * as Fake from "./FakeScheduler.ts"

const { job } = Fake

const make = Effect.fnUntraced(function*(options: Partial<LocalResponseCache.Options> = {}) {
  const books = new Books("m", 1, () => 0, { cached: true })
  const inner = Fake.make(books)
  const cache = LocalResponseCache.make({ size: 1_000_000, ...options })
  const open = (identity = "i") => cache.open({ model: "m", version: 1, identity, scheduler: inner, statistics: books })
  return { books, inner, cache, open, scheduler: yield* open() }
})

const start = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(effect, { startImmediately: true })
const values = ({ outputs }: JobResult) => outputs.map(({ data }) => [...data])
const answer = (of: Job) => of.outputs.map(() => Fake.answerTo(of))

/** Submits, lets the one run of it end, and waits for the answer. */
const once = Effect.fnUntraced(function*({ inner, scheduler }: Effect.Success<ReturnType<typeof make>>, of: Job) {
  const fiber = yield* start(scheduler.submit(of))
  inner.running()[0]!.finish()
  return yield* Fiber.join(fiber)
})

describe("CachedScheduler", () => {
  it.effect(
    "runs a request once and answers it from then on",
    Effect.fnUntraced(function*() {
      const made = yield* make()
      const first = yield* once(made, job([1, 2]))
      assert.deepStrictEqual(values(first), answer(job([1, 2])))
      first.release()
      for (let i = 0; i < 3; i++) {
        const hit = yield* made.scheduler.submit(job([1, 2], { batchSize: 4 }))
        assert.deepStrictEqual(values(hit), answer(job([1, 2])))
        assert.deepStrictEqual(
          [hit.queueNanos, hit.computeInputNanos, hit.computeInferNanos, hit.computeOutputNanos, hit.batchRows],
          [0, 0, 0, 0, 4]
        )
        hit.release()
      }
      assert.strictEqual(made.inner.runs.length, 1)
      assert.strictEqual(made.inner.runs[0]!.released, 1)
    }, Effect.scoped)
  )

  it.effect(
    "answers within the caller's fiber, without a pause",
    Effect.fnUntraced(function*() {
      const made = yield* make()
      yield* once(made, job([1]))
      assert.isTrue(Exit.isSuccess(Effect.runSyncExit(made.scheduler.submit(job([1])))))
    }, Effect.scoped)
  )

  it.effect(
    "keeps a copy: neither the request nor the memory of the result is looked at again",
    Effect.fnUntraced(function*() {
      const made = yield* make()
      const mine = job([1])
      const result = yield* once(made, mine)
      mine.inputs[0]!.data.fill(7)
      result.outputs[0]!.data.fill(7)
      result.release()
      assert.deepStrictEqual(values(yield* made.scheduler.submit(job([1]))), [[2]])
    }, Effect.scoped)
  )

  it.effect(
    "tells versions of other contents apart",
    Effect.fnUntraced(function*() {
      const made = yield* make()
      yield* once(made, job([1]))
      const other = yield* made.open("j")
      yield* start(other.submit(job([1])))
      assert.strictEqual(made.inner.runs.length, 2)
      made.inner.running()[0]!.finish()
      const again = yield* made.open("i")
      yield* again.submit(job([1]))
      assert.strictEqual(made.inner.runs.length, 2)
    }, Effect.scoped)
  )

  it.effect(
    "counts as Triton does",
    Effect.fnUntraced(function*() {
      const made = yield* make()
      yield* once(made, job([1]))
      yield* made.scheduler.submit(job([1]))
      const { batches, cacheHit, cacheMiss, computeInfer, executionCount, inferenceCount, queue, success } = made.books
        .counts()
      assert.deepStrictEqual([success.count, inferenceCount, executionCount, batches.length], [2, 1, 1, 1])
      assert.deepStrictEqual([cacheHit.count, cacheMiss.count, computeInfer.count, queue.count], [1, 1, 1, 2])
    }, Effect.scoped)
  )

  it.effect(
    "does not remember failures",
    Effect.fnUntraced(function*() {
      const made = yield* make()
      const fiber = yield* start(Effect.flip(made.scheduler.submit(job([1]))))
      made.inner.running()[0]!.fail()
      assert.strictEqual((yield* Fiber.join(fiber)).message, "broken")
      assert.deepStrictEqual(values(yield* once(made, job([1]))), [[2]])
      assert.deepStrictEqual([made.books.counts().cacheMiss.count, made.books.counts().fail.count], [1, 1])
    }, Effect.scoped)
  )

  it.effect(
    "runs a request that does not fit each time, and says so once",
    Effect.fnUntraced(function*() {
      const lines: Array<string> = []
      const logger = ProgramLogger.make(({ message }) => void lines.push(String(message)))
      const made = yield* make({ size: 200 })
      for (const value of [1, 1, 2]) {
        assert.deepStrictEqual(
          values(yield* Effect.provide(once(made, job([value])), Logger.layer([logger]))),
          [[value + 1]]
        )
      }
      assert.strictEqual(made.books.counts().cacheMiss.count, 3)
      assert.strictEqual(lines.length, 1)
      assert.match(
        lines[0]!,
        /^Failed to insert key \[[0-9a-f]{64}\] into response cache: Requested byte_size: \d+ is greater/
      )
    }, Effect.scoped)
  )

  it.effect(
    "forgets after its time",
    Effect.fnUntraced(function*() {
      const made = yield* make({ ttl: "1 second" })
      yield* once(made, job([1]))
      yield* TestClock.adjust("999 millis")
      yield* made.scheduler.submit(job([1]))
      yield* TestClock.adjust("1 millis")
      yield* once(made, job([1]))
      assert.strictEqual(made.inner.runs.length, 2)
    }, Effect.scoped)
  )
})

describe("the same request of several callers", () => {
  it.effect(
    "runs once, and its memory comes back when the last has released it",
    Effect.fnUntraced(function*() {
      const { books, cache, inner, scheduler } = yield* make()
      const fibers = []
      for (let i = 0; i < 5; i++) fibers.push(yield* start(scheduler.submit(job([1]))))
      yield* start(scheduler.submit(job([2])))
      assert.strictEqual(inner.runs.length, 2)
      assert.deepStrictEqual(scheduler.depth(), { waiting: 4, running: 2 })
      assert.strictEqual(books.counts().pending, 4)
      yield* TestClock.adjust("5 millis")
      inner.runs[0]!.finish()
      const results = yield* Fiber.joinAll(fibers)
      for (const result of results) assert.deepStrictEqual(values(result), [[2]])
      assert.deepStrictEqual(results.map(({ queueNanos }) => queueNanos), [1, 5e6, 5e6, 5e6, 5e6])
      for (const result of results) {
        assert.strictEqual(inner.runs[0]!.released, 0)
        result.release()
        result.release()
      }
      assert.strictEqual(inner.runs[0]!.released, 1)
      const { cacheHit, cacheMiss, executionCount, success } = books.counts()
      assert.deepStrictEqual([cacheHit.count, cacheMiss.count, executionCount, success.count], [4, 1, 1, 5])
      assert.strictEqual(cache.usage().shared, 4)
      assert.strictEqual(scheduler.depth().waiting, 0)
      inner.runs[1]!.finish()
    }, Effect.scoped)
  )

  it.effect(
    "is taken over by the next when the first goes away",
    Effect.fnUntraced(function*() {
      const { books, inner, scheduler } = yield* make()
      const first = yield* start(scheduler.submit(job([1])))
      const second = yield* start(scheduler.submit(job([1])))
      const third = yield* start(scheduler.submit(job([1])))
      yield* Fiber.interrupt(first)
      assert.deepStrictEqual(inner.runs.map(({ state }) => state), ["interrupted", "running"])
      yield* Fiber.interrupt(second)
      assert.deepStrictEqual(inner.runs.map(({ state }) => state), ["interrupted", "interrupted", "running"])
      inner.runs[2]!.finish()
      assert.deepStrictEqual(values(yield* Fiber.join(third)), [[2]])
      assert.strictEqual(books.counts().failures.CANCELED, 2)
    }, Effect.scoped)
  )

  it.effect(
    "goes on where a follower goes away",
    Effect.fnUntraced(function*() {
      const { books, inner, scheduler } = yield* make()
      const first = yield* start(scheduler.submit(job([1])))
      const second = yield* start(scheduler.submit(job([1])))
      yield* Fiber.interrupt(second)
      assert.deepStrictEqual(scheduler.depth(), { waiting: 0, running: 1 })
      assert.strictEqual(books.counts().failures.CANCELED, 1)
      inner.runs[0]!.finish()
      const result = yield* Fiber.join(first)
      result.release()
      assert.strictEqual(inner.runs[0]!.released, 1)
    }, Effect.scoped)
  )

  it.effect(
    "fails only for whom it failed: the others run by themselves",
    Effect.fnUntraced(function*() {
      const { inner, scheduler } = yield* make()
      const fibers = []
      for (let i = 0; i < 3; i++) fibers.push(yield* start(Effect.exit(scheduler.submit(job([1])))))
      inner.runs[0]!.fail()
      yield* settle
      assert.strictEqual(inner.running().length, 2)
      inner.runs[2]!.finish()
      inner.runs[1]!.fail(Fake.broken("again"))
      const exits = yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(exits.map((exit) => exit._tag), ["Failure", "Failure", "Success"])
      assert.strictEqual(inner.runs.length, 3)
    }, Effect.scoped)
  )

  it.effect(
    "waits no longer than its own deadline, which goes on counting when it has to run itself",
    Effect.fnUntraced(function*() {
      const { books, inner, scheduler } = yield* make()
      const first = yield* start(Effect.exit(scheduler.submit(job([1], { deadlineMicros: 60_000 }))))
      const hasty = yield* start(Effect.flip(scheduler.submit(job([1], { deadlineMicros: 20_000 }))))
      const patient = yield* start(scheduler.submit(job([1], { deadlineMicros: 100_000 })))
      yield* TestClock.adjust("19 millis")
      assert.isUndefined(hasty.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const failure = yield* Fiber.join(hasty)
      assert.strictEqual(failure._tag, "DeadlineExceeded")
      assert.match(failure.message, /20 ms after its arrival/)
      assert.strictEqual(books.counts().failures.REJECTED, 1)
      yield* TestClock.adjust("40 millis")
      inner.runs[0]!.fail(new DeadlineExceeded({ message: "the queue says so" }))
      yield* Fiber.join(first)
      assert.deepStrictEqual(inner.runs.map(({ job }) => job.deadlineMicros), [60_000, 40_000])
      inner.runs[1]!.finish()
      yield* Fiber.join(patient)
    }, Effect.scoped)
  )

  it.effect(
    "does not wait for one that is less urgent",
    Effect.fnUntraced(function*() {
      const { inner, scheduler } = yield* make()
      yield* start(scheduler.submit(job([1], { priority: 2 })))
      const urgent = yield* start(scheduler.submit(job([1], { priority: 1 })))
      assert.deepStrictEqual(inner.runs.map(({ job }) => job.priority), [2, 1])
      inner.runs[1]!.finish()
      yield* Fiber.join(urgent)
      inner.runs[0]!.finish()
    }, Effect.scoped)
  )

  it.effect(
    "counts neither as hit nor as miss where the answer came in meanwhile",
    Effect.fnUntraced(function*() {
      const { books, inner, scheduler } = yield* make()
      const one = yield* start(scheduler.submit(job([1], { priority: 2 })))
      const two = yield* start(scheduler.submit(job([1], { priority: 1 })))
      for (const run of inner.runs) run.finish()
      yield* Fiber.joinAll([one, two])
      const { cacheHit, cacheMiss, success } = books.counts()
      assert.deepStrictEqual([success.count, cacheHit.count, cacheMiss.count], [2, 0, 1])
    }, Effect.scoped)
  )

  it.effect(
    "runs where too many wait already",
    Effect.fnUntraced(function*() {
      const { inner, scheduler } = yield* make({ maxFollowers: 2 })
      for (let i = 0; i < 4; i++) yield* start(scheduler.submit(job([1])))
      assert.strictEqual(inner.runs.length, 2)
      for (const run of inner.runs) run.finish()
      yield* settle
    }, Effect.scoped)
  )

  it.effect(
    "is waited for when the version ends",
    Effect.fnUntraced(function*() {
      const made = yield* make()
      const scope = yield* Scope.make()
      const scheduler = yield* Scope.provide(made.open(), scope)
      const first = yield* start(Effect.exit(scheduler.submit(job([1]))))
      const second = yield* start(scheduler.submit(job([1])))
      const closing = yield* start(Scope.close(scope, Exit.void))
      made.inner.runs[0]!.fail()
      yield* settle
      assert.isUndefined(closing.pollUnsafe(), "the second runs")
      made.inner.runs[1]!.finish()
      assert.strictEqual((yield* Fiber.join(first))._tag, "Failure")
      assert.deepStrictEqual(values(yield* Fiber.join(second)), [[2]])
      yield* Fiber.join(closing)
    }, Effect.scoped)
  )
})

describe("a store", () => {
  it("says that there is no memory instead of failing the request", () => {
    const store = new LocalStore({ capacity: Number.MAX_SAFE_INTEGER, ttlNanos: Infinity })
    const huge = { ...Fake.tensor("OUT", []), data: { byteLength: 2 ** 52 } as Uint8Array }
    const key = { hash: "d", checksum: 0, head: "", inputs: [], wanted: [] }
    assert.strictEqual(store.insert(key, [huge], 0)._tag, "Failed")
    assert.strictEqual(store.usage().bytes, 0)
  })
})
