/** What the native runtime would leave of itself, and send to its makers, by itself. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readdirSync } from "node:fs"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as Child from "./Child.ts"

describe.runIf(process.platform !== "win32")("a server", () => {
  for (const isolation of ["auto", "thread", "process"]) {
    it.live(`has the runtime keep no book of its models, in isolation '${isolation}'`, () =>
      Effect.scoped(Effect.gen(function*() {
        const models = yield* Child.folder({ simple: { 1: { "model.onnx": Models.simple() } } })
        const home = yield* Child.folder({})
        // Nothing of the environment of these tests: variables of continuous integration would silence the runtime too.
        const variables = { HOME: home, XDG_CACHE_HOME: home }
        const server = yield* Child.serve([models, `--model-isolation=${isolation}`], { variables })
        assert.strictEqual((yield* Child.ask(`${server.url}/v2/models/simple/ready`)).status, 200)
        server.process.kill("SIGTERM")
        yield* server.ended
        assert.deepStrictEqual(readdirSync(home), [])
      })))
  }
})
