import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Option } from "effect"
import { TestClock } from "effect/testing"
import { FlushTime } from "../../../src/layers/telemetry/internal/otlp/FlushTime.ts"

describe("the time for the end", () => {
  it.effect("is one for all, and for those that end at the same time the same", () =>
    Effect.gen(function*() {
      const flush = new FlushTime(4000)
      const at: Array<number> = []
      const ends = (effect: Effect.Effect<void>, share?: number) =>
        Effect.andThen(flush.within(effect, share), Effect.map(Clock.currentTimeMillis, (now) => at.push(now)))
      const all = yield* Effect.forkChild(
        Effect.gen(function*() {
          yield* ends(Effect.sleep(1000))
          yield* ends(Effect.never, 0.5)
          yield* Effect.all([ends(Effect.never), ends(Effect.sleep(500))], { concurrency: 2 })
          return yield* flush.within(Effect.never)
        }),
        { startImmediately: true }
      )
      yield* TestClock.adjust(4000)
      assert.isTrue(Option.isNone(yield* Fiber.join(all)))
      assert.deepStrictEqual(at, [1000, 2500, 3000, 4000])
    }))
})
