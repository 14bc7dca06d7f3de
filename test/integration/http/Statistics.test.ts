import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { model } from "../../frontend/http/Fakes.ts"
import { ask, start } from "./Wire.ts"

const zero = "{\"count\":0,\"ns\":0}"
/** A version that nobody has asked yet. */
const idle = (name: string, version = 1) =>
  `{"name":"${name}","version":"${version}","last_inference":0,"inference_count":0,"execution_count":0,"inference_stats":{` +
  ["success", "fail", "queue", "compute_input", "compute_infer", "compute_output", "cache_hit", "cache_miss"]
    .map((phase) => `"${phase}":${zero}`).join(",") +
  "},\"response_stats\":{},\"batch_stats\":[],\"memory_usage\":[]}"

const times = { request: 2 ** 52, queue: 5, computeInput: 6, computeInfer: 7, computeOutput: 8 }

describe("statistics over HTTP", () => {
  it.live("are Triton's JSON, with exact integers and batch sizes ascending", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start()
      const { statistics } = fake.models.get("echo")!
      for (let i = 0; i < 3; i++) statistics.succeeded(2, times)
      statistics.succeeded(1, { ...times, request: 1 })
      statistics.failed("BACKEND", 9)
      statistics.refused("queue_full")
      for (const rows of [6, 1]) {
        statistics.executed(rows, { computeInput: rows, computeInfer: rows + 1, computeOutput: rows + 2 })
      }
      const { headers, status, text } = yield* ask(port, "/v2/models/echo/stats")
      assert.deepStrictEqual([status, headers["content-type"]], [200, "application/json"])
      assert.strictEqual(
        text,
        "{\"model_stats\":[{\"name\":\"echo\",\"version\":\"1\",\"last_inference\":0,\"inference_count\":7," +
          "\"execution_count\":2,\"inference_stats\":{\"success\":{\"count\":4,\"ns\":13510798882111489}," +
          "\"fail\":{\"count\":1,\"ns\":9},\"queue\":{\"count\":4,\"ns\":20},\"compute_input\":{\"count\":4,\"ns\":24}," +
          "\"compute_infer\":{\"count\":4,\"ns\":28},\"compute_output\":{\"count\":4,\"ns\":32}," +
          `"cache_hit":${zero},"cache_miss":${zero}},"response_stats":{},"batch_stats":[` +
          "{\"batch_size\":1,\"compute_input\":{\"count\":1,\"ns\":1},\"compute_infer\":{\"count\":1,\"ns\":2}," +
          "\"compute_output\":{\"count\":1,\"ns\":3}}," +
          "{\"batch_size\":6,\"compute_input\":{\"count\":1,\"ns\":6},\"compute_infer\":{\"count\":1,\"ns\":7}," +
          "\"compute_output\":{\"count\":1,\"ns\":8}}],\"memory_usage\":[]}]}"
      )
    }))

  it.live("are those of one version, of a model, or of everything that is ready", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start()
      const text = (path: string) => Effect.map(ask(port, path), ({ status, text }) => `${status} ${text}`)
      const of = (...models: ReadonlyArray<string>) =>
        `200 {"model_stats":[${models.map((name) => idle(name)).join(",")}]}`
      assert.strictEqual(yield* text("/v2/models/echo/stats"), of("echo"))
      assert.strictEqual(yield* text("/v2/models/echo/versions/1/stats"), of("echo"))
      assert.strictEqual(yield* text("/v2/models/stats/stats"), of("stats"))
      fake.index = [
        { name: "broken", version: "1", state: "UNAVAILABLE", reason: "no" },
        { name: "echo", version: "1", state: "READY" },
        { name: "sick", version: "1", state: "LOADING" },
        { name: "stats", version: "1", state: "READY" },
        { name: "never" }
      ]
      assert.strictEqual(yield* text("/v2/models/stats"), of("echo", "stats"))
      fake.index = []
      assert.strictEqual(yield* text("/v2/models/stats"), of())
    }))

  it.live("escape the names of models", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start()
      fake.models.set("q\"", model("q\""))
      assert.strictEqual(JSON.parse((yield* ask(port, "/v2/models/q%22/stats")).text).model_stats[0].name, "q\"")
    }))

  it.live("refuse what is not there with 400, and what is no version with 404", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start()
      const get = (path: string) =>
        Effect.map(ask(port, path), ({ headers, status, text }) => `${status} ${headers["content-type"]} ${text}`)
      const error = (text: string) => `400 application/json {"error":"${text}"}`
      assert.strictEqual(yield* get("/v2/models/no/stats"), error("requested model 'no' is not available"))
      assert.strictEqual(yield* get("/v2/models/no/versions/1/stats"), error("requested model 'no' is not available"))
      assert.strictEqual(
        yield* get("/v2/models/echo/versions/2/stats"),
        error("requested model version is not available for model 'echo'")
      )
      assert.match(yield* get("/v2/models/echo/versions/1x/stats"), /^404 /)
      fake.stopping = true
      assert.match(yield* get("/v2/models/echo/stats"), /^503 application\/json /)
    }))

  it.live("can be restricted", () =>
    Effect.gen(function*() {
      const { port } = yield* start({ restrictions: [{ categories: ["statistics"], header: "key", value: "k" }] })
      for (const path of ["/v2/models/stats", "/v2/models/echo/stats"]) {
        assert.strictEqual((yield* ask(port, path)).status, 403)
        assert.strictEqual((yield* ask(port, path, { headers: { key: "k" } })).status, 200)
      }
    }))
})
