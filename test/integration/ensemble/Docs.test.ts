/** What docs/ensembles.md says, done. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import * as Child from "../cli/Child.ts"
import { start } from "../custom/Running.ts"

const text = readFileSync(new URL("../../../docs/ensembles.md", import.meta.url), "utf8")

const block = (path: string) =>
  new RegExp(`^\`models/${path.replaceAll(".", "\\.")}\`.*?^\`\`\`\\w*\\n(.*?)^\`\`\`$`, "ms").exec(text)![1]!

const [rows, parts, condition] = [...text.slice(text.indexOf("### Examples")).matchAll(/^```\n(.*?)^```$/gms)]
  .map(([, config]) => config!)

const module = block("double/1/model.ts")
const custom = (source: string): Child.Files => ({
  "config.pbtxt": block("double/config.pbtxt"),
  "1": { "model.ts": source }
})
const ensemble = (config: string): Child.Files => ({ "config.pbtxt": config, "1": {} })

const served = start({
  double: custom(module),
  negate: custom(module.replace("2 * x", "-x")),
  both: ensemble(block("both/config.pbtxt")),
  rows: ensemble(rows!),
  parts: ensemble(parts!),
  condition: ensemble(condition!)
})

interface Tensor {
  readonly name: string
  readonly shape: ReadonlyArray<number>
  readonly data: ReadonlyArray<number | boolean>
}

const input = (name: string, datatype: string, shape: Tensor["shape"], data: Tensor["data"]) => ({
  name,
  datatype,
  shape,
  data
})

const ask = (url: string, model: string, ...inputs: ReadonlyArray<Tensor>) =>
  Effect.map(
    Child.ask(`${url}/v2/models/${model}/infer`, { method: "POST", body: JSON.stringify({ inputs }) }),
    ({ text }) => {
      const { outputs } = JSON.parse(text) as { readonly outputs: ReadonlyArray<Tensor> }
      return outputs.map(({ data, name, shape }) => [name, shape, data])
    }
  )

describe("docs/ensembles.md", () => {
  it.live("has examples that work, and answer as written", () =>
    Effect.gen(function*() {
      const url = yield* served
      const [, path, body] = /^curl localhost:8000(\S+) -d '(.*?)'$/ms.exec(text)!
      const answer = yield* Child.ask(`${url}${path!}`, { method: "POST", body: body! })
      assert.include(answer.text, /^answers `(.*?)`/m.exec(text)![1]!)
      assert.deepStrictEqual(yield* ask(url, "rows", input("ROWS", "FP32", [2, 3], [1, 2, 3, 4, 5, 6])), [
        ["DOUBLED", [2, 3], [2, 4, 6, 8, 10, 12]]
      ])
      const flat = input("PARTS", "FP32", [5], [1, 2, 3, 4, 5])
      assert.deepStrictEqual(yield* ask(url, "parts", flat, input("SHAPES", "INT64", [2, 1], [2, 3])), [
        ["DOUBLED", [5], [2, 4, 6, 8, 10]],
        ["DOUBLED_SHAPES", [2, 1], [2, 3]]
      ])
      const one = input("IN", "FP32", [1, 3], [1, 2, 3])
      const doubled = ["DOUBLED", [1, 3], [2, 4, 6]]
      assert.deepStrictEqual(yield* ask(url, "condition", one, input("NEGATE", "BOOL", [1], [false])), [doubled])
      assert.deepStrictEqual(yield* ask(url, "condition", one, input("NEGATE", "BOOL", [1], [true])), [
        doubled,
        ["NEGATED", [1, 3], [-2, -4, -6]]
      ])
    }).pipe(Effect.scoped))
})
