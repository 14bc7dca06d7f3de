import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as ExportQueue from "../../../src/layers/telemetry/internal/otlp/ExportQueue.ts"
import { FlushTime } from "../../../src/layers/telemetry/internal/otlp/FlushTime.ts"
import { SignalBook } from "../../../src/layers/telemetry/internal/otlp/SignalBook.ts"

const plan = { maxQueueSize: 6, scheduleDelayMillis: 1000, maxExportBatchSize: 3, exportTimeoutMillis: 5000 }

/** A queue in a scope of its own, with the batches that it has sent. */
const setup = Effect.fnUntraced(function*(
  send: (batch: ReadonlyArray<number>) => Effect.Effect<void> = () => Effect.void
) {
  const batches: Array<ReadonlyArray<number>> = []
  const book = new SignalBook("traces")
  const scope = yield* Scope.make()
  const queue = yield* ExportQueue.make<number>(
    plan,
    book,
    (batch) =>
      Effect.suspend(() => {
        batches.push(batch)
        return send(batch)
      }),
    new FlushTime(2000)
  ).pipe(Scope.provide(scope))
  const push = (...items: ReadonlyArray<number>) => {
    for (const item of items) queue.push(item)
    return TestClock.adjust(0)
  }
  return { batches, book, push, close: Scope.close(scope, Exit.void) }
})

describe("items to export", () => {
  it.effect("leave as a batch when there are enough, and after a while", () =>
    Effect.gen(function*() {
      const { batches, book, push } = yield* setup()
      yield* push(1, 2)
      assert.deepStrictEqual(batches, [])
      yield* push(3, 4)
      assert.deepStrictEqual(batches, [[1, 2, 3]])
      assert.strictEqual(book.queued, 1)
      yield* TestClock.adjust(999)
      assert.strictEqual(batches.length, 1)
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(batches, [[1, 2, 3], [4]])
      assert.strictEqual(book.queued, 0)
      yield* TestClock.adjust(60_000)
      yield* push(5)
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual(batches.slice(2), [[5]])
    }))

  it.effect("are dropped and counted where there is no room", () =>
    Effect.gen(function*() {
      const answer = yield* Deferred.make<void>()
      const { batches, book, push } = yield* setup(() => Deferred.await(answer))
      yield* push(1, 2, 3)
      yield* push(4, 5, 6, 7, 8, 9, 10, 11)
      assert.deepStrictEqual(batches, [[1, 2, 3]])
      assert.deepStrictEqual([book.dropped, book.queued], [2, 9])
      yield* Deferred.succeed(answer, undefined)
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(batches, [[1, 2, 3], [4, 5, 6], [7, 8, 9]])
      assert.strictEqual(book.queued, 0)
    }))

  it.effect("do not wait for a batch longer than for its time", () =>
    Effect.gen(function*() {
      const { batches, book, push } = yield* setup((batch) => batch[0] === 1 ? Effect.never : Effect.void)
      yield* push(1, 2, 3)
      yield* push(4, 5, 6)
      yield* TestClock.adjust(4999)
      assert.strictEqual(batches.length, 1)
      yield* TestClock.adjust(1)
      assert.strictEqual(batches.length, 2)
      assert.strictEqual(book.queued, 0)
    }))
})

describe("the end of a queue", () => {
  it.effect("sends what waits, in batches", () =>
    Effect.gen(function*() {
      const { batches, book, close, push } = yield* setup()
      yield* push(1, 2)
      yield* close
      assert.deepStrictEqual(batches, [[1, 2]])
      yield* push(3)
      assert.strictEqual(book.dropped, 1)
    }))

  it.effect("ends at once where nothing waits", () =>
    Effect.gen(function*() {
      const { batches, close } = yield* setup()
      yield* close
      assert.deepStrictEqual(batches, [])
    }))

  it.effect("waits for so long and no longer, and counts what is left as failed", () =>
    Effect.gen(function*() {
      const { batches, book, close, push } = yield* setup(() => Effect.never)
      yield* push(1, 2, 3)
      yield* push(4)
      const closing = yield* Effect.forkChild(close, { startImmediately: true })
      yield* TestClock.adjust(1999)
      assert.isUndefined(closing.pollUnsafe())
      yield* TestClock.adjust(1)
      yield* Fiber.join(closing)
      assert.deepStrictEqual(batches, [[1, 2, 3]])
      assert.deepStrictEqual([book.failed, book.queued], [1, 0])
    }))
})
