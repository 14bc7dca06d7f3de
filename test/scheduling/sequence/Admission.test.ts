import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"
import * as ProgramLogger from "../../ProgramLogger.ts"
import { answers, isEmpty, make, read, settle, textOf } from "./Sequences.ts"

const oldest = { oldest: {}, max_sequence_idle_microseconds: 5_000_000n }
const single = { ...oldest, oldest: { max_candidate_sequences: 1 } }

describe("Admission of sequences", () => {
  it.effect(
    "refuses what breaks a rule, in the order of the rules, and counts no failure for it",
    Effect.fnUntraced(function*() {
      const queue = yield* make(oldest)
      const ask = Effect.fnUntraced(function*(...args: Parameters<typeof queue.submit>) {
        return textOf(yield* Fiber.join(yield* queue.submit(...args)))
      })
      assert.strictEqual(
        yield* ask(0, 1, { rows: 2 }),
        "inference request to model 'm' must specify batch-size 1 due to requirements of sequence batcher"
      )
      const noId = "inference request to model 'm' must specify a non-zero or non-empty correlation ID"
      assert.strictEqual(yield* ask(0, 1, { start: true }), noId)
      assert.strictEqual(yield* ask("", 1, { start: true }), noId)
      const noStart = (id: string) =>
        `inference request for sequence ${id} to model 'm' must specify the START flag on the first request of the sequence`
      assert.strictEqual(yield* ask(7, 1), noStart("7"))
      assert.strictEqual(yield* ask("seven", 1, { end: true }), noStart("seven"))
      assert.strictEqual(yield* ask(2n ** 64n - 1n, 1), noStart("18446744073709551615"))
      const { fail, refusals } = queue.statistics.counts()
      assert.strictEqual(fail.count, 0)
      assert.deepStrictEqual(refusals, { queue_full: 0, deadline: 0, stopping: 0, suspended: 0, invalid: 6 })
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )

  it.effect(
    "refuses a job that is nobody's request",
    Effect.fnUntraced(function*() {
      const queue = yield* make(oldest)
      const { request: _, ...job } = (yield* Effect.promise(() => import("./Sequences.ts"))).job(1n, 1)
      assert.strictEqual((yield* Effect.flip(queue.core.submit(job)))._tag, "InvalidRequest")
    }, Effect.scoped)
  )

  it.effect(
    "keeps numbers and strings apart",
    Effect.fnUntraced(function*() {
      const queue = yield* make(oldest)
      const fibers = [
        yield* queue.submit(1, 1, { start: true, end: true }),
        yield* queue.submit("1", 2, { start: true, end: true })
      ]
      yield* settle
      assert.deepStrictEqual(queue.core.depth(), { waiting: 0, running: 1 })
      yield* queue.finish()
      assert.deepStrictEqual(yield* answers(fibers), [1, 2])
    }, Effect.scoped)
  )

  it.effect(
    "lets a START of a sequence that has not ended go on in its slot, afresh, with a warning",
    Effect.fnUntraced(function*() {
      const warnings: Array<unknown> = []
      const logger = Logger.layer([ProgramLogger.make(({ logLevel, message }) => {
        if (logLevel === "Warn") warnings.push(message)
      })])
      yield* Effect.gen(function*() {
        const queue = yield* make(single)
        const fibers = [
          yield* queue.submit(1, 1, { start: true }),
          yield* queue.submit(1, 2),
          yield* queue.submit(1, 10, { start: true }),
          yield* queue.submit(1, 3, { end: true })
        ]
        for (let i = 0; i < 4; i++) yield* settle.pipe(Effect.andThen(queue.finish()))
        assert.deepStrictEqual(yield* answers(fibers), [1, 3, 10, 13])
        assert.deepStrictEqual(queue.ends, ["1 cancelled", "1 finished"])
        assert.isTrue(isEmpty(queue))
        // Many in one second are told of once, and counted.
        const others = []
        for (let i = 0; i < 4; i++) others.push(yield* queue.submit(1, 1, { start: true }))
        yield* TestClock.adjust("1 second")
        others.push(yield* queue.submit(1, 1, { start: true, end: true }))
        for (let i = 0; i < 5; i++) yield* settle.pipe(Effect.andThen(queue.finish()))
        assert.deepStrictEqual(yield* answers(others), [1, 1, 1, 1, 1])
      }).pipe(Effect.scoped, Effect.provide(Layer.fresh(logger)))
      const warning =
        "sequence 1 for model 'm' has a conflict. The previous sequence did not end before this sequence start. Previous " +
        "sequence will be terminated early."
      assert.deepStrictEqual(warnings, [[warning], [`${warning} (3 more of the model since the last such warning)`]])
    })
  )

  it.effect(
    "takes the next START of an id for another sequence once the END was submitted",
    Effect.fnUntraced(function*() {
      const queue = yield* make(oldest)
      const fibers = [
        yield* queue.submit(1, 1, { start: true, end: true }),
        yield* queue.submit(1, 2, { start: true }),
        yield* queue.submit(1, 3, { end: true })
      ]
      yield* settle
      for (let i = 0; i < 3; i++) yield* queue.finish()
      assert.deepStrictEqual(queue.batches, ["^1+1$", "^1+2", "1+3$"])
      assert.deepStrictEqual(yield* answers(fibers), [1, 2, 5])
    }, Effect.scoped)
  )

  it.effect(
    "lets it run beside the one before where no instance knows them by their id",
    Effect.fnUntraced(function*() {
      const queue = yield* make(oldest, { stateful: true })
      const fibers = [
        yield* queue.submit(1, 1, { start: true, end: true }),
        yield* queue.submit(1, 2, { start: true, end: true })
      ]
      yield* settle
      assert.deepStrictEqual(queue.batches, ["^1+1$ ^1+2$"])
      yield* queue.finish()
      assert.deepStrictEqual(yield* answers(fibers), [1, 2])
    }, Effect.scoped)
  )

  it.effect(
    "bounds the backlog and the steps in slots, each by its own",
    Effect.fnUntraced(function*() {
      const queue = yield* make(single, { maxBacklog: 2, maxQueueSize: 1 })
      yield* queue.submit(1, 1, { start: true })
      yield* settle
      yield* queue.submit(1, 1)
      const full = yield* Fiber.join(yield* queue.submit(1, 1))
      assert.strictEqual(textOf(full), "Exceeds maximum queue size")
      yield* queue.submit(2, 1, { start: true })
      yield* queue.submit(2, 1)
      for (const ask of [yield* queue.submit(2, 1, { end: true }), yield* queue.submit(3, 1, { start: true })]) {
        assert.strictEqual(
          textOf(yield* Fiber.join(ask)),
          "the backlog of model 'm' is full: 2 requests of sequences wait for a slot, the most that " +
            "--sequence-max-backlog or the model's parameter galatea.sequence.max_backlog allows"
        )
      }
      assert.deepStrictEqual(queue.core.depth(), { waiting: 3, running: 1 })
      assert.deepStrictEqual(queue.statistics.counts().sequences, { live: 2, waiting: 1, slots: 1 })
      assert.strictEqual(queue.statistics.counts().refusals.queue_full, 3)
    }, Effect.scoped)
  )

  it.effect(
    "refuses a START at once that cannot have a slot in time, once it knows how long sequences hold theirs",
    Effect.fnUntraced(function*() {
      const queue = yield* make(single)
      const second = TestClock.adjust("1 second")
      for (let i = 1; i <= 8; i++) {
        const early = yield* queue.submit(100 + i, 1, { start: true, end: true, timeout: 5 })
        yield* settle
        yield* second
        yield* queue.finish()
        assert.strictEqual(read(yield* Fiber.join(early)), 1)
      }
      yield* queue.submit(1, 1, { start: true })
      yield* TestClock.adjust("400 millis")
      assert.strictEqual(
        textOf(yield* Fiber.join(yield* queue.submit(2, 1, { start: true, timeout: 500 }))),
        "no slot of model 'm' can come free for sequence 2 in time: it would be number 1 in the backlog of 1 slots, which " +
          "takes at least 600 ms by the shortest of the last sequences, and the request waits 500 ms at most"
      )
      const taken = yield* queue.submit(3, 1, { start: true, end: true, deadline: 700 })
      const late = yield* Fiber.join(yield* queue.submit(4, 1, { start: true, deadline: 1500 }))
      assert.strictEqual(read(late), "QueueFull")
      const patient = yield* queue.submit(5, 1, { start: true, end: true })
      yield* queue.submit(1, 1, { end: true })
      for (let i = 0; i < 4; i++) yield* queue.finish()
      assert.deepStrictEqual(yield* answers([taken, patient]), [1, 1])
      assert.isTrue(isEmpty(queue))
    }, Effect.scoped)
  )
})
