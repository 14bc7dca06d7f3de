import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { answers, isEmpty, make, read, settle, textOf } from "./Sequences.ts"

const oldest = { oldest: {}, max_sequence_idle_microseconds: 5_000_000n }
const single = { ...oldest, oldest: { max_candidate_sequences: 1 } }

describe("A caller who goes away", () => {
  it.effect(
    "ends its sequence with what is behind, after what is before it",
    Effect.fnUntraced(function*() {
      const queue = yield* make(single)
      const steps = [
        yield* queue.submit(1, 1, { start: true }),
        yield* queue.submit(1, 2),
        yield* queue.submit(1, 3),
        yield* queue.submit(1, 4, { end: true })
      ]
      const next = yield* queue.submit(2, 5, { start: true, end: true })
      yield* settle
      yield* Fiber.interrupt(steps[2]!)
      assert.isFalse(queue.core.holds(1n))
      const last = yield* Fiber.join(steps[3]!)
      assert.strictEqual(
        textOf(last),
        "step 3 of sequence 1 of model 'm' was not run, because its caller went away: the steps behind it are not run either"
      )
      for (let i = 0; i < 3; i++) yield* queue.finish()
      assert.deepStrictEqual(queue.batches, ["^1+1", "1+2", "^2+5$"])
      assert.deepStrictEqual(yield* answers([steps[0]!, steps[1]!, next]), [1, 3, 5])
      assert.deepStrictEqual(queue.ends, ["1 cancelled", "2 finished"])
      assert.strictEqual(queue.statistics.counts().failures.CANCELED, 2)
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )

  it.effect(
    "keeps the slot until the run of its step is over, and frees the result",
    Effect.fnUntraced(function*() {
      const queue = yield* make(single)
      const step = yield* queue.submit(1, 1, { start: true })
      const behind = yield* queue.submit(1, 2)
      const next = yield* queue.submit(2, 5, { start: true, end: true })
      yield* settle
      const gone = yield* Effect.forkChild(Fiber.interrupt(step), { startImmediately: true })
      yield* settle
      assert.strictEqual(read(yield* Fiber.join(behind)), "Cancelled")
      assert.deepStrictEqual(queue.running(), [1])
      assert.deepStrictEqual(queue.ends, [])
      yield* queue.finish()
      yield* Fiber.join(gone)
      assert.strictEqual(queue.fakes.unreleased, 0)
      assert.deepStrictEqual(queue.ends, ["1 cancelled"])
      yield* queue.finish()
      assert.strictEqual(read(yield* Fiber.join(next)), 5)
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )

  it.effect(
    "ends the whole sequence in the backlog, without a run",
    Effect.fnUntraced(function*() {
      const queue = yield* make(single)
      yield* queue.submit(1, 1, { start: true, end: true })
      const steps = [yield* queue.submit(2, 1, { start: true }), yield* queue.submit(2, 2)]
      const next = yield* queue.submit(3, 3, { start: true, end: true })
      yield* settle
      yield* Fiber.interrupt(steps[1]!)
      assert.strictEqual(read(yield* Fiber.join(steps[0]!)), "Cancelled")
      yield* queue.finish()
      yield* queue.finish()
      assert.strictEqual(read(yield* Fiber.join(next)), 3)
      assert.deepStrictEqual(queue.batches, ["^1+1$", "^3+3$"])
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )

  it.effect(
    "does not disturb the others of its batch",
    Effect.fnUntraced(function*() {
      const queue = yield* make({ ...oldest, direct: {} })
      const one = yield* queue.submit(1, 1, { start: true })
      const two = yield* queue.submit(2, 2, { start: true })
      yield* settle
      assert.deepStrictEqual(queue.batches, ["^1+1 ^2+2"])
      const gone = yield* Effect.forkChild(Fiber.interrupt(one), { startImmediately: true })
      yield* queue.finish()
      yield* Fiber.join(gone)
      assert.strictEqual(read(yield* Fiber.join(two)), 2)
      const end = yield* queue.submit(2, 3, { end: true })
      yield* settle
      yield* queue.finish()
      assert.strictEqual(read(yield* Fiber.join(end)), 5)
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )
})
