import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import * as Child from "./cli/Child.ts"

const script = fileURLToPath(new URL("../../bench/answers.ts", import.meta.url))

describe("answers through all doors at a time", () => {
  for (const placement of ["inline", "thread", "process", "two fronts"]) {
    it.live(`hold nothing of other requests: ${placement}`, () =>
      Effect.gen(function*() {
        const { code, err, out } = yield* Child.run(["4", "20261127", placement], {
          program: [process.execPath, script]
        })
        assert.include(out, `| ${placement} | RPC over WebSocket |`, err)
        assert.strictEqual(code, 0, `${out}\n${err}`)
      }), 120_000)
  }
})
