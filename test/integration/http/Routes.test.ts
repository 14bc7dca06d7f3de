import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ask, connect, empty, start } from "./Wire.ts"

describe("HTTP routes", () => {
  it.live("answers health by status, with an empty text/plain body and no other header", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start()
      const live = yield* ask(port, "/v2/health/live", { headers: { connection: "keep-alive" } })
      assert.strictEqual(live.status, 200)
      assert.deepStrictEqual(live.rawHeaders, ["Content-Type", "text/plain", "Content-Length", "0"])
      assert.strictEqual((yield* ask(port, "/v2/health/ready")).status, 200)
      fake.live = false
      fake.ready = false
      for (const path of ["/v2/health/live", "/v2/health/ready"]) {
        const down = yield* ask(port, path)
        assert.deepStrictEqual([down.status, down.text, down.headers["content-type"]], [400, "", "text/plain"])
      }
    }))

  it.live("answers whether a model is ready", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const get = (path: string) =>
        Effect.map(ask(port, path), ({ headers, status, text }) => [status, text, headers["content-type"]])
      assert.deepStrictEqual(yield* get("/v2/models/echo/ready"), [200, "", "text/plain"])
      assert.deepStrictEqual(yield* get("/v2/models/echo/versions/1/ready"), [200, "", "text/plain"])
      assert.deepStrictEqual(yield* get("/v2/models/sick/ready"), [
        400,
        "{\"error\":\"Model version not ready\"}",
        "text/plain"
      ])
      assert.deepStrictEqual(yield* get("/v2/models/no/ready"), [
        404,
        "{\"error\":\"Request for unknown model: 'no' is not found\"}",
        "text/plain"
      ])
      assert.deepStrictEqual(yield* get("/v2/models/echo/versions/1x/ready"), [
        404,
        "{\"error\":\"Not Found\"}",
        "text/plain"
      ])
    }))

  it.live("answers metadata of server and models as JSON in the documented order", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const server = yield* ask(port, "/v2")
      assert.strictEqual(
        server.text,
        "{\"name\":\"galatea\",\"version\":\"0.1\",\"extensions\":[\"classification\",\"binary_tensor_data\"]}"
      )
      assert.strictEqual(server.headers["content-type"], "application/json")
      const expected = "{\"name\":\"echo\",\"versions\":[\"1\"],\"platform\":\"onnxruntime_onnx\"," +
        "\"inputs\":[{\"name\":\"X\",\"datatype\":\"FP32\",\"shape\":[-1]}]," +
        "\"outputs\":[{\"name\":\"X\",\"datatype\":\"FP32\",\"shape\":[-1]}]}"
      for (const path of ["/v2/models/echo", "/v2/models/echo/versions/1", "/v2/models/echo?a=b"]) {
        assert.strictEqual((yield* ask(port, path)).text, expected)
      }
      const unknown = yield* ask(port, "/v2/models/no")
      assert.deepStrictEqual([unknown.status, unknown.headers["content-type"]], [404, "application/json"])
    }))

  it.live("tells when its process started, and no port for metrics where it has none; metadata may be restricted", () =>
    Effect.gen(function*() {
      const { port } = yield* start({ restrictions: [{ categories: ["metadata"], header: "key", value: "s3" }] })
      const told = yield* ask(port, "/v2/metrics/place", { headers: { key: "s3" } })
      assert.strictEqual(told.headers["content-type"], "application/json")
      assert.deepStrictEqual(JSON.parse(told.text), { processStartSeconds: performance.timeOrigin / 1000 })
      assert.strictEqual((yield* ask(port, "/v2/metrics/place")).status, 403)
    }))

  it.live("answers the config, also of a model whose name needs escapes", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const plain = yield* ask(port, "/v2/models/echo/config")
      assert.strictEqual(plain.headers["content-type"], "application/json")
      assert.strictEqual(JSON.parse(plain.text).name, "echo")
      assert.strictEqual(JSON.parse((yield* ask(port, "/v2/models/a%20b%2Fc/config")).text).name, "a b/c")
      const malformed = yield* ask(port, "/v2/models/%ff/config")
      assert.deepStrictEqual([malformed.status, malformed.text.includes("percent-encoding")], [400, true])
    }))

  it.live("lists the repository, all of it or what is ready", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start()
      const index = (body: string) =>
        Effect.map(
          ask(port, "/v2/repository/index", { method: "POST", body }),
          ({ status, text }) => `${status} ${text}`
        )
      const all =
        "200 [{\"name\":\"broken\",\"version\":\"1\",\"state\":\"UNAVAILABLE\",\"reason\":\"Internal: \\\"bad\\\" file\"}," +
        "{\"name\":\"echo\",\"version\":\"1\",\"state\":\"READY\"},{\"name\":\"never\"}]"
      assert.strictEqual(yield* index(""), all)
      assert.strictEqual(yield* index("{\"ready\":false}"), all)
      assert.strictEqual(yield* index("[]"), all)
      assert.strictEqual(
        yield* index("{\"ready\":true}"),
        "200 [{\"name\":\"echo\",\"version\":\"1\",\"state\":\"READY\"}]"
      )
      assert.strictEqual(
        yield* index("{\"ready\":1}"),
        "400 {\"error\":\"Invalid value for 'ready': expected a boolean\"}"
      )
      assert.match(yield* index("{"), /^500 .*failed to parse the request JSON buffer/)
      const named = yield* ask(port, "/v2/repository/any/index", { method: "POST" })
      assert.strictEqual(`${named.status} ${named.text}`, all)
      yield* empty(held)
    }))

  it.live("loads and unloads with their parameters", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start()
      const post = (path: string, body: string) =>
        Effect.map(
          ask(port, `/v2/repository/${path}`, { method: "POST", body }),
          ({ headers, status, text }) => `${status} ${headers["content-type"]} ${text}`
        )
      const ok = "200 application/json "
      assert.strictEqual(yield* post("models/m/load", ""), ok)
      assert.strictEqual(yield* post("models/m/load", "{}"), ok)
      assert.strictEqual(
        yield* post("models/a%2Fb/load", "{\"parameters\":{\"config\":\"{}\",\"file:1/model.onnx\":\"aGk=\"}}"),
        ok
      )
      assert.deepStrictEqual(fake.loads, [
        { name: "m" },
        { name: "m" },
        { name: "a/b", config: "{}", files: ["1/model.onnx=hi"] }
      ])
      assert.strictEqual(yield* post("models/m/unload", ""), ok)
      assert.strictEqual(yield* post("models/m/unload", "{\"parameters\":{\"unload_dependents\":true}}"), ok)
      assert.deepStrictEqual(fake.unloads, [{ name: "m", dependents: false }, { name: "m", dependents: true }])

      const refused = (body: string) => post("models/m/load", `{"parameters":${body}}`)
      const error = (status: number, text: string) => `${status} application/json {"error":"${text}"}`
      assert.strictEqual(yield* refused("{\"config\":1}"), error(500, "attempt to access JSON non-string as string"))
      assert.strictEqual(yield* refused("{\"x\":\"1\"}"), error(500, "unexpected error on creating Triton parameter"))
      assert.strictEqual(yield* refused("null"), error(400, "attempt to get members for non-object"))
      assert.match(yield* refused("{\"file:1/m\":\"a*\"}"), /^400 .*file:1\/m.*base64/)
      // At once, however much of it might be blanks at the end.
      assert.match(yield* refused(`{"file:1/m":"${" ".repeat(1_000_000)}*"}`), /^400 .*file:1\/m.*base64/)
      assert.strictEqual(
        yield* post("other/models/m/load", ""),
        error(501, "'repository_name' specification is not supported")
      )
      assert.strictEqual(
        yield* post("models/missing/load", ""),
        error(500, "failed to load 'missing', failed to poll from model repository")
      )
      fake.allowControl = false
      assert.strictEqual(
        yield* post("models/m/load", ""),
        error(503, "explicit model load / unload is not allowed if polling is enabled")
      )
    }))

  it.live("answers 404 off the table, 405 on it, and HEAD without a body", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      for (const path of ["/", "/v2/", "/v2/models/echo/", "/v2/models/echo/versions/1/trace/setting", "/metrics"]) {
        const missing = yield* ask(port, path)
        assert.deepStrictEqual(
          [missing.status, missing.text, missing.headers["content-type"]],
          [404, "{\"error\":\"Not Found\"}", "text/plain"],
          path
        )
      }
      const wrong: ReadonlyArray<readonly [string, string, string]> = [
        ["POST", "/v2/health/live", "text/plain"],
        ["GET", "/v2/models/echo/infer", "text/plain"],
        ["DELETE", "/v2/models/echo", "application/json"],
        ["POST", "/v2/models/stats", "application/json"],
        ["GET", "/v2/repository/index", "application/json"]
      ]
      for (const [method, path, type] of wrong) {
        const answer = yield* ask(port, path, { method })
        assert.deepStrictEqual(
          [answer.status, answer.text, answer.headers["content-type"]],
          [405, "{\"error\":\"Method Not Allowed\"}", type],
          path
        )
      }
      const client = yield* connect(port)
      client.send("HEAD /v2 HTTP/1.1\r\n\r\nGET /v2/health/live HTTP/1.1\r\n\r\n")
      const text = yield* client.until(({ text }) => text.includes("200 OK"))
      assert.match(text, /^HTTP\/1\.1 405 [^]*\r\n\r\nHTTP\/1\.1 200 OK/)
      assert.notInclude(text, "{")
    }))

  it.live("names the feature of a route that is not implemented, after the method check", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const features: ReadonlyArray<readonly [string, string, string]> = [
        ["POST", "/v2/models/echo/generate", "generate"],
        ["POST", "/v2/models/echo/generate_stream", "generate"]
      ]
      for (const [method, path, feature] of features) {
        const answer = yield* ask(port, path, { method })
        assert.deepStrictEqual(
          [answer.status, answer.text],
          [501, `{"error":"This server does not implement the ${feature} extension."}`]
        )
      }
    }))

  it.live("asks for the header of a restricted API before it looks at the method", () =>
    Effect.gen(function*() {
      const { port } = yield* start({
        restrictions: [{ categories: ["metadata", "inference"], header: "admin-key", value: "s3" }]
      })
      const refused = yield* ask(port, "/v2", { method: "DELETE" })
      assert.deepStrictEqual(
        [refused.status, refused.text, refused.headers["content-type"]],
        [403, "{\"error\":\"This API is restricted, expecting header 'admin-key'\"}", "text/plain"]
      )
      assert.strictEqual((yield* ask(port, "/v2", { headers: { "Admin-Key": "s4" } })).status, 403)
      assert.strictEqual((yield* ask(port, "/v2", { headers: { "Admin-Key": "s3" } })).status, 200)
      assert.strictEqual((yield* ask(port, "/v2/models/no/infer", { method: "POST" })).status, 403)
      assert.strictEqual((yield* ask(port, "/v2/health/live")).status, 200)
    }))

  it.live("answers 503 to everything while the server is stopping", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start()
      fake.stopping = true
      for (const path of ["/v2/health/live", "/v2/health/ready", "/v2"]) {
        const answer = yield* ask(port, path)
        assert.deepStrictEqual([answer.status, answer.text], [503, "{\"error\":\"Server exiting\"}"])
        assert.strictEqual(answer.headers.connection, "close")
        assert.strictEqual(answer.headers["retry-after"], "5")
      }
    }))
})
