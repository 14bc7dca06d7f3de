import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Schedule } from "effect"
import * as BatchPolicy from "../../src/layers/scheduling/BatchPolicy.ts"

describe("BatchPolicy", () => {
  it.effect(
    "either looks again at the fewer rows and after the shorter delay of two policies",
    Effect.fnUntraced(function*() {
      const both = BatchPolicy.either(
        BatchPolicy.make(() => BatchPolicy.wait(8, 5)),
        BatchPolicy.make(() => BatchPolicy.wait(4, 10))
      )
      const step = yield* Schedule.toStep(both)
      const [rows, delay] = yield* Effect.orDie(
        step(0, { rows: 1, maxRows: 8, closed: false, age: 0, executing: 0, fit: () => 1 })
      )
      assert.deepStrictEqual([rows, Duration.toMillis(delay)], [4, 5])
    })
  )
})
