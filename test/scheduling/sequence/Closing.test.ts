import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { TestClock } from "effect/testing"
import { answers, isEmpty, make, type Options, read, settle, textOf } from "./Sequences.ts"

const oldest = { oldest: {}, max_sequence_idle_microseconds: 60_000_000n }

const closing = Effect.fnUntraced(function*(options: Options = {}) {
  const scope = yield* Scope.make()
  const queue = yield* Scope.provide(make(oldest, { ...options, endsLeft: false }), scope)
  const close = Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
  return { queue, close }
})

describe("The end of a queue of sequences", () => {
  it.effect(
    "refuses new sequences and lets those that live come to their ends",
    Effect.fnUntraced(function*() {
      const { close, queue } = yield* closing()
      const steps = [yield* queue.submit(1, 1, { start: true })]
      yield* settle
      const closed = yield* close
      yield* settle
      const refused = yield* Fiber.join(yield* queue.submit(2, 1, { start: true }))
      assert.strictEqual(read(refused), "Stopping")
      assert.strictEqual(
        textOf(refused),
        "Server is stopping, scheduler for model has stopped accepting new inference requests"
      )
      yield* queue.finish()
      yield* TestClock.adjust("9 seconds")
      assert.isTrue(queue.core.holds(1n))
      steps.push(yield* queue.submit(1, 2, { end: true }))
      yield* settle
      assert.isUndefined(closed.pollUnsafe())
      yield* queue.finish()
      yield* Fiber.join(closed)
      assert.deepStrictEqual(yield* answers(steps), [1, 3])
      assert.strictEqual(queue.statistics.counts().refusals.stopping, 1)
      assert.isTrue(isEmpty(queue))
    })
  )

  it.effect(
    "ends those that have not, after the time that they are given",
    Effect.fnUntraced(function*() {
      const { close, queue } = yield* closing({ drain: "3 seconds" })
      yield* queue.submit(1, 1, { start: true })
      yield* settle
      yield* queue.finish()
      const closed = yield* close
      yield* TestClock.adjust("2999 millis")
      assert.isUndefined(closed.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(closed)
      assert.deepStrictEqual(queue.ends, ["1 unloaded"])
      assert.isTrue(isEmpty(queue))
    })
  )

  it.effect(
    "ends them at once where nobody can send another step, with what they have sent",
    Effect.fnUntraced(function*() {
      const { close, queue } = yield* closing()
      const steps = [yield* queue.submit(1, 1, { start: true }), yield* queue.submit(1, 2)]
      yield* queue.submit(2, 1, { start: true })
      yield* settle
      queue.core.endSequences()
      const closed = yield* close
      yield* queue.finish()
      assert.deepStrictEqual(queue.ends, ["2 unloaded"])
      yield* queue.finish()
      yield* Fiber.join(closed)
      assert.deepStrictEqual(yield* answers(steps), [1, 3])
      assert.deepStrictEqual(queue.ends, ["2 unloaded", "1 unloaded"])
      assert.isTrue(isEmpty(queue))
    })
  )
})
