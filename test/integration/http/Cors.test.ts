/** Pages of other origins, over HTTP and over the WebSocket of RPC. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Http from "node:http"
import { ask, inferBody, start } from "./Wire.ts"

const origin = "https://app.example"

/** The status of an attempt to open a WebSocket. */
const upgrade = (port: number, headers: Readonly<Record<string, string>>): Effect.Effect<number> =>
  Effect.callback((resume) => {
    const request = Http.request({
      port,
      host: "127.0.0.1",
      path: "/rpc",
      agent: false,
      headers: {
        Connection: "Upgrade",
        Upgrade: "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        ...headers
      }
    })
    request.on("upgrade", (response, socket) => {
      socket.destroy()
      resume(Effect.succeed(response.statusCode!))
    })
    request.on("response", (response) => {
      response.resume()
      resume(Effect.succeed(response.statusCode!))
    })
    request.on("error", (error) => resume(Effect.die(error)))
    request.end()
  })

describe("a page of another origin", () => {
  it.live("gets the headers that let it read answers, small and in parts, and errors", () =>
    Effect.gen(function*() {
      const { port } = yield* start({ corsAllowOrigins: [origin] })
      for (const size of [3, 300_000]) {
        const { body, headers } = inferBody(new Array(size).fill(1))
        const answer = yield* ask(port, "/v2/models/echo/infer", {
          method: "POST",
          headers: { ...headers, origin },
          body
        })
        assert.strictEqual(answer.status, 200)
        assert.strictEqual(answer.headers["access-control-allow-origin"], origin)
        assert.include(answer.headers["access-control-expose-headers"], "Inference-Header-Content-Length")
        assert.strictEqual(answer.headers["vary"], "Origin")
      }
      const missing = yield* ask(port, "/nowhere", { headers: { origin } })
      assert.deepStrictEqual([missing.status, missing.headers["access-control-allow-origin"]], [404, origin])
      const other = yield* ask(port, "/v2", { headers: { origin: "https://other.example" } })
      assert.deepStrictEqual([other.status, other.headers["access-control-allow-origin"]], [200, undefined])
    }))

  it.live("may ask before it sends, and is answered without a body", () =>
    Effect.gen(function*() {
      const { port } = yield* start({ corsAllowOrigins: ["*"] })
      const { body, headers, status } = yield* ask(port, "/v2/models/echo/infer", {
        method: "OPTIONS",
        headers: {
          origin,
          "Access-Control-Request-Method": "POST",
          "Access-Control-Request-Headers": "inference-header-content-length"
        }
      })
      assert.deepStrictEqual([status, body.length], [200, 0])
      assert.strictEqual(headers["access-control-allow-origin"], "*")
      assert.strictEqual(headers["access-control-allow-methods"], "GET, POST")
      assert.strictEqual(headers["access-control-allow-headers"], "inference-header-content-length")
      assert.strictEqual((yield* ask(port, "/v2", { method: "OPTIONS", headers: { origin } })).status, 405)
    }))

  it.live("opens a WebSocket only where it is allowed", () =>
    Effect.gen(function*() {
      const closed = yield* start()
      assert.strictEqual(yield* upgrade(closed.port, {}), 101)
      assert.strictEqual(yield* upgrade(closed.port, { Origin: `http://127.0.0.1:${closed.port}` }), 101)
      assert.strictEqual(yield* upgrade(closed.port, { Origin: origin }), 403)
      const open = yield* start({ corsAllowOrigins: [origin] })
      assert.strictEqual(yield* upgrade(open.port, { Origin: origin }), 101)
      assert.strictEqual(yield* upgrade(open.port, { Origin: "https://other.example" }), 403)
    }))
})
