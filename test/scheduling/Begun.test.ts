import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Result, type Scope } from "effect"
import * as DirectScheduler from "../../src/layers/scheduling/DirectScheduler.ts"
import * as DynamicBatcher from "../../src/layers/scheduling/DynamicBatcher.ts"
import { Books } from "../../src/layers/telemetry/internal/Books.ts"
import { fromBegun, over } from "../../src/services/Begun.ts"
import type { Job, ModelScheduler, QueueOptions } from "../../src/services/Scheduler.ts"
import * as Fakes from "../execution/FakeInstances.ts"
import { job, layout, runs } from "./DigitJobs.ts"
import { queueOptions } from "./QueueOptions.ts"

type Open = (version: QueueOptions) => Effect.Effect<ModelScheduler, never, Scope.Scope>

const finish = (fakes: Fakes.Fakes) =>
  Effect.suspend(() => {
    for (const run of Fakes.running(fakes)) run.finish()
    return Fakes.settle
  })

const suite = (name: string, open: Open) =>
  describe(name, () => {
    const start = Effect.fnUntraced(function*() {
      const fakes = Fakes.make()
      const instances = yield* Fakes.pool(fakes, { count: 1 })
      const options = queueOptions("m", { max_batch_size: 1, dynamic_batching: {} })
      const statistics = new Books("m", 1, () => 0)
      const scheduler = yield* open({ ...options, instances, statistics })
      const events: Array<string> = []
      const begin = (digit: number, changes: Partial<Job> = {}) =>
        scheduler.submit.begin!(job(digit, changes), (exit) => {
          events.push(`${digit} ${Exit.isSuccess(exit) ? "succeeded" : "failed"}`)
          if (Exit.isSuccess(exit)) exit.value.release()
        })
      return { begin, events, fakes, scheduler, statistics }
    })

    it.effect(
      "answers once, without a fiber",
      Effect.fnUntraced(function*() {
        const { begin, events, fakes } = yield* start()
        const begun = begin(1)
        yield* Fakes.settle
        assert.deepStrictEqual(events, [])
        yield* finish(fakes)
        assert.deepStrictEqual(events, ["1 succeeded"])
        begun.cancel(() => events.push("ended"))
        assert.deepStrictEqual(events, ["1 succeeded", "ended"])
      }, Effect.scoped)
    )

    it.effect(
      "takes back at once what waits, and gives its place to the next",
      Effect.fnUntraced(function*() {
        const { begin, events, fakes, scheduler, statistics } = yield* start()
        begin(1)
        yield* Fakes.settle
        const second = begin(2)
        begin(3)
        second.cancel(() => events.push("2 ended"))
        assert.deepStrictEqual(events, ["2 ended"])
        assert.strictEqual(statistics.counts().failures.CANCELED, 1)
        yield* finish(fakes)
        yield* finish(fakes)
        assert.deepStrictEqual(runs(fakes), ["1", "3"])
        assert.deepStrictEqual(events, ["2 ended", "1 succeeded", "3 succeeded"])
        assert.deepStrictEqual(scheduler.depth(), { waiting: 0, running: 0 })
      }, Effect.scoped)
    )

    it.effect(
      "lets what runs come to its end, and frees its result",
      Effect.fnUntraced(function*() {
        const { begin, events, fakes } = yield* start()
        const begun = begin(1)
        yield* Fakes.settle
        begun.cancel(() => events.push("ended"))
        yield* Fakes.settle
        assert.deepStrictEqual(events, [])
        yield* finish(fakes)
        assert.deepStrictEqual(events, ["ended"])
        assert.strictEqual(fakes.unreleased, 0)
      }, Effect.scoped)
    )

    it.effect(
      "leaves no way around a submit that was put in the place of its own",
      Effect.fnUntraced(function*() {
        const { scheduler } = yield* start()
        const wrapped: ModelScheduler = { ...scheduler, submit: (job) => scheduler.submit(job) }
        assert.isUndefined(wrapped.submit.begin)
      }, Effect.scoped)
    )

    it.effect(
      "refuses before it returns, with nothing to cancel",
      Effect.fnUntraced(function*() {
        const { events, ...rest } = yield* Effect.scoped(start())
        const begun = rest.begin(1)
        assert.deepStrictEqual(events, ["1 failed"])
        assert.strictEqual(begun, over)
        assert.strictEqual(rest.statistics.counts().refusals.stopping, 1)
      })
    )
  })

suite("without a batcher", DirectScheduler.open)
suite("with a batcher", (version) =>
  DynamicBatcher.open(version, {
    ...layout,
    scatter: (_jobs, _batch, { outputs, release }) => [Result.succeed({ outputs, release })]
  }, {}))

describe("fromBegun", () => {
  it.effect(
    "waits, where it is interrupted, until nothing is in use",
    Effect.fnUntraced(function*() {
      let end: (() => void) | undefined
      const fiber = yield* Effect.forkChild(
        fromBegun<number, never>(() => ({
          cancel: (ended) => {
            end = ended
          }
        })),
        { startImmediately: true }
      )
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
      yield* Fakes.settle
      assert.isUndefined(interrupting.pollUnsafe())
      end!()
      yield* Fiber.join(interrupting)
      assert.isTrue(Exit.isFailure(yield* Fiber.await(fiber)))
    })
  )

  it.effect(
    "takes an answer that is there at once, and one that has yet to be run",
    Effect.fnUntraced(function*() {
      const answer = (effect: Effect.Effect<number>) =>
        fromBegun<number, never>((resume) => {
          resume(effect)
          return over
        })
      assert.strictEqual(yield* answer(Exit.succeed(1)), 1)
      assert.strictEqual(yield* answer(Effect.sync(() => 2)), 2)
    })
  )
})
