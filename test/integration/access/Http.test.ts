/** API keys and bounds of clients over HTTP. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type * as ConfiguredAccess from "../../../src/layers/access/ConfiguredAccess.ts"
import type * as HttpFrontend from "../../../src/layers/frontend/HttpFrontend.ts"
import * as Operations from "../../../src/schema/Operations.ts"
import { ask, good, goodAnswer, inferBody, start } from "../http/Wire.ts"
import * as Keys from "./Keys.ts"

const started = Effect.fnUntraced(function*(
  options: ConfiguredAccess.Options & { readonly entries?: ReadonlyArray<unknown> } = {},
  front: HttpFrontend.Options = {}
) {
  const keysFile = yield* Keys.fileOf(options.entries)
  return yield* Keys.guarded({ keysFile, ...options }, start(front))
})

/** Paths of a route, of the model `echo`. */
const pathOf = (route: string): string =>
  route.replace("[/{repository}]", "").replace("[/versions/{version}]", "").replace("[/region/{region}]", "/region/r")
    .replace("[/]", "").replace("{model}", "echo").replace("{file}", "main.js")

const infer = (port: number, headers: Record<string, string>, model = "echo") => {
  const { body, headers: own } = inferBody([1])
  return ask(port, `/v2/models/${model}/infer`, { method: "POST", body, headers: { ...own, ...headers } })
}

describe("API keys over HTTP", () => {
  it.live("are wanted for every operation that is not open, and each is refused beyond its scope", () =>
    Effect.gen(function*() {
      const { port } = yield* started({}, { console: "true" })
      let seen = 0
      for (const { about, http, need } of Operations.operations) {
        for (const way of http) {
          const [method, route] = way.split(" ") as [string, string]
          const status = (headers: Record<string, string> = {}) =>
            Effect.map(
              ask(port, pathOf(route), { method, headers, body: method === "POST" ? "{}" : "" }),
              (it) => it.status
            )
          const open = need === "open" || need === "probe"
          const bare = yield* status()
          const wrong = yield* status({ "x-api-key": "nobody's" })
          const other = yield* status(Keys.apiKey("other"))
          const free = yield* status(Keys.apiKey("all"))
          if (open) assert.notInclude([401, 403], bare, way)
          else assert.deepStrictEqual([bare, wrong], [401, 401], way)
          if (about === "model" || about === "server") assert.strictEqual(other, 403, way)
          assert.notInclude([401, 403, 429], free, way)
          seen++
        }
      }
      assert.isAbove(seen, 30)
    }))

  it.live("come as a bearer token or as X-API-Key, and answers say what is wrong with them", () =>
    Effect.gen(function*() {
      const { port } = yield* started()
      const said = Effect.fnUntraced(function*(headers: Record<string, string>, path = "/v2/models/echo") {
        const answer = yield* ask(port, path, { headers })
        return [answer.status, answer.headers["www-authenticate"], JSON.parse(answer.text).error]
      })
      for (
        const headers of [Keys.bearer("reader"), Keys.apiKey("reader"), {
          authorization: `bEARER  ${Keys.textOf("reader")}`
        }]
      ) {
        assert.strictEqual((yield* said(headers))[0], 200)
      }
      assert.deepStrictEqual(yield* said({}), [
        401,
        "Bearer realm=\"galatea\"",
        "This server wants an API key. Send it as the header 'Authorization: Bearer KEY' or 'X-API-Key: KEY'."
      ])
      const unknown = [
        401,
        "Bearer realm=\"galatea\", error=\"invalid_token\"",
        "This server does not know the API key."
      ]
      assert.deepStrictEqual(yield* said({ authorization: "Bearer s3cret" }), unknown)
      assert.deepStrictEqual(
        yield* said({ authorization: "Basic a2V5LW9mLXJlYWRlcjo=" }).pipe(Effect.map(([status]) => status)),
        401
      )
      assert.deepStrictEqual(yield* said({ "x-api-key": "k".repeat(12_000) }), unknown)
      assert.deepStrictEqual((yield* said(Keys.bearer("ended")))[2], "The API key 'ended' has expired.")
      assert.deepStrictEqual(yield* said(Keys.bearer("reader"), "/v2/models/stats/config"), [
        403,
        undefined,
        "The API key 'reader' may not 'read' with model 'stats'."
      ])
      assert.deepStrictEqual(
        (yield* said(Keys.bearer("reader"), "/v2/logging"))[2],
        "The API key 'reader' may not 'read' with the whole server, for which it needs a scope of the models '*'."
      )
      const denied = yield* infer(port, Keys.bearer("reader"))
      assert.deepStrictEqual(
        [denied.status, JSON.parse(denied.text).error],
        [403, "The API key 'reader' may not 'infer' with model 'echo'."]
      )
      assert.strictEqual((yield* infer(port, Keys.bearer("all"))).status, 200)
    }))

  it.live("see in lists what they may read, and no name is got at by its encoding", () =>
    Effect.gen(function*() {
      const { port } = yield* started({ entries: [...Keys.common, Keys.entry("slash", ["a b/c"], ["read"])] })
      const index = yield* ask(port, "/v2/repository/index", { method: "POST", headers: Keys.apiKey("reader") })
      assert.strictEqual(index.text, "[{\"name\":\"echo\",\"version\":\"1\",\"state\":\"READY\"}]")
      const stats = yield* ask(port, "/v2/models/stats", { headers: Keys.apiKey("other") })
      assert.strictEqual(stats.text, "{\"model_stats\":[]}")
      const status = (path: string, id: string) =>
        Effect.map(ask(port, path, { headers: Keys.apiKey(id) }), (it) => it.status)
      assert.strictEqual(yield* status("/v2/models/a%20b%2Fc", "slash"), 200)
      assert.strictEqual(yield* status("/v2/models/%65cho", "slash"), 403)
      assert.strictEqual(yield* status("/v2/models/%65cho", "reader"), 200)
      assert.strictEqual(yield* status("/v2/models/%ff", "reader"), 400)
    }))

  it.live("are wanted of probes too where the server is told so", () =>
    Effect.gen(function*() {
      const { port } = yield* started({ guardsProbes: true })
      assert.strictEqual((yield* ask(port, "/v2/health/live")).status, 401)
      assert.strictEqual((yield* ask(port, "/v2/health/live", { headers: Keys.apiKey("other") })).status, 200)
    }))

  it.live("never reach a model as a parameter", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* started({}, { headerForwardPattern: ".*" })
      yield* infer(port, { ...Keys.bearer("all"), "X-Api-Key": "x", "X-Team": "blue" })
      const names = [...fake.requests[0]!.parameters.keys()].map((name) => name.toLowerCase())
      assert.include(names, "x-team")
      assert.notInclude(names, "authorization")
      assert.notInclude(names, "x-api-key")
    }))

  it.live("let a page of another origin read why it was refused", () =>
    Effect.gen(function*() {
      const { port } = yield* started({}, { corsAllowOrigins: ["https://app.example"] })
      const headers = { origin: "https://app.example" }
      const refused = yield* ask(port, "/v2", { headers })
      assert.deepStrictEqual([refused.status, refused.headers["access-control-allow-origin"]], [
        401,
        "https://app.example"
      ])
      const asked = yield* ask(port, "/v2", {
        method: "OPTIONS",
        headers: {
          ...headers,
          "access-control-request-method": "GET",
          "access-control-request-headers": "authorization"
        }
      })
      assert.deepStrictEqual([asked.status, asked.headers["access-control-allow-headers"]], [200, "authorization"])
    }))
})

describe("bounds of clients over HTTP", () => {
  it.live("refuse with 429, tell what is left with each answer, and hold for each key alone", () =>
    Effect.gen(function*() {
      const entries = [
        ...Keys.common,
        Keys.entry("slow", ["*"], ["read"], { rate: { requestsPerSecond: 0.001, burst: 2 } })
      ]
      const { port } = yield* started({ entries })
      const answers = []
      for (let i = 0; i < 3; i++) answers.push(yield* ask(port, "/v2", { headers: Keys.apiKey("slow") }))
      assert.deepStrictEqual(answers.map(({ status }) => status), [200, 200, 429])
      assert.deepStrictEqual(
        answers.map(({ headers }) => headers["ratelimit-policy"]),
        new Array(3).fill("\"rate\";q=2;w=2000")
      )
      assert.deepStrictEqual(answers.map(({ headers }) => String(headers["ratelimit"]).slice(0, 10)), [
        "\"rate\";r=1",
        "\"rate\";r=0",
        "\"rate\";r=0"
      ])
      assert.isAtLeast(Number(answers[2]!.headers["retry-after"]), 990)
      assert.include(answers[2]!.text, "2 requests within 2000 s")
      assert.strictEqual((yield* ask(port, "/v2/health/ready")).status, 200)
      assert.strictEqual((yield* ask(port, "/v2", { headers: Keys.apiKey("all") })).headers["ratelimit"], undefined)
    }))

  it.live("hold for each address where no keys are wanted, which only a trusted proxy can name", () =>
    Effect.gen(function*() {
      const limit = { keysFile: "", quota: { requests: 2, windowSeconds: 1_000_000 } }
      const near = yield* Keys.guarded(limit, start())
      const forwarded = (port: number, address: string) =>
        Effect.map(ask(port, "/v2", { headers: { "x-forwarded-for": address } }), ({ status }) => status)
      const three = (port: number) =>
        Effect.forEach(["198.51.100.1", "198.51.100.2", "198.51.100.3"], (one) => forwarded(port, one))
      assert.deepStrictEqual(yield* three(near.port), [200, 200, 429])
      const behind = yield* Keys.guarded({ ...limit, trustedProxies: [{ address: "127.0.0.0", prefix: 8 }] }, start())
      assert.deepStrictEqual(yield* three(behind.port), [200, 200, 200])
      assert.deepStrictEqual(yield* three(behind.port), [200, 200, 200])
      assert.deepStrictEqual(yield* three(behind.port), [429, 429, 429])
    }))

  it.live("count whoever tries keys by its address", () =>
    Effect.gen(function*() {
      const { port } = yield* started({ quota: { requests: 2, windowSeconds: 1_000_000 } })
      const guess = (key: string) =>
        Effect.map(ask(port, "/v2", { headers: { "x-api-key": key } }), ({ status }) => status)
      assert.deepStrictEqual(yield* Effect.forEach(["a", "b", "c"], guess), [401, 401, 429])
      assert.strictEqual((yield* ask(port, "/v2", { headers: Keys.apiKey("all") })).status, 200)
    }))

  it.live("do not stand in the way of a server that has none", () =>
    Effect.gen(function*() {
      const { port } = yield* Keys.guarded({}, start())
      assert.strictEqual(yield* good(port), goodAnswer)
    }))
})
