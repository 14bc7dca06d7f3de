import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as SharedTensorMemory from "../../src/layers/execution/SharedTensorMemory.ts"
import * as DynamicBatcher from "../../src/layers/scheduling/DynamicBatcher.ts"
import * as BatchLayout from "../../src/layers/scheduling/internal/BatchLayout.ts"
import type * as ModelConfig from "../../src/schema/ModelConfig.ts"
import type { Job } from "../../src/services/Scheduler.ts"
import * as Fakes from "../execution/FakeInstances.ts"
import { queueOptions } from "./QueueOptions.ts"

const { settle } = Fakes

const rows = (count: number, first = 0): Job => ({
  inputs: [{
    name: "X",
    datatype: "UINT8",
    shape: [count, 1],
    data: Uint8Array.from({ length: count }, (_, i) => first + i)
  }],
  outputs: ["Y"],
  batchSize: count,
  priority: 0,
  timeoutMicros: 0,
  deadlineMicros: 0
})

type Batching = NonNullable<ModelConfig.Draft["dynamic_batching"]>

const make = Effect.fnUntraced(function*(
  batching: Batching,
  { count = 1, maxBatchSize = 8, places = 1, broken = false }: {
    /** The layout throws when it should divide a result. */
    readonly broken?: boolean
    readonly count?: number
    readonly maxBatchSize?: number
    readonly places?: number
  } = {}
) {
  const fakes = Fakes.make()
  const instances = yield* Fakes.pool(fakes, { count, places })
  const options = queueOptions("m", {
    max_batch_size: maxBatchSize,
    input: [{ name: "X", data_type: "TYPE_UINT8", dims: [1] }],
    output: [{ name: "Y", data_type: "TYPE_UINT8", dims: [1] }],
    dynamic_batching: batching
  })
  const version = { ...options, instances: Fakes.asOutput(instances, "Y") }
  const memory = SharedTensorMemory.make()
  const layout = BatchLayout.make({ ...version, memory })
  const scatter: typeof layout.scatter = () => {
    throw new Error("a bug")
  }
  const batcher = yield* DynamicBatcher.open(version, broken ? { ...layout, scatter } : layout, {})
  const submit = (job: Job) => Effect.forkChild(Effect.exit(batcher.submit(job)), { startImmediately: true })
  const sizes = () => Fakes.running(fakes).map((run) => run.job)
  const finish = Effect.suspend(() => {
    Fakes.running(fakes)[0]!.finish()
    return settle
  })
  return { ...batcher, submit, fakes, sizes, finish, memory, statistics: options.statistics }
})

const data = (
  fiber: Fiber.Fiber<Exit.Exit<{ readonly outputs: ReadonlyArray<{ readonly data: Uint8Array }> }, unknown>>
) =>
  Effect.map(Fiber.join(fiber), (exit) => Exit.isSuccess(exit) ? Array.from(exit.value.outputs[0]!.data) : exit.cause)

describe("DynamicBatcher", () => {
  it.effect(
    "runs together what waits while an instance is busy, and gives everybody the own rows",
    Effect.fnUntraced(function*() {
      const { finish, sizes, statistics, submit } = yield* make({})
      const first = yield* submit(rows(1, 10))
      yield* settle
      const second = yield* submit(rows(2, 20))
      const third = yield* submit(rows(3, 30))
      yield* settle
      assert.deepStrictEqual(sizes(), [1])
      yield* finish
      assert.deepStrictEqual(sizes(), [5])
      yield* finish
      assert.deepStrictEqual(yield* data(first), [10])
      assert.deepStrictEqual(yield* data(second), [20, 21])
      assert.deepStrictEqual(yield* data(third), [30, 31, 32])
      const { batches, executionCount, inferenceCount, success } = statistics.counts()
      assert.deepStrictEqual([success.count, inferenceCount, executionCount], [3, 6, 2])
      assert.deepStrictEqual(batches.map(({ batchSize, count }) => [batchSize, count]), [[1, 1], [5, 1]])
    }, Effect.scoped)
  )

  it.effect(
    "gathers what arrives in one turn",
    Effect.fnUntraced(function*() {
      const { finish, sizes, submit } = yield* make({})
      for (let i = 0; i < 3; i++) yield* submit(rows(1))
      yield* settle
      assert.deepStrictEqual(sizes(), [3])
      yield* finish
    }, Effect.scoped)
  )

  it.effect(
    "starts a full batch in the turn that fills it, and takes the largest preferred size first",
    Effect.fnUntraced(function*() {
      const { finish, sizes, submit } = yield* make({ preferred_batch_size: [2, 6] })
      for (let i = 0; i < 8; i++) yield* submit(rows(1))
      assert.deepStrictEqual(sizes(), [6])
      yield* finish
      assert.deepStrictEqual(sizes(), [2])
      yield* finish
    }, Effect.scoped)
  )

  it.effect(
    "waits for the delay of the oldest, and not longer",
    Effect.fnUntraced(function*() {
      const { finish, sizes, submit } = yield* make({ max_queue_delay_microseconds: 10_000n })
      yield* submit(rows(1))
      yield* settle
      yield* TestClock.adjust("9 millis")
      yield* submit(rows(1))
      yield* settle
      assert.deepStrictEqual(sizes(), [])
      yield* TestClock.adjust("1 millis")
      yield* settle
      assert.deepStrictEqual(sizes(), [2])
      yield* finish
    }, Effect.scoped)
  )

  it.effect(
    "puts a full batch together while the previous one runs, and takes it apart for who is cancelled",
    Effect.fnUntraced(function*() {
      const { depth, fakes, finish, memory, sizes, submit } = yield* make({}, { maxBatchSize: 2, places: 2 })
      yield* submit(rows(2, 1))
      yield* settle
      const gone = yield* submit(rows(1, 10))
      const stays = yield* submit(rows(1, 20))
      yield* settle
      assert.strictEqual(fakes.mostAtOnce, 2)
      assert.isAbove(memory.usage().inUse, 0)
      assert.deepStrictEqual(depth(), { waiting: 2, running: 1 })
      yield* Fiber.interrupt(gone)
      assert.deepStrictEqual(depth(), { waiting: 1, running: 1 })
      assert.strictEqual(memory.usage().inUse, 0)
      yield* finish
      assert.deepStrictEqual(sizes(), [1])
      yield* finish
      assert.deepStrictEqual(yield* data(stays), [20])
    }, Effect.scoped)
  )

  it.effect(
    "rejects at the timeout although every instance is busy, also what lies ready",
    Effect.fnUntraced(function*() {
      const { depth, finish, statistics, submit } = yield* make({
        default_queue_policy: { default_timeout_microseconds: 5000n }
      }, { maxBatchSize: 2, places: 2 })
      yield* submit(rows(2))
      yield* settle
      const late = [yield* submit(rows(1)), yield* submit(rows(1)), yield* submit(rows(1))]
      yield* settle
      yield* TestClock.adjust("5 millis")
      yield* settle
      for (const fiber of late) {
        const failure = Exit.getCause(yield* Fiber.join(fiber))
        assert.include(String(JSON.stringify(failure)), "Request timeout expired")
      }
      assert.deepStrictEqual(depth(), { waiting: 0, running: 1 })
      assert.strictEqual(statistics.counts().failures.REJECTED, 3)
      yield* finish
    }, Effect.scoped)
  )

  it.effect(
    "counts each request of a level against its bound until an instance has it",
    Effect.fnUntraced(function*() {
      const { finish, statistics, submit } = yield* make({ default_queue_policy: { max_queue_size: 3 } }, {
        maxBatchSize: 4
      })
      yield* submit(rows(4))
      yield* settle
      const fibers = []
      for (let i = 0; i < 5; i++) fibers.push(yield* submit(rows(1, i)))
      yield* settle
      assert.strictEqual(statistics.counts().refusals.queue_full, 2)
      yield* finish
      yield* finish
      const exits = yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(exits.map((exit) => exit._tag), ["Success", "Success", "Success", "Failure", "Failure"])
    }, Effect.scoped)
  )

  it.effect(
    "never begins what is due, although its timer is late",
    () => {
      let millis = 0
      const clock = Effect.clockWith((clock) =>
        Effect.succeed<Clock.Clock>({
          ...clock,
          currentTimeMillisUnsafe: () => millis,
          monotonicTimeNanosUnsafe: () => BigInt(millis) * 1_000_000n,
          sleep: (duration) => Duration.toMillis(duration) > 0 ? Effect.never : Effect.yieldNow
        })
      )
      return Effect.gen(function*() {
        const { finish, sizes, statistics, submit } = yield* make({})
        yield* submit(rows(1))
        yield* settle
        const late = yield* submit({ ...rows(1), deadlineMicros: 5000 })
        const inTime = yield* submit(rows(2, 7))
        yield* settle
        millis = 6
        yield* finish
        assert.deepStrictEqual(sizes(), [2])
        yield* finish
        assert.strictEqual((yield* Fiber.join(late))._tag, "Failure")
        assert.deepStrictEqual(yield* data(inTime), [7, 8])
        assert.strictEqual(statistics.counts().failures.REJECTED, 1)
      }).pipe(Effect.scoped, Effect.provideServiceEffect(Clock.Clock, clock))
    }
  )

  it.effect(
    "answers everybody although a result cannot be divided because of a bug, and goes on",
    Effect.fnUntraced(function*() {
      const { fakes, finish, submit } = yield* make({}, { broken: true })
      const first = [yield* submit(rows(1)), yield* submit(rows(1))]
      yield* settle
      yield* finish
      for (const fiber of first) assert.strictEqual((yield* Fiber.join(fiber))._tag, "Failure")
      yield* submit(rows(1))
      yield* settle
      assert.strictEqual(Fakes.running(fakes).length, 1)
      yield* finish
    }, Effect.scoped)
  )

  it.effect(
    "takes what a higher priority has before what waits",
    Effect.fnUntraced(function*() {
      const { finish, sizes, submit } = yield* make({ priority_levels: 2n, default_priority_level: 2n }, {
        maxBatchSize: 2
      })
      yield* submit(rows(1))
      yield* settle
      const low = yield* submit(rows(2, 10))
      yield* submit({ ...rows(1, 20), priority: 1 })
      yield* settle
      yield* finish
      assert.deepStrictEqual(sizes(), [1])
      yield* finish
      assert.deepStrictEqual(sizes(), [2])
      yield* finish
      assert.deepStrictEqual(yield* data(low), [10, 11])
    }, Effect.scoped)
  )

  it.effect(
    "answers in the order of arrival where the config says so",
    Effect.fnUntraced(function*() {
      const { fakes, submit } = yield* make({ preserve_ordering: true }, { count: 2, maxBatchSize: 1 })
      const first = yield* submit(rows(1, 1))
      yield* settle
      const second = yield* submit(rows(1, 2))
      yield* settle
      assert.strictEqual(Fakes.running(fakes).length, 2)
      fakes.started[1]!.finish()
      yield* settle
      assert.strictEqual(second.pollUnsafe(), undefined)
      fakes.started[0]!.finish()
      yield* settle
      assert.deepStrictEqual(yield* data(first), [1])
      assert.deepStrictEqual(yield* data(second), [2])
    }, Effect.scoped)
  )
})
