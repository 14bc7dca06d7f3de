/** What docs/custom-models.md says, done. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import type * as ChildFiles from "../cli/Child.ts"
import * as Child from "../cli/Child.ts"
import { start } from "./Running.ts"

const text = readFileSync(new URL("../../../docs/custom-models.md", import.meta.url), "utf8")

/** The files of a model that the document gives in full. */
const filesOf = (model: string): ChildFiles.Files => {
  const version: Record<string, string> = {}
  let config = ""
  for (const [, of, path, content] of text.matchAll(/^`models\/(\w+)\/(\S+)`\n\n```\w*\n(.*?)```$/gms)) {
    if (of !== model) continue
    if (path === "config.pbtxt") config = content!
    else version[path!.slice(2)] = content!
  }
  return { "config.pbtxt": config, "1": version }
}

/** Its questions in order, and what the last one is to answer. */
const questionsOf = (model: string) => {
  const questions = [...text.matchAll(/^curl localhost:8000(\S+) -d '(.*?)'$/gms)]
    .filter(([, path]) => path!.includes(`/${model}/`))
  const last = questions.at(-1)!
  const answer = /answers `(.*?)`/.exec(text.slice(last.index))![1]!
  return { questions: questions.map(([, path, body]) => ({ path: path!, body: body! })), answer }
}

describe("docs/custom-models.md", () => {
  const models: ReadonlyArray<readonly [string, ReadonlyArray<string>, questions: number]> = [
    ["tokens", ["words.txt", "model.ts"], 1],
    ["sums", ["model.ts"], 2]
  ]
  for (const [model, names, count] of models) {
    it.live(`has a model '${model}' that works, and answers its questions as written`, () =>
      Effect.gen(function*() {
        const files = filesOf(model)
        assert.deepStrictEqual(Object.keys(files["1"]!), names)
        const url = yield* start({ [model]: files })
        const { answer, questions } = questionsOf(model)
        assert.strictEqual(questions.length, count)
        let text = ""
        for (const { body, path } of questions) {
          text = (yield* Child.ask(`${url}${path}`, { method: "POST", body })).text
        }
        assert.include(text, answer)
      }).pipe(Effect.scoped))
  }
})
