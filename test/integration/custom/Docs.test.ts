/** What docs/custom-models.md says, done. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import type * as ChildFiles from "../cli/Child.ts"
import * as Child from "../cli/Child.ts"
import { start } from "./Running.ts"

const text = readFileSync(new URL("../../../docs/custom-models.md", import.meta.url), "utf8")

describe("docs/custom-models.md", () => {
  it.live("has a model that works, and answers its question as written", () =>
    Effect.gen(function*() {
      const files = [...text.matchAll(/^`models\/tokens\/(\S+)`\n\n```\w*\n(.*?)```$/gms)]
      const version: Record<string, string> = {}
      let config = ""
      for (const [, path, content] of files) {
        if (path === "config.pbtxt") config = content!
        else version[path!.slice(2)] = content!
      }
      assert.deepStrictEqual(Object.keys(version), ["words.txt", "model.ts"])
      const tokens: ChildFiles.Files = { "config.pbtxt": config, "1": version }
      const url = yield* start({ tokens })
      const [, path, body] = /^curl localhost:8000(\S+) -d '(.*?)'$/ms.exec(text)!
      const answer = yield* Child.ask(`${url}${path!}`, { method: "POST", body: body! })
      assert.include(answer.text, /^answers `(.*?)`/m.exec(text)![1]!)
    }).pipe(Effect.scoped))
})
