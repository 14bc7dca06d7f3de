import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Farewell from "../../../src/layers/cli/internal/Farewell.ts"

const make = (exitDrainMs = 0, logInfo = true) => {
  const said: Array<string> = []
  return { said, ...Farewell.make({ exitDrainMs, logInfo }, { out: (text) => said.push(text) }) }
}

describe("the farewell", () => {
  it.effect("of a server that has started is said when it is not ready any more", () =>
    Effect.gen(function*() {
      const { departed, said, signalled, started } = make(500)
      started()
      signalled("SIGTERM")
      assert.deepStrictEqual(said, [])
      yield* departed
      assert.deepStrictEqual(said, [
        "SIGTERM received, not ready any more, taking requests for another 500 ms, then finishing those in flight…\n"
      ])
    }))

  it.effect("of a server that still starts is said at once, and once", () =>
    Effect.gen(function*() {
      const { departed, said, signalled, started } = make()
      signalled("SIGINT")
      assert.deepStrictEqual(said, ["SIGINT received, finishing requests in flight…\n"])
      started()
      yield* departed
      assert.strictEqual(said.length, 1)
    }))

  it.effect("is not said of an end without a signal, nor where the log says nothing", () =>
    Effect.gen(function*() {
      const quiet = make(0, false)
      quiet.signalled("SIGTERM")
      const other = make()
      other.started()
      yield* other.departed
      assert.deepStrictEqual([...quiet.said, ...other.said], [])
    }))
})
