/** A started server with a rate limiter and passive instances, and models that run for some milliseconds. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Models from "../fixtures/onnx/Models.ts"
import * as Child from "./cli/Child.ts"
import * as Exposition from "./Exposition.ts"

const config = (group: string) =>
  `platform: "onnxruntime_onnx"\nmax_batch_size: 8\n`
  + "input { name: \"INPUT0\" data_type: TYPE_FP32 dims: 16 }\noutput { name: \"OUTPUT0\" data_type: TYPE_FP32 dims: 16 }\n"
  + `instance_group [ ${group} ]\n`

const limited = (count: number, priority: number, more = "") =>
  `{ count: 1 kind: KIND_CPU rate_limiter { resources [ { name: "R" count: ${count} }${more} ] priority: ${priority} } }`

const model = (group: string, iterations = 500) => ({
  "config.pbtxt": config(group),
  1: { "model.onnx": Models.slow(iterations) }
})

const repository = {
  first: model(limited(4, 1, ", { name: \"G\" global: true count: 2 }")),
  second: model(limited(2, 2))
}

const body = JSON.stringify({
  inputs: [{ name: "INPUT0", shape: [1, 16], datatype: "FP32", data: Array.from({ length: 16 }, (_, i) => i) }]
})

const infer = (url: string, name: string) => Child.ask(`${url}/v2/models/${name}/infer`, { method: "POST", body })

const serve = Effect.fnUntraced(function*(files: Child.Files, ...words: ReadonlyArray<string>) {
  return yield* Child.serve([yield* Child.folder(files), ...words])
})

/** Eight requests of each model in flight until one of them has had so many answers. */
const compete = Effect.fnUntraced(function*(url: string, most: number) {
  const answers: Record<string, number> = { first: 0, second: 0 }
  const one = (name: string) =>
    Effect.gen(function*() {
      while (Math.max(...Object.values(answers)) < most) {
        const { status, text } = yield* infer(url, name)
        assert.strictEqual(status, 200, text)
        answers[name]!++
      }
    })
  yield* Effect.forEach(
    Array.from({ length: 16 }, (_, i) => i % 2 === 0 ? "first" : "second"),
    one,
    { concurrency: "unbounded", discard: true }
  )
  return answers
})

describe("a started server with a rate limiter", () => {
  it.live(
    "shares a scarce resource by the priorities, and shows what is taken of it",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const server = yield* serve(
          repository,
          "--rate-limit=execution_count",
          "--rate-limit-resource=R:4",
          "--rate-limit-resource=G:2"
        )
        assert.notInclude(server.err(), "rate")
        const answers = yield* compete(server.url, 80)
        // Sixteen may be under way when the first has its eighty.
        assert.isAbove(answers["first"]! / answers["second"]!, 1.6, JSON.stringify(answers))
        const metrics = /metrics at (\S+)/.exec(server.out())![1]!
        const families = Exposition.parse((yield* Child.ask(metrics)).text)
        const values = (name: string) =>
          families.get(`galatea_rate_limiter_${name}`)!.samples.map(({ labels, value }) => [
            `${labels["resource"]} ${labels["device"]}`,
            value
          ])
        assert.deepStrictEqual(values("available_units"), [["R 0", 4], ["G all", 2]])
        assert.deepStrictEqual(values("granted_units"), [["R 0", 0], ["G all", 0]])
        assert.deepStrictEqual(values("waiting_instances"), [["R 0", 0], ["G all", 0]])
      }))
  )

  it.live("does not load a model that needs more than there is, and says why", () =>
    Effect.scoped(Effect.gen(function*() {
      const server = yield* serve(
        repository,
        "--rate-limit=execution_count",
        "--rate-limit-resource=R:3",
        "--rate-limit-resource=G:2",
        "--exit-on-error=false"
      )
      const reason =
        "Resource count for \"R\" is limited to 3 which will prevent scheduling of one or more model instances, "
        + "the minimum required count is 4"
      const index = JSON.parse((yield* Child.ask(`${server.url}/v2/repository/index`, { method: "POST" })).text)
      const states = index.map(({ name, reason, state }: Record<string, string>) => [name, state, reason ?? ""])
      assert.deepStrictEqual(states[1], ["second", "READY", ""])
      assert.include(states[0][2], reason)
      assert.include(server.err(), reason.replaceAll("\"", "\\\""))
      assert.strictEqual((yield* infer(server.url, "second")).status, 200)
    })))

  it.live("gives passive instances no requests, and refuses those of a model that has no others", () =>
    Effect.scoped(Effect.gen(function*() {
      const server = yield* serve({
        mixed: model("{ count: 1 kind: KIND_CPU }, { count: 2 kind: KIND_CPU passive: true }", 1),
        passive: model("{ count: 1 kind: KIND_CPU passive: true }", 1)
      })
      const warnings = server.err().split("\n").filter((line) => line.includes("passive"))
      assert.strictEqual(warnings.length, 1, server.err())
      assert.include(warnings[0], "model 'passive' has passive instances only: every request to it is refused.")
      for (let i = 0; i < 3; i++) assert.strictEqual((yield* infer(server.url, "mixed")).status, 200)
      assert.strictEqual((yield* Child.ask(`${server.url}/v2/models/passive/ready`)).status, 200)
      const refused = yield* infer(server.url, "passive")
      assert.deepStrictEqual([refused.status, JSON.parse(refused.text)], [501, {
        error:
          "[request id: <id_unknown>] model 'passive' has passive instances only, which run no requests: give it an instance group without 'passive: true'"
      }])
    })))
})
