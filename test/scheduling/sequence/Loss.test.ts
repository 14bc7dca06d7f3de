import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { answers, isEmpty, make, read, settle, textOf } from "./Sequences.ts"

const oldest = { oldest: {}, max_sequence_idle_microseconds: 5_000_000n }
const single = { ...oldest, oldest: { max_candidate_sequences: 1 } }

const back = TestClock.adjust("100 millis").pipe(Effect.andThen(settle))

describe("The loss of an instance", () => {
  it.effect(
    "loses a sequence whose state nobody else has: all its steps are told, until it would have gone idle",
    Effect.fnUntraced(function*() {
      const queue = yield* make(single)
      const steps = [yield* queue.submit(1, 1, { start: true }), yield* queue.submit(1, 2)]
      const next = yield* queue.submit(2, 5, { start: true, end: true })
      yield* settle
      queue.fakes.open.get(0)!.crash("test")
      yield* settle
      assert.deepStrictEqual(yield* answers(steps), ["SequenceLost", "SequenceLost"])
      assert.deepStrictEqual(queue.ends, ["1 lost"])
      assert.strictEqual(
        textOf(yield* Fiber.join(yield* queue.submit(1, 3))),
        "sequence 1 of model 'm' was lost with the execution instance that kept its state: begin it again with the START flag"
      )
      yield* back
      yield* queue.finish()
      assert.strictEqual(read(yield* Fiber.join(next)), 5)
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(read(yield* Fiber.join(yield* queue.submit(1, 3))), "SequenceLost")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(read(yield* Fiber.join(yield* queue.submit(1, 3))), "InvalidRequest")
      assert.strictEqual(queue.core.table.lost.size, 0)
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )

  it.effect(
    "loses nothing of a sequence that has not been begun",
    Effect.fnUntraced(function*() {
      const queue = yield* make(
        { ...oldest, oldest: { max_queue_delay_microseconds: 50_000n } },
        { max_batch_size: 4 }
      )
      const step = yield* queue.submit(1, 1, { start: true, end: true })
      yield* settle
      queue.fakes.open.get(0)!.crash("test")
      yield* back
      yield* TestClock.adjust("50 millis")
      yield* settle
      yield* queue.finish()
      assert.strictEqual(read(yield* Fiber.join(step)), 1)
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )

  it.effect(
    "lets a sequence begin afresh that was lost",
    Effect.fnUntraced(function*() {
      const queue = yield* make(single)
      yield* queue.submit(1, 1, { start: true })
      yield* settle
      queue.fakes.open.get(0)!.crash("test")
      yield* back
      const again = [yield* queue.submit(1, 7, { start: true }), yield* queue.submit(1, 1, { end: true })]
      yield* settle
      yield* queue.finish()
      yield* queue.finish()
      assert.deepStrictEqual(yield* answers(again), [7, 8])
      assert.strictEqual(queue.core.table.lost.size, 0)
    }, Effect.scoped)
  )

  for (const strategy of ["direct", "oldest"] as const) {
    it.effect(
      `lets sequences with state go on from their last answered step on another instance: ${strategy}`,
      Effect.fnUntraced(function*() {
        const queue = yield* make({ ...oldest, [strategy]: {} }, { count: 2, stateful: true, max_batch_size: 2 })
        const steps = []
        for (const id of [1, 2]) steps.push(yield* queue.submit(id, 10 * id, { start: true }))
        yield* settle
        assert.deepStrictEqual(queue.batches.toSorted(), ["^1+10", "^2+20"])
        yield* queue.finish()
        for (const id of [1, 2]) steps.push(yield* queue.submit(id, 1))
        yield* settle
        const first = [...queue.fakes.open.keys()][0]!
        queue.fakes.open.get(first)!.crash("test")
        yield* settle
        yield* queue.finish()
        yield* queue.finish()
        for (const id of [1, 2]) steps.push(yield* queue.submit(id, 2, { end: true }))
        yield* settle
        yield* queue.finish()
        yield* queue.finish()
        assert.deepStrictEqual(yield* answers(steps), [10, 20, 11, 21, 13, 23])
        assert.deepStrictEqual(queue.ends.toSorted(), ["1 finished", "2 finished"])
        yield* back
        assert.isTrue(isEmpty(queue))
      }, Effect.scoped)
    )

    it.effect(
      `puts those that lost their slots before the backlog: ${strategy}`,
      Effect.fnUntraced(function*() {
        const queue = yield* make({ ...oldest, [strategy]: {} }, { count: 1, stateful: true, max_batch_size: 1 })
        const steps = [
          yield* queue.submit(1, 1, { start: true }),
          yield* queue.submit(2, 5, { start: true, end: true })
        ]
        yield* settle
        queue.fakes.open.get(0)!.crash("test")
        yield* back
        steps.push(yield* queue.submit(1, 1, { end: true }))
        for (let i = 0; i < 3; i++) yield* queue.finish()
        assert.deepStrictEqual(queue.batches, ["^1+1", "^1+1", "1+1$", "^2+5$"])
        assert.deepStrictEqual(yield* answers(steps), [1, 5, 2])
        assert.isTrue(isEmpty(queue))
      }, Effect.scoped)
    )

    it.effect(
      `tries an END again whose slot is another's already: ${strategy}`,
      Effect.fnUntraced(function*() {
        const queue = yield* make({ ...oldest, [strategy]: {} }, { count: 1, stateful: true, max_batch_size: 1 })
        const steps = [
          yield* queue.submit(1, 1, { start: true, end: true }),
          yield* queue.submit(2, 5, { start: true, end: true })
        ]
        yield* settle
        queue.fakes.open.get(0)!.crash("test")
        yield* back
        yield* queue.finish()
        yield* queue.finish()
        assert.deepStrictEqual(queue.batches, ["^1+1$", "^1+1$", "^2+5$"])
        assert.deepStrictEqual(yield* answers(steps), [1, 5])
        assert.isTrue(isEmpty(queue))
      }, Effect.scoped)
    )
  }

  it.effect(
    "is told after the third loss of the same step, and the sequence goes on",
    Effect.fnUntraced(function*() {
      const queue = yield* make({ ...single, max_sequence_idle_microseconds: 60_000_000n }, { stateful: true })
      const first = yield* queue.submit(1, 1, { start: true })
      yield* settle
      yield* queue.finish()
      const steps = [yield* queue.submit(1, 2), yield* queue.submit(1, 4, { end: true })]
      for (const wait of ["100 millis", "200 millis", "400 millis"] as const) {
        yield* settle
        queue.fakes.open.get(0)!.crash("test")
        yield* TestClock.adjust(wait)
      }
      yield* settle
      yield* queue.finish()
      assert.deepStrictEqual(yield* answers([first, ...steps]), [1, "InstanceLost", 5])
      assert.deepStrictEqual(queue.batches, ["^1+1", "1+2", "1+2", "1+2", "1+4$"])
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )

  it.effect(
    "is the end of a sequence whose START was lost three times",
    Effect.fnUntraced(function*() {
      const queue = yield* make({ ...single, max_sequence_idle_microseconds: 60_000_000n }, { stateful: true })
      const steps = [yield* queue.submit(1, 1, { start: true }), yield* queue.submit(1, 2)]
      for (const wait of ["100 millis", "200 millis", "400 millis"] as const) {
        yield* settle
        queue.fakes.open.get(0)!.crash("test")
        yield* TestClock.adjust(wait)
      }
      assert.deepStrictEqual(yield* answers(steps), ["InstanceLost", "SequenceLost"])
      assert.strictEqual(read(yield* Fiber.join(yield* queue.submit(1, 3))), "SequenceLost")
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )

  it.effect(
    "does not bring a sequence back to life whose START never ran",
    Effect.fnUntraced(function*() {
      const queue = yield* make(single, { stateful: true })
      const step = yield* queue.submit(1, 1, { start: true, deadline: 50 })
      yield* TestClock.adjust("60 millis")
      queue.fakes.open.get(0)!.crash("test")
      yield* settle
      assert.strictEqual(read(yield* Fiber.join(step)), "DeadlineExceeded")
      assert.strictEqual(read(yield* Fiber.join(yield* queue.submit(1, 3))), "InvalidRequest")
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )

  it.effect(
    "drops the step of a caller who has gone, and its sequence",
    Effect.fnUntraced(function*() {
      const queue = yield* make(single, { stateful: true })
      const step = yield* queue.submit(1, 1, { start: true })
      yield* settle
      const gone = yield* Effect.forkChild(Fiber.interrupt(step), { startImmediately: true })
      yield* settle
      queue.fakes.open.get(0)!.crash("test")
      yield* Fiber.join(gone)
      yield* back
      assert.deepStrictEqual(queue.batches, ["^1+1"])
      assert.deepStrictEqual(queue.ends, ["1 cancelled"])
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )

  const breaker = { losses: 1, windowNanos: 60_000_000_000n, pauseNanos: 30_000_000_000n }

  it.effect(
    "answers all steps that wait once no instance is started any more, and goes on with sequences that were begun",
    Effect.fnUntraced(function*() {
      const queue = yield* make(single, { stateful: true, breaker })
      const begun = yield* queue.submit(1, 1, { start: true })
      yield* settle
      yield* queue.finish()
      assert.strictEqual(read(yield* Fiber.join(begun)), 1)
      const waiting = [
        yield* queue.submit(1, 2),
        yield* queue.submit(1, 3, { end: true }),
        yield* queue.submit(2, 5, { start: true }),
        yield* queue.submit(2, 6, { end: true })
      ]
      yield* settle
      queue.fakes.open.get(0)!.crash("test")
      yield* settle
      assert.deepStrictEqual(
        yield* answers(waiting),
        ["ModelSuspended", "ModelSuspended", "ModelSuspended", "ModelSuspended"]
      )
      assert.strictEqual(queue.core.depth().waiting, 0)
      assert.strictEqual(read(yield* Fiber.join(yield* queue.submit(3, 1, { start: true }))), "ModelSuspended")
      yield* TestClock.adjust("30 seconds")
      yield* settle
      // Sequence 2 was never begun, 1 would have gone idle after 5 seconds.
      assert.strictEqual(read(yield* Fiber.join(yield* queue.submit(2, 6))), "InvalidRequest")
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )

  it.effect(
    "lets a sequence go on after the pause from its last step that was answered",
    Effect.fnUntraced(function*() {
      const queue = yield* make(
        { ...single, max_sequence_idle_microseconds: 60_000_000n },
        { stateful: true, breaker }
      )
      const first = yield* queue.submit(1, 1, { start: true })
      yield* settle
      yield* queue.finish()
      assert.strictEqual(read(yield* Fiber.join(first)), 1)
      const refused = yield* queue.submit(1, 2, { end: true })
      yield* settle
      queue.fakes.open.get(0)!.crash("test")
      yield* settle
      assert.deepStrictEqual(yield* answers([refused]), ["ModelSuspended"])
      yield* TestClock.adjust("30 seconds")
      yield* settle
      const again = yield* queue.submit(1, 2, { end: true })
      yield* settle
      yield* queue.finish()
      assert.strictEqual(read(yield* Fiber.join(again)), 3)
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )
})
