/** Models that end their instance in the first runs of a version. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Child from "../cli/Child.ts"
import { model, numbers, serve } from "./Running.ts"

const warmup = `model_warmup { name: "w" batch_size: 1
  inputs { key: "X" value { data_type: TYPE_FP32 dims: [ 1 ] zero_data: true } } }`
const golden = JSON.stringify({
  request: { inputs: [{ name: "X", datatype: "FP32", shape: [1, 1], data: [0] }] },
  response: { outputs: [{ name: "Y", datatype: "FP32", shape: [1, 1], data: [0] }] }
})
const retry = `parameters { key: "galatea.retry" value { string_value: "true" } }`
const threads = {
  exit: "export default () => process.exit(3)",
  error: "export default () => new Promise(() => setTimeout(() => { throw new Error('out of tune') }))"
}

describe("a model that ends its instance in its first runs", () => {
  for (
    const [what, config, files, source, why] of [
      ["of its warm-up", warmup, {}, threads.exit, "its thread ended with code 3"],
      ["of its warm-up, with an error", warmup, {}, threads.error, "met an error that nothing caught: out of tune"],
      ["of its golden requests", "", { golden: { "a.json": golden } }, threads.exit, "its thread ended with code 3"],
      ["that may be retried", retry, { golden: { "a.json": golden } }, threads.exit, "its thread ended with code 3"]
    ] as const
  ) {
    it.live(`is not loaded, and told why and not to try again: ${what}`, () =>
      Effect.gen(function*() {
        const folder = yield* Child.folder({ m: model(`max_batch_size: 2 ${config} ${numbers}`, source, files) })
        const url = yield* serve(folder, { modelControlMode: "explicit" })
        const { status, text } = yield* Child.ask(`${url}/v2/repository/models/m/load`, { method: "POST" })
        assert.strictEqual(status, 400)
        assert.match(text, /instance 'm_0' was lost while it ran it: its thread /)
        assert.include(text, why)
        assert.notInclude(text, "try again")
        assert.notInclude(text, "restarted")
      }).pipe(Effect.scoped), 20_000)
  }
})
