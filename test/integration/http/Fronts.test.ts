/** Several front-end threads on one port, over real sockets. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ask, good, goodAnswer, start } from "./Wire.ts"

describe("fronts", () => {
  it.live("answer what main decides", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start({ frontThreads: 2 })
      assert.strictEqual(yield* good(port), goodAnswer)
      assert.strictEqual((yield* ask(port, "/v2/health/live")).status, 200)
      assert.strictEqual((yield* ask(port, "/nowhere")).status, 404)
      assert.deepStrictEqual(held(), [0, 0, 0])
    }).pipe(Effect.scoped))
})
