import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as Child from "./cli/Child.ts"

const script = fileURLToPath(new URL("../../bench/chaos.ts", import.meta.url))

/** Processes and their files are looked at under /proc. */
const skipped = !existsSync("/proc/self/stat")

describe.skipIf(skipped)("processes of instances that are ended by signals under load", () => {
  it.live("cost other models no answer, and leave nothing behind", () =>
    Effect.gen(function*() {
      const { code, err, out } = yield* Child.run(["20", "--lenient"], { program: [process.execPath, script] })
      assert.include(out, "| zombies | 0 |", err)
      assert.strictEqual(code, 0, `${out}\n${err}`)
    }), 180_000)
})
