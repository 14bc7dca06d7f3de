import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { answers, isEmpty, make, settle } from "./Sequences.ts"

const direct = { direct: {}, max_sequence_idle_microseconds: 5_000_000n }

describe("Direct", () => {
  it.effect(
    "gives each sequence its row, and pads those of sequences that have nothing to run",
    Effect.fnUntraced(function*() {
      const queue = yield* make(direct)
      const fibers = []
      for (const id of [1, 2, 3]) fibers.push(yield* queue.submit(id, id, { start: true }))
      yield* settle
      yield* queue.finish()
      fibers.push(yield* queue.submit(3, 10))
      yield* settle
      yield* queue.finish()
      fibers.push(yield* queue.submit(2, 10, { end: true }))
      yield* settle
      yield* queue.finish()
      assert.deepStrictEqual(queue.batches, ["^1+1 ^2+2 ^3+3", "- - 3+10", "- 2+10$"])
      assert.deepStrictEqual(yield* answers(fibers), [1, 2, 3, 13, 12])
      const { batches, success } = queue.statistics.counts()
      assert.strictEqual(success.count, 5)
      assert.deepStrictEqual(batches.map(({ batchSize, count }) => [batchSize, count]), [[2, 1], [3, 2]])
    }, Effect.scoped)
  )

  it.effect(
    "gives the slot of a last step away when that is started",
    Effect.fnUntraced(function*() {
      const queue = yield* make(direct, { max_batch_size: 1 })
      const fibers = [
        yield* queue.submit(1, 1, { start: true, end: true }),
        yield* queue.submit(2, 2, { start: true, end: true })
      ]
      yield* settle
      assert.deepStrictEqual(queue.core.depth(), { waiting: 1, running: 1 })
      assert.strictEqual(queue.core.table.slots.line.length, 0)
      yield* queue.finish()
      yield* queue.finish()
      assert.deepStrictEqual(yield* answers(fibers), [1, 2])
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )

  it.effect(
    "waits until enough slots have something to run, or the delay is over",
    Effect.fnUntraced(function*() {
      const queue = yield* make({
        direct: { minimum_slot_utilization: 0.5, max_queue_delay_microseconds: 3_000_000n },
        max_sequence_idle_microseconds: 60_000_000n
      })
      yield* queue.submit(1, 1, { start: true })
      yield* settle
      assert.deepStrictEqual(queue.running(), [])
      yield* queue.submit(2, 2, { start: true })
      yield* settle
      assert.deepStrictEqual(queue.batches, ["^1+1 ^2+2"])
      yield* queue.finish()
      yield* queue.submit(2, 2, { end: true })
      yield* TestClock.adjust("2999 millis")
      yield* settle
      assert.deepStrictEqual(queue.running(), [])
      yield* TestClock.adjust("1 millis")
      yield* settle
      assert.deepStrictEqual(queue.batches, ["^1+1 ^2+2", "- 2+2$"])
      yield* queue.finish()
      yield* queue.submit(1, 1, { end: true })
      yield* TestClock.adjust("3 seconds")
      yield* queue.finish()
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )

  it.effect(
    "runs steps of other shapes in rounds of their own, those of the oldest first",
    Effect.fnUntraced(function*() {
      const queue = yield* make(direct)
      const fibers = []
      for (const [id, shape] of [[1, "a"], [2, "b"], [3, "a"]] as const) {
        fibers.push(yield* queue.submit(id, id, { start: true, shape }))
        fibers.push(yield* queue.submit(id, id, { end: true, shape }))
        yield* TestClock.adjust("1 millis")
      }
      yield* settle
      for (let i = 0; i < 6; i++) yield* queue.finish()
      assert.deepStrictEqual(queue.batches, ["^1+1", "1+1$ - ^3+3", "- ^2+2 -", "- 2+2$ -", "- - 3+3$"])
      assert.deepStrictEqual(yield* answers(fibers), [1, 2, 2, 4, 3, 6])
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )
})
