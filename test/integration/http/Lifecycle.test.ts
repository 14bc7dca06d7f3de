import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import * as Net from "node:net"
import { ask, type Client, connect, empty, eventually, good, goodAnswer, inferBody, start } from "./Wire.ts"

const path = "/v2/models/echo/infer"

const inferRequest = (values: ReadonlyArray<number> = [1], model = "echo", id = ""): Buffer => {
  const { body, headers } = inferBody(values, id)
  const head = `POST /v2/models/${model}/infer HTTP/1.1\r\nContent-Length: ${body.length}\r\n` +
    `Inference-Header-Content-Length: ${headers["Inference-Header-Content-Length"]}\r\n\r\n`
  return Buffer.concat([Buffer.from(head), body])
}

const startIn = (scope: Scope.Scope, options = {}) => Scope.provide(start(options), scope)

describe("life of the HTTP front end", () => {
  it.live("says in words that the port is taken", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const failure = yield* Effect.flip(start({ port }))
      assert.strictEqual(failure._tag, "ListenFailed")
      assert.strictEqual(
        failure.message,
        `failed to start HTTP service: Unavailable - Socket '127.0.0.1:${port}' already in use`
      )
      assert.strictEqual(yield* good(port), goodAnswer)
    }))

  it.live("says in words that the address is not one of this machine", () =>
    Effect.gen(function*() {
      for (const address of ["192.0.2.1", "no.such.host.invalid"]) {
        const failure = yield* Effect.flip(start({ address }))
        assert.strictEqual(failure.code, "INVALID_ARG")
        assert.include(failure.message, `failed to start HTTP service: Invalid argument - '${address}' is no address`)
      }
    }))

  it.live("shares a port where it is told to", () =>
    Effect.gen(function*() {
      const { port } = yield* start({ reusePort: true })
      yield* start({ port, reusePort: true })
      assert.strictEqual(yield* good(port), goodAnswer)
    }))

  it.live("closes the connections beyond the bound at once and serves the others", () =>
    Effect.gen(function*() {
      const { port } = yield* start({ maxConnections: 2 })
      const first = yield* connect(port)
      const second = yield* connect(port)
      first.send("GET /v2 HTTP/1.1\r\n\r\n")
      yield* first.answers(1)
      second.send("GET /v2 HTTP/1.1\r\n\r\n")
      yield* second.answers(1)
      const third = yield* connect(port)
      yield* third.until(({ ended }) => ended)
      first.socket.destroy()
      second.send("GET /v2/health/live HTTP/1.1\r\n\r\n")
      yield* second.answers(2)
    }))

  it.live("refuses requests beyond the bound with 503 and takes them again afterwards", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start({ maxInflightRequests: 2 })
      const gate = yield* Deferred.make<void>()
      fake.work = Deferred.await(gate)
      const running = yield* connect(port)
      running.send(Buffer.concat([inferRequest(), inferRequest()]))
      yield* eventually(() => fake.requests.length, (count) => count === 2)
      const refused = yield* ask(port, path, { method: "POST", ...inferBody([1]) })
      assert.strictEqual(refused.status, 503)
      assert.match(refused.text, /holds 2 requests.*Retry later/)
      assert.strictEqual((yield* ask(port, "/v2/health/live")).status, 200)
      yield* Deferred.succeed(gate, undefined)
      yield* running.answers(2)
      assert.strictEqual(yield* good(port), goodAnswer)
      yield* empty(held)
    }))

  it.live("closes an idle connection after the idle timeout", () =>
    Effect.gen(function*() {
      const { port } = yield* start({ idleTimeout: "1 second" })
      const client = yield* connect(port)
      client.send("GET /v2 HTTP/1.1\r\n\r\n")
      yield* client.answers(1)
      yield* client.until(({ ended }) => ended)
    }))

  it.live("cuts a client that stops reading its answer, and gives the answer back", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start({ bodyTimeout: "1 second" })
      const client = yield* connect(port)
      client.socket.pause()
      const request = inferRequest(new Array(2_000_000).fill(1))
      client.send(Buffer.concat([request, request, request]))
      yield* eventually(() => fake.released, (count) => count >= 1)
      yield* empty(held)
    }))

  it.live("ends idle connections at once and answers what is in flight, then closes", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { fake, held, port } = yield* startIn(scope)
      const gate = yield* Deferred.make<void>()
      fake.work = Deferred.await(gate)
      const idle = yield* connect(port)
      idle.send("GET /v2 HTTP/1.1\r\n\r\n")
      yield* idle.answers(1)
      const fresh = yield* connect(port)
      const busy = yield* connect(port)
      busy.send(inferRequest())
      yield* eventually(() => fake.requests.length, (count) => count === 1)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* idle.until(({ ended }) => ended)
      yield* fresh.until(({ ended }) => ended)
      assert.isFalse(busy.ended)
      assert.strictEqual(yield* refusesConnections(port), "ECONNREFUSED")
      busy.send("GET /v2/health/live HTTP/1.1\r\n\r\n")
      yield* Effect.sleep("20 millis")
      yield* Deferred.succeed(gate, undefined)
      const text = yield* busy.until(({ ended }) => ended)
      assert.match(text, /^HTTP\/1\.1 200 OK[^]*Connection: close/)
      yield* Fiber.join(closing)
      assert.deepStrictEqual(held(), [0, 0, 0])
    }))

  it.live("interrupts what has not ended when the exit timeout is over", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { fake, held, port } = yield* startIn(scope, { exitTimeout: "100 millis" })
      fake.work = Effect.never
      const stuck = yield* connect(port)
      stuck.send(inferRequest())
      const sending = yield* connect(port)
      sending.send(`POST ${path} HTTP/1.1\r\nContent-Length: 100000\r\nInference-Header-Content-Length: 10\r\n\r\nxx`)
      yield* eventually(held, ([requests]) => requests === 2)
      const started = performance.now()
      yield* Scope.close(scope, Exit.void)
      assert.isBelow(performance.now() - started, 20_000, "the exit timeout without an option is 30 s")
      assert.strictEqual(fake.interrupted, 1)
      yield* stuck.until(({ ended }) => ended)
      assert.deepStrictEqual(held(), [0, 0, 0])
    }))

  it.live("holds nothing after a storm of good, bad and aborted requests", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start({
        maxInflightRequests: 40,
        maxInflightBytes: 3_000_000,
        maxInputSize: 100_000
      })
      let turn = 0
      /** Requests that run until their connection is gone. */
      const endless = new Set<string>()
      fake.work = Effect.suspend(() => {
        const { id } = fake.requests.at(-1)!
        if (!id.startsWith("endless")) return turn++ % 3 === 0 ? Effect.void : Effect.sleep(turn % 20)
        endless.add(id)
        return Effect.never
      })
      let seed = 42
      const random = (below: number) => {
        seed = (seed * 1103515245 + 12345) % 2147483648
        return seed % below
      }
      const acts: ReadonlyArray<(client: Client) => void> = [
        (client) => client.send(inferRequest()),
        (client) => client.send(inferRequest(new Array(20_000).fill(1))),
        (client) => client.send(inferRequest([1], "no")),
        (client) => client.send("GET /v2/models/echo HTTP/1.1\r\n\r\n"),
        (client) => client.send(inferRequest(new Array(20_000).fill(1)).subarray(0, 40_000)),
        (client) => client.send(`POST ${path} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`),
        (client) => client.send(`POST ${path} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`),
        (client) =>
          client.send(`POST ${path} HTTP/1.1\r\nContent-Length: 900000\r\nInference-Header-Content-Length: 9\r\n\r\n`),
        (client) => client.send(`POST ${path} HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd`),
        (client) => client.send("junk\r\n\r\n"),
        (client) => client.send(`POST /v2/repository/index HTTP/1.1\r\nContent-Length: 200\r\n\r\n{`)
      ]
      const one = Effect.gen(function*() {
        const client = yield* connect(port)
        for (let i = random(4); i >= 0; i--) acts[random(acts.length)]!(client)
        yield* Effect.sleep(random(30))
        const end = random(3)
        if (end === 0) client.socket.resetAndDestroy()
        else if (end === 1) client.socket.end()
        yield* Effect.sleep(random(20))
      })
      /** Sends a request until it is not one too many, waits for what becomes of it, and breaks the connection. */
      const insist = (id: string, holds: (client: Client) => boolean) =>
        Effect.gen(function*() {
          let held = false
          while (!held) {
            const client = yield* connect(port)
            client.send(inferRequest([1], "echo", id))
            yield* eventually(() => holds(client) || client.text.includes(" 503 "), (seen) => seen)
            held = holds(client)
            client.socket.resetAndDestroy()
          }
        })
      const clients = Array.from({ length: 400 }, (_, i) =>
        i % 20 === 0
          ? insist(`endless ${i}`, () => endless.has(`endless ${i}`))
          : i % 20 === 10
          ? insist("answered", ({ text }) => text.startsWith("HTTP/1.1 200 "))
          : one)
      yield* Effect.forEach(clients, Effect.scoped, { concurrency: 50, discard: true })
      yield* empty(held)
      assert.strictEqual(endless.size, 20)
      assert.isAtLeast(fake.interrupted, 20)
      assert.isAtLeast(fake.released, 20)
      assert.strictEqual(yield* good(port), goodAnswer)
    }))
})

const refusesConnections = (port: number) =>
  Effect.callback<string>((resume) => {
    const socket = Net.connect(port, "127.0.0.1", () => {
      socket.destroy()
      resume(Effect.succeed("connected"))
    })
    socket.on("error", (error: NodeJS.ErrnoException) => resume(Effect.succeed(String(error.code))))
  })
