/** A folder of models from the command that indexes it to the server that serves it from elsewhere. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { join } from "node:path"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as WebServer from "../sources/WebServer.ts"
import * as Child from "./Child.ts"
import * as InProcess from "./InProcess.ts"

describe("galatea index", () => {
  it.live("makes a folder one that can be checked and served from a web server of plain files", () =>
    Effect.scoped(Effect.gen(function*() {
      const models = yield* Child.folder({
        simple: { "config.pbtxt": "max_batch_size: 8\n", 1: { "model.onnx": Models.simple() } }
      })
      const cache = yield* Child.folder({})
      const indexed = yield* InProcess.run(["index", models])
      assert.deepStrictEqual(indexed, {
        code: 0,
        out: `${join(models, "index.json")}: 1 model, 2 files, ${Models.simple().length + 18} bytes\n`,
        err: ""
      })
      const web = yield* WebServer.serve(models)
      const words = [web.url, `--repository-cache-directory=${cache}`]
      assert.include((yield* InProcess.run(["check", ...words])).out, "1 of 1 can be served")
      const server = yield* InProcess.serve(words)
      assert.strictEqual((yield* Child.ask(`${server.url}/v2/models/simple/ready`)).status, 200)
      // What the check fetched is here still.
      assert.strictEqual(web.log.filter(({ path }) => path.endsWith("model.onnx")).length, 1)
    })))

  it.live("fails for a folder without models, and for none", () =>
    Effect.scoped(Effect.gen(function*() {
      const empty = yield* Child.folder({})
      const failed = yield* InProcess.run(["index", empty])
      assert.strictEqual(failed.code, 1)
      assert.include(failed.err, `galatea index: Invalid argument: there are no models in '${empty}'`)
      assert.strictEqual((yield* InProcess.run(["index"])).code, 1)
    })))
})
