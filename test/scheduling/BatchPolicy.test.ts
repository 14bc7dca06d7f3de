import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Schedule } from "effect"
import * as BatchPolicy from "../../src/layers/scheduling/BatchPolicy.ts"
import type * as Batcher from "../../src/services/Batcher.ts"

type QueueSnapshot = Batcher.QueueSnapshot

describe("BatchPolicy", () => {
  it.effect(
    "divides rows among idle instances, unless it may wait for more, reaches a size, or waiting adds nothing",
    Effect.fnUntraced(function*() {
      const requests = [2, 1, 1, 1]
      const fit = (limit: number) => {
        let rows = requests[0]!
        for (let i = 1; i < requests.length && rows + requests[i]! <= limit; i++) rows += requests[i]!
        return rows
      }
      const queue: QueueSnapshot = { rows: 5, maxRows: 8, closed: false, age: 0, executing: 0, idle: 2, fit }
      const taken = Effect.fnUntraced(function*(policy: Batcher.BatchPolicy, snapshot: QueueSnapshot) {
        const step = yield* Schedule.toStep(policy)
        return yield* Effect.flip(step(0, snapshot)).pipe(Effect.map((done) => Cause.isDone(done) ? done.value : done))
      })
      const atOnce = BatchPolicy.maxQueueDelay(0)
      assert.strictEqual(yield* taken(atOnce, queue), 3)
      assert.strictEqual(yield* taken(atOnce, { ...queue, idle: 5 }), 2)
      assert.strictEqual(yield* taken(atOnce, { ...queue, idle: 1 }), 5)
      assert.strictEqual(yield* taken(atOnce, { ...queue, idle: 0 }), 5)
      assert.strictEqual(yield* taken(atOnce, { ...queue, closed: true }), 5)
      assert.strictEqual(yield* taken(atOnce, { ...queue, maxRows: 5 }), 5)
      assert.strictEqual(yield* taken(BatchPolicy.maxQueueDelay(0, [4]), queue), 4)
      assert.strictEqual(yield* taken(BatchPolicy.maxQueueDelay("1 millis"), { ...queue, age: 1 }), 5)
    })
  )

  it.effect(
    "either looks again at the fewer rows and after the shorter delay of two policies",
    Effect.fnUntraced(function*() {
      const both = BatchPolicy.either(
        BatchPolicy.make(() => BatchPolicy.wait(8, 5)),
        BatchPolicy.make(() => BatchPolicy.wait(4, 10))
      )
      const step = yield* Schedule.toStep(both)
      const [rows, delay] = yield* Effect.orDie(
        step(0, { rows: 1, maxRows: 8, closed: false, age: 0, executing: 0, idle: 1, fit: () => 1 })
      )
      assert.deepStrictEqual([rows, Duration.toMillis(delay)], [4, 5])
    })
  )
})
