import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { answers, isEmpty, make, read, settle } from "./Sequences.ts"

const oldest = { oldest: {}, max_sequence_idle_microseconds: 5_000_000n }

describe("Oldest", () => {
  it.effect(
    "runs the steps of a sequence one after the other, and adds them up",
    Effect.fnUntraced(function*() {
      const queue = yield* make(oldest)
      const fibers = [
        yield* queue.submit(1, 5, { start: true }),
        yield* queue.submit(1, 6),
        yield* queue.submit(1, 7, { end: true })
      ]
      yield* settle
      for (let i = 1; i <= 3; i++) {
        assert.deepStrictEqual(queue.running(), [i])
        yield* queue.finish()
      }
      assert.deepStrictEqual(yield* answers(fibers), [5, 11, 18])
      assert.deepStrictEqual(queue.batches, ["^1+5", "1+6", "1+7$"])
      assert.deepStrictEqual(queue.ends, ["1 finished"])
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )

  it.effect(
    "puts steps of different sequences together, at most one of each",
    Effect.fnUntraced(function*() {
      const queue = yield* make(oldest)
      const fibers = []
      for (const id of [1, 2, 3]) {
        fibers.push(yield* queue.submit(id, id, { start: true }))
        fibers.push(yield* queue.submit(id, 10, { end: true }))
      }
      yield* settle
      yield* queue.finish()
      yield* queue.finish()
      assert.deepStrictEqual(queue.batches, ["^1+1 ^2+2 ^3+3", "1+10$ 2+10$ 3+10$"])
      assert.deepStrictEqual(yield* answers(fibers), [1, 11, 2, 12, 3, 13])
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )

  it.effect(
    "waits for the preferred size until the delay is over",
    Effect.fnUntraced(function*() {
      const queue = yield* make({
        oldest: { preferred_batch_size: [2], max_queue_delay_microseconds: 5_000_000n },
        max_sequence_idle_microseconds: 60_000_000n
      })
      const first = yield* queue.submit(1, 1, { start: true })
      yield* TestClock.adjust("4999 millis")
      yield* settle
      assert.deepStrictEqual(queue.running(), [])
      yield* TestClock.adjust("1 millis")
      yield* settle
      yield* queue.finish()
      assert.strictEqual(read(yield* Fiber.join(first)), 1)
      yield* queue.submit(1, 1, { end: true })
      yield* queue.submit(2, 1, { start: true, end: true })
      yield* settle
      assert.deepStrictEqual(queue.batches, ["^1+1", "1+1$ ^2+1$"])
      yield* queue.finish()
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )

  it.effect(
    "gives an instance no more sequences than max_candidate_sequences, and the slot of one that ends to the next",
    Effect.fnUntraced(function*() {
      const queue = yield* make({ ...oldest, oldest: { max_candidate_sequences: 2 } })
      const fibers = []
      for (const id of [1, 2, 3]) fibers.push(yield* queue.submit(id, id, { start: true, end: true }))
      yield* settle
      assert.deepStrictEqual(queue.core.depth(), { waiting: 1, running: 1 })
      yield* queue.finish()
      assert.deepStrictEqual(queue.batches, ["^1+1$ ^2+2$", "^3+3$"])
      yield* queue.finish()
      assert.deepStrictEqual(yield* answers(fibers), [1, 2, 3])
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )
})
