import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as DirectScheduler from "../../src/layers/scheduling/DirectScheduler.ts"
import type { Job } from "../../src/services/Scheduler.ts"
import * as Fakes from "../execution/FakeInstances.ts"
import { queueOptions } from "./QueueOptions.ts"
import * as Sequences from "./sequence/Sequences.ts"

const { settle } = Fakes

const job: Job = { inputs: [Fakes.job(1)], outputs: [], batchSize: 1, priority: 0, timeoutMicros: 0, deadlineMicros: 0 }

describe("the age of the oldest request in the queue", () => {
  for (const places of [1, 2]) {
    it.effect(
      `counts from its arrival, and not once it runs (${places} at an instance)`,
      Effect.fnUntraced(function*() {
        const fakes = Fakes.make()
        const instances = yield* Fakes.pool(fakes, { count: 1, places })
        const options = queueOptions("m")
        const scheduler = yield* DirectScheduler.open({ ...options, instances })
        /** Milliseconds; told at the end, as a test that fails before would wait for its requests. */
        const seen: Array<number> = []
        const look = Effect.sync(() => void seen.push(options.statistics.counts().oldestNanos / 1e6))
        const submit = Effect.andThen(Effect.forkChild(scheduler.submit(job), { startImmediately: true }), settle)
        const finish = Effect.suspend(() => {
          Fakes.running(fakes)[0]!.finish()
          return settle
        })
        yield* look
        yield* submit
        yield* TestClock.adjust("10 millis")
        yield* look
        yield* submit
        yield* TestClock.adjust("20 millis")
        yield* submit
        yield* look
        yield* TestClock.adjust("5 millis")
        yield* look
        for (let left = 3; left > 0; left--) {
          yield* finish
          yield* look
        }
        assert.deepStrictEqual(seen, [0, 0, 20, 25, 5, 0, 0])
      }, Effect.scoped)
    )
  }

  it.effect(
    "counts steps that wait for a slot, and for the step before them",
    Effect.fnUntraced(function*() {
      const queue = yield* Sequences.make({ direct: {}, max_sequence_idle_microseconds: 60_000_000n }, {
        max_batch_size: 1
      })
      const age = () => queue.statistics.counts().oldestNanos
      yield* queue.submit(1, 1, { start: true })
      yield* settle
      yield* TestClock.adjust("1 second")
      assert.strictEqual(age(), 0)
      yield* queue.submit(2, 2, { start: true, end: true })
      yield* TestClock.adjust("2 seconds")
      yield* queue.submit(1, 3, { end: true })
      yield* settle
      assert.strictEqual(age(), 2e9)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(age(), 3e9)
      yield* queue.finish()
      assert.strictEqual(age(), 3e9, "the other step of the first sequence runs")
      yield* queue.finish()
      assert.strictEqual(age(), 0)
      yield* queue.finish()
    }, Effect.scoped)
  )
})
