import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Scope } from "effect"
import * as SharedTensorMemory from "../../../src/layers/execution/SharedTensorMemory.ts"
import * as HttpFrontend from "../../../src/layers/frontend/HttpFrontend.ts"
import { Fake } from "../../frontend/http/Fakes.ts"
import { connect, eventually, start } from "../http/Wire.ts"
import { echo, httpClient, message, rawSocket, socketClient } from "./Client.ts"

const upgrade = (extra = ""): string =>
  "GET /rpc HTTP/1.1\r\nHost: localhost:8000\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
  `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${extra}\r\n`

describe("RPC, guarded and ended", () => {
  it.live("answers restricted procedures only with their header, over every transport", () =>
    Effect.gen(function*() {
      const { port } = yield* start({ restrictions: [{ categories: ["inference"], header: "Key", value: "secret" }] })
      for (const client of [yield* httpClient(port), yield* socketClient(port)]) {
        const refused = yield* Effect.flip(client.ModelInfer(echo()))
        assert.strictEqual(refused._tag, "Restricted")
        assert.strictEqual(refused.message, "This API is restricted, expecting header 'Key'")
        assert.isTrue(yield* client.ServerLive())
      }
      const allowed = yield* httpClient(port, { key: "secret" })
      assert.strictEqual((yield* allowed.ModelInfer(echo())).outputs.length, 1)
    }))

  it.live("makes parameters of headers that match", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start({ headerForwardPattern: "^x-tenant$" })
      const client = yield* httpClient(port, { "X-Tenant": "a", other: "b" })
      yield* client.ModelInfer({ ...echo(), parameters: { own: 1 } })
      assert.deepStrictEqual(
        fake.requests[0]!.parameters,
        new Map<string, string | number>([["own", 1], ["x-tenant", "a"]])
      )
    }))

  it.live("takes WebSockets from programs and from its own pages, and serves other upgrades as HTTP", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const answer = (request: string) =>
        Effect.gen(function*() {
          const client = yield* connect(port)
          client.send(request)
          return (yield* client.until(({ text }) => text.includes("\r\n\r\n"))).split("\r\n", 1)[0]
        })
      assert.strictEqual(yield* answer(upgrade()), "HTTP/1.1 101 Switching Protocols")
      assert.strictEqual(
        yield* answer(upgrade("Origin: http://localhost:8000\r\n")),
        "HTTP/1.1 101 Switching Protocols"
      )
      assert.strictEqual(yield* answer(upgrade("Origin: https://evil.example\r\n")), "HTTP/1.1 403 Forbidden")
      assert.strictEqual(yield* answer(upgrade("Origin: null\r\n")), "HTTP/1.1 403 Forbidden")
      assert.strictEqual(yield* answer(upgrade().replace("/rpc", "/v2")), "HTTP/1.1 200 OK")
      assert.strictEqual(yield* answer(upgrade().replace("websocket", "h2c")), "HTTP/1.1 405 Method Not Allowed")
      assert.strictEqual(yield* answer(upgrade().replace("Version: 13", "Version: 1")), "HTTP/1.1 400 Bad Request")
    }))

  it.live("closes a WebSocket on which nothing happens", () =>
    Effect.gen(function*() {
      const { port } = yield* start({ idleTimeout: "200 millis" })
      const raw = yield* rawSocket(port)
      yield* eventually(() => raw.closed, (seen) => seen?.code === 1000)
    }))

  it.live("answers what is in flight when the server stops, and closes every connection", () =>
    Effect.gen(function*() {
      const fake = new Fake()
      const scope = yield* Scope.make()
      const context = yield* Scope.provide(
        Layer.build(
          HttpFrontend.layer({ address: "127.0.0.1", port: 0 }).pipe(
            Layer.provide(fake.layer),
            Layer.provide(SharedTensorMemory.layer)
          )
        ),
        scope
      )
      const { inFlight, port } = Context.get(context, HttpFrontend.HttpFrontend)
      const opened = yield* Deferred.make<void>()
      fake.work = Deferred.await(opened)
      const [busy, posting, idle] = [yield* socketClient(port), yield* httpClient(port), yield* rawSocket(port)]
      const answers = yield* Effect.forEach(
        [busy, posting],
        (client) => Effect.forkChild(client.ModelInfer(echo()))
      )
      yield* eventually(inFlight, ({ requests }) => requests === 2)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* eventually(() => idle.closed, (seen) => seen?.code === 1001)
      yield* Deferred.succeed(opened, undefined)
      for (const answer of answers) assert.strictEqual((yield* Fiber.join(answer)).outputs.length, 1)
      yield* Fiber.join(closing)
      // What a request holds is given back behind its answer, which is what the listener waits for.
      yield* eventually(inFlight, ({ bytes, requests }) => requests === 0 && bytes === 0)
    }))

  it.live("refuses requests over a WebSocket that lives on while the server stops", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start()
      const raw = yield* rawSocket(port)
      fake.stopping = true
      raw.socket.send(message(1, "ModelInfer", { model: "echo", inputs: [] }))
      yield* eventually(() => raw.received[0] ?? "", (seen) => seen.includes("\"_tag\":\"Stopping\""))
    }))

  it.live("answers a bug of the server with a defect, and the connection lives", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      const client = yield* socketClient(port)
      fake.work = Effect.die(new Error("bug"))
      const exit = yield* Effect.exit(client.ModelInfer(echo()))
      assert.isTrue(Exit.isFailure(exit) && exit.cause.reasons[0]?._tag === "Die")
      fake.work = Effect.void
      assert.strictEqual((yield* client.ModelInfer(echo())).outputs.length, 1)
      yield* eventually(held, (seen) => seen.every((count) => count === 0))
    }))
})
