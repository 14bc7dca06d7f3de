/** An address of its own for administration. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import * as SharedTensorMemory from "../../../src/layers/execution/SharedTensorMemory.ts"
import * as HttpFrontend from "../../../src/layers/frontend/HttpFrontend.ts"
import { Fake } from "../../frontend/http/Fakes.ts"
import { connect } from "../grpc/Client.ts"
import { start as startGrpc } from "../grpc/Frontend.ts"
import { ask, good, goodAnswer, inferBody } from "./Wire.ts"

const start = Effect.fnUntraced(function*(options: HttpFrontend.Options = {}) {
  const context = yield* Layer.build(
    HttpFrontend.layer({ address: "127.0.0.1", port: 0, admin: { address: "127.0.0.1", port: 0 }, ...options }).pipe(
      Layer.provide(new Fake().layer),
      Layer.provide(SharedTensorMemory.layer)
    )
  )
  const frontend = Context.get(context, HttpFrontend.HttpFrontend)
  return { port: frontend.port, admin: frontend.admin!.port }
})

const administration = [
  ["POST", "/v2/repository/models/echo/load"],
  ["POST", "/v2/repository/models/echo/unload"],
  ["GET", "/v2/trace/setting"],
  ["POST", "/v2/models/echo/trace/setting"],
  ["GET", "/v2/logging"],
  ["POST", "/v2/logging"],
  ["GET", "/v2/systemsharedmemory/status"],
  ["POST", "/v2/systemsharedmemory/region/one/register"],
  ["POST", "/v2/cudasharedmemory/unregister"]
] as const

const reading = [
  ["GET", "/v2"],
  ["GET", "/v2/health/ready"],
  ["GET", "/v2/models/echo"],
  ["POST", "/v2/repository/index"],
  ["GET", "/v2/models/stats"]
] as const

const rpc = (port: number, tag: string, payload: unknown) =>
  ask(port, "/rpc", {
    method: "POST",
    headers: { "content-type": "application/x-ndjson" },
    body: `${JSON.stringify({ _tag: "Request", id: "1", tag, payload, headers: [] })}\n`
  })

describe("an admin address", () => {
  it.live("is the only one that answers administration over HTTP, and answers all else too", () =>
    Effect.gen(function*() {
      const { admin, port } = yield* start()
      for (const [method, path] of administration) {
        const refused = yield* ask(port, path, { method, body: method === "POST" ? "{}" : "" })
        assert.deepStrictEqual([refused.status, refused.text], [
          403,
          "{\"error\":\"This operation is answered only at the server's admin address, see --admin-address.\"}"
        ])
        const { status } = yield* ask(admin, path, { method, body: method === "POST" ? "{}" : "" })
        assert.notStrictEqual(status, 403, path)
        assert.notStrictEqual(status, 404, path)
      }
      for (const [method, path] of reading) {
        for (const one of [port, admin]) assert.strictEqual((yield* ask(one, path, { method })).status, 200, path)
      }
      for (const one of [port, admin]) assert.strictEqual(yield* good(one), goodAnswer)
    }))

  it.live("is the only one that answers it over RPC", () =>
    Effect.gen(function*() {
      const { admin, port } = yield* start()
      for (const [tag, payload] of [["RepositoryModelUnload", { model: "echo" }], ["LogSettings", {}]] as const) {
        assert.include((yield* rpc(port, tag, payload)).text, "admin address")
        assert.notInclude((yield* rpc(admin, tag, payload)).text, "admin address")
      }
      assert.notInclude((yield* rpc(port, "RepositoryIndex", null)).text, "admin address")
    }))

  it.live("can be asked while the other one is full", () =>
    Effect.gen(function*() {
      const { admin, port } = yield* start({ maxInflightRequests: 1, maxInflightBytes: 10 })
      const { body, headers } = inferBody([1, 2, 3])
      assert.strictEqual((yield* ask(port, "/v2/models/echo/infer", { method: "POST", headers, body })).status, 503)
      const { status } = yield* ask(admin, "/v2/logging", { method: "POST", body: "{}" })
      assert.strictEqual(status, 200)
    }))

  it.live("keeps restricted APIs restricted", () =>
    Effect.gen(function*() {
      const { admin, port } = yield* start({
        restrictions: [{ categories: ["logging", "metadata"], header: "admin-key", value: "secret" }]
      })
      const key = { "admin-key": "secret" }
      assert.strictEqual((yield* ask(admin, "/v2/logging")).status, 403)
      assert.strictEqual((yield* ask(admin, "/v2/logging", { headers: key })).status, 200)
      assert.strictEqual((yield* ask(port, "/v2/logging", { headers: key })).status, 403)
      assert.strictEqual((yield* ask(port, "/v2", { headers: key })).status, 200)
    }))

  it.live("makes gRPC refuse administration", () =>
    Effect.gen(function*() {
      const { port } = yield* startGrpc({ adminElsewhere: true })
      const client = yield* connect(port)
      const refused = [
        "RepositoryModelLoad",
        "RepositoryModelUnload",
        "TraceSetting",
        "LogSettings",
        "SystemSharedMemoryStatus"
      ]
      for (const name of refused) {
        const { message, status } = yield* client.unary(name, new Uint8Array(0))
        assert.deepStrictEqual([name, status, message], [
          name,
          14,
          "This operation is answered only at the server's admin address, see --admin-address."
        ])
      }
      for (const name of ["ServerLive", "RepositoryIndex", "ModelStatistics"]) {
        assert.strictEqual((yield* client.unary(name, new Uint8Array(0))).status, 0, name)
      }
    }))
})
