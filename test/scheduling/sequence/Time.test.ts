import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { answers, isEmpty, make, read, settle, textOf } from "./Sequences.ts"

const oldest = { oldest: {}, max_sequence_idle_microseconds: 5_000_000n }
const single = { ...oldest, oldest: { max_candidate_sequences: 1 } }

describe("The idle clock of a sequence", () => {
  it.effect(
    "ends it to the millisecond, frees its slot and its state, and refuses later steps",
    Effect.fnUntraced(function*() {
      const queue = yield* make(single)
      yield* queue.submit(1, 1, { start: true })
      yield* settle
      yield* queue.finish()
      const next = yield* queue.submit(2, 2, { start: true, end: true })
      yield* TestClock.adjust("4999 millis")
      yield* settle
      assert.isTrue(queue.core.holds(1n))
      yield* TestClock.adjust("1 millis")
      yield* settle
      assert.isFalse(queue.core.holds(1n))
      assert.deepStrictEqual(queue.ends, ["1 expired"])
      yield* queue.finish()
      assert.strictEqual(read(yield* Fiber.join(next)), 2)
      assert.include(textOf(yield* Fiber.join(yield* queue.submit(1, 1))), "must specify the START flag")
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )

  it.effect(
    "starts afresh with each answer, and is one second where the config does not say",
    Effect.fnUntraced(function*() {
      const queue = yield* make({ direct: {} })
      yield* queue.submit(1, 1, { start: true })
      yield* settle
      yield* queue.finish()
      yield* TestClock.adjust("900 millis")
      yield* queue.submit(1, 1)
      yield* settle
      yield* queue.finish()
      yield* TestClock.adjust("999 millis")
      assert.isTrue(queue.core.holds(1n))
      yield* TestClock.adjust("1 millis")
      assert.isFalse(queue.core.holds(1n))
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )

  it.effect(
    "stands still while a step runs, however long, and starts at its answer",
    Effect.fnUntraced(function*() {
      const queue = yield* make(single)
      const slow = yield* queue.submit(1, 1, { start: true })
      yield* TestClock.adjust("60 seconds")
      assert.isTrue(queue.core.holds(1n))
      assert.strictEqual(queue.core.table.idle.next(), Infinity)
      yield* queue.finish()
      assert.strictEqual(read(yield* Fiber.join(slow)), 1)
      const next = yield* queue.submit(1, 2)
      yield* settle
      yield* queue.finish()
      assert.strictEqual(read(yield* Fiber.join(next)), 3)
      yield* TestClock.adjust("4999 millis")
      assert.isTrue(queue.core.holds(1n))
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(queue.ends, ["1 expired"])
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )

  it.effect(
    "stands still until the last of several steps is answered, the one that is cut short included",
    Effect.fnUntraced(function*() {
      const queue = yield* make(single)
      const steps = [
        yield* queue.submit(1, 1, { start: true }),
        yield* queue.submit(1, 2),
        yield* queue.submit(1, 3, { end: true, deadline: 8000 })
      ]
      yield* TestClock.adjust("6 seconds")
      yield* queue.finish()
      yield* TestClock.adjust("6 seconds")
      assert.isTrue(queue.core.holds(1n))
      yield* queue.finish()
      assert.deepStrictEqual(yield* answers(steps), [1, 3, "DeadlineExceeded"])
      yield* TestClock.adjust("4999 millis")
      assert.isTrue(queue.core.holds(1n))
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(queue.ends, ["1 expired"])
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )

  it.effect(
    "starts when the deadline of the last step that waits ends it",
    Effect.fnUntraced(function*() {
      const queue = yield* make({ ...oldest, oldest: { max_queue_delay_microseconds: 1_000_000n } })
      yield* queue.submit(1, 1, { start: true })
      yield* TestClock.adjust("1 second")
      yield* queue.finish()
      const last = yield* queue.submit(1, 2, { end: true, deadline: 500 })
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(read(yield* Fiber.join(last)), "DeadlineExceeded")
      yield* TestClock.adjust("4999 millis")
      assert.isTrue(queue.core.holds(1n))
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(queue.ends, ["1 expired"])
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )

  it.effect(
    "stands still in the backlog: a sequence that waited longer than the limit goes on when it has a slot",
    Effect.fnUntraced(function*() {
      const queue = yield* make(single)
      yield* queue.submit(1, 1, { start: true, end: true })
      const waits = [yield* queue.submit(2, 2, { start: true }), yield* queue.submit(2, 3)]
      yield* TestClock.adjust("10 seconds")
      yield* queue.finish()
      yield* queue.finish()
      yield* queue.finish()
      assert.deepStrictEqual(yield* answers(waits), [2, 5])
      assert.isTrue(queue.core.holds(2n))
      const last = yield* queue.submit(2, 4, { end: true })
      yield* settle
      yield* queue.finish()
      assert.strictEqual(read(yield* Fiber.join(last)), 9)
      assert.deepStrictEqual(queue.ends, ["1 finished", "2 finished"])
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )
})

describe("The timeout of a request", () => {
  it.effect(
    "ends its whole sequence in the backlog, at the earliest of its requests",
    Effect.fnUntraced(function*() {
      const queue = yield* make(single)
      yield* queue.submit(1, 1, { start: true })
      yield* settle
      const waits = [
        yield* queue.submit(2, 2, { start: true, timeout: 4000 }),
        yield* queue.submit(2, 3, { timeout: 3000 }),
        yield* queue.submit(2, 4)
      ]
      yield* TestClock.adjust("2999 millis")
      assert.strictEqual(queue.core.depth().waiting, 3)
      yield* TestClock.adjust("1 millis")
      for (const exit of yield* Fiber.joinAll(waits)) {
        assert.strictEqual(read(exit), "RequestTimedOut")
        assert.strictEqual(textOf(exit), "timeout of the corresponding sequence has been expired")
      }
      assert.strictEqual(queue.statistics.counts().failures.REJECTED, 3)
      assert.include(textOf(yield* Fiber.join(yield* queue.submit(2, 5))), "must specify the START flag")
    }, Effect.scoped)
  )

  it.live(
    "does not count where there is a slot at once, however short it is",
    Effect.fnUntraced(function*() {
      const queue = yield* make(single)
      yield* settle
      const step = yield* queue.submit(1, 1, { start: true, end: true, timeout: 0.001 })
      yield* settle
      yield* queue.finish()
      assert.deepStrictEqual(yield* answers([step]), [1])
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )

  it.effect(
    "does not count once its sequence has a slot",
    Effect.fnUntraced(function*() {
      const queue = yield* make(single)
      yield* queue.submit(1, 1, { start: true, end: true })
      const waits = [
        yield* queue.submit(2, 2, { start: true, timeout: 3000 }),
        yield* queue.submit(2, 3, { timeout: 3000, end: true, deadline: 60_000 })
      ]
      yield* settle
      yield* queue.finish()
      yield* TestClock.adjust("4 seconds")
      yield* queue.finish()
      yield* queue.finish()
      assert.deepStrictEqual(yield* answers(waits), [2, 5])
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )
})

describe("The deadline of a step", () => {
  it.effect(
    "ends it and those behind it, and the sequence lives on",
    Effect.fnUntraced(function*() {
      const queue = yield* make(single)
      const steps = [
        yield* queue.submit(1, 1, { start: true }),
        yield* queue.submit(1, 2, { deadline: 1000 }),
        yield* queue.submit(1, 3),
        yield* queue.submit(1, 4, { end: true })
      ]
      yield* TestClock.adjust("1 second")
      yield* queue.finish()
      const exits = yield* Fiber.joinAll(steps)
      assert.deepStrictEqual(exits.map(read), [1, "DeadlineExceeded", "Cancelled", "Cancelled"])
      assert.strictEqual(
        textOf(exits[2]!),
        "step 2 of sequence 1 of model 'm' was not run, because its deadline passed: the steps behind it are not run either"
      )
      assert.isTrue(queue.core.holds(1n))
      const last = yield* queue.submit(1, 10, { end: true })
      yield* settle
      yield* queue.finish()
      assert.strictEqual(read(yield* Fiber.join(last)), 11)
      assert.deepStrictEqual(queue.ends, ["1 finished"])
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )

  it.effect(
    "ends the sequence where nothing of it has run",
    Effect.fnUntraced(function*() {
      const queue = yield* make({
        ...oldest,
        oldest: { max_queue_delay_microseconds: 10_000_000n }
      })
      const steps = [yield* queue.submit(1, 1, { start: true, deadline: 1000 }), yield* queue.submit(1, 2)]
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* answers(steps), ["DeadlineExceeded", "Cancelled"])
      assert.deepStrictEqual(queue.batches, [])
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )

  it.effect(
    "ends the whole sequence in the backlog",
    Effect.fnUntraced(function*() {
      const queue = yield* make(single)
      yield* queue.submit(1, 1, { start: true })
      const steps = [yield* queue.submit(2, 1, { start: true }), yield* queue.submit(2, 2, { deadline: 1000 })]
      yield* TestClock.adjust("1 second")
      const exits = yield* Fiber.joinAll(steps)
      assert.deepStrictEqual(exits.map(read), ["Cancelled", "DeadlineExceeded"])
      assert.include(textOf(exits[1]!), "passed while it waited for a slot of model 'm'")
      assert.isFalse(queue.core.holds(2n))
      assert.strictEqual(queue.core.table.slots.line.length, 0)
    }, Effect.scoped)
  )

  it.effect(
    "takes a step back that lies ready at a busy instance",
    Effect.fnUntraced(function*() {
      const queue = yield* make({ ...oldest, oldest: { max_candidate_sequences: 2 } }, { max_batch_size: 1, places: 2 })
      const first = yield* queue.submit(1, 1, { start: true, end: true })
      const second = [yield* queue.submit(2, 2, { start: true, deadline: 1000 }), yield* queue.submit(2, 3)]
      yield* settle
      assert.deepStrictEqual(queue.batches, ["^1+1$", "^2+2"])
      assert.deepStrictEqual(queue.core.depth(), { waiting: 2, running: 1 })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* answers(second), ["DeadlineExceeded", "Cancelled"])
      yield* queue.finish()
      assert.strictEqual(read(yield* Fiber.join(first)), 1)
      assert.deepStrictEqual(queue.fakes.log.filter((line) => line.startsWith("run")), ["run 1"])
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )
})
