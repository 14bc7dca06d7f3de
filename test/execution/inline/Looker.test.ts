import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { MessageChannel } from "node:worker_threads"
import * as Looker from "../../../src/layers/execution/internal/look/Looker.ts"

describe("Looker", () => {
  it.live("tidies up before it ends, and not earlier", () =>
    Effect.gen(function*() {
      const { port1, port2 } = new MessageChannel()
      let tidied = 0
      Looker.serve(port2, () => tidied++)
      port1.postMessage({ _tag: "Look", path: "/nowhere/model.onnx", settings: {} })
      const answer = yield* Effect.callback<{ readonly _tag: string }>((resume) => {
        port1.once("message", (message) => resume(Effect.succeed(message)))
      })
      assert.deepStrictEqual([answer._tag, tidied], ["Refused", 0])
      port1.postMessage(0)
      yield* Effect.callback<void>((resume) => {
        port1.once("close", () => resume(Effect.void))
      })
      assert.strictEqual(tidied, 1)
    }))
})
