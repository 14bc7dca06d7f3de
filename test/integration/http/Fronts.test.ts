/** Several front-end threads on one port, over real sockets. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import * as Http2 from "node:http2"
import type { Worker } from "node:worker_threads"
import { manyConnections } from "../../../src/layers/frontend/internal/fronts/Need.ts"
import { ask, type Client, connect, empty, eventually, good, goodAnswer, inferBody, start } from "./Wire.ts"

const path = "/v2/models/echo/infer"

const inferRequest = (values: ReadonlyArray<number> = [1], id = ""): Buffer => {
  const { body, headers } = inferBody(values, id)
  const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n` +
    `Inference-Header-Content-Length: ${headers["Inference-Header-Content-Length"]}\r\n\r\n`
  return Buffer.concat([Buffer.from(head), body])
}

const two = { frontThreads: 2 }

/** The threads of fronts that are started from now on. */
const started = Effect.gen(function*() {
  const workers: Array<Worker> = []
  const note = (worker: Worker) => workers.push(worker)
  yield* Effect.acquireRelease(
    Effect.sync(() => process.on("worker", note)),
    () => Effect.sync(() => process.off("worker", note))
  )
  return workers
})

describe("fronts", () => {
  it.live("answer what main decides, and hold nothing after that", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start(two)
      assert.strictEqual(yield* good(port), goodAnswer)
      assert.strictEqual((yield* ask(port, "/v2/health/live")).status, 200)
      assert.strictEqual((yield* ask(port, "/v2/health/live", { method: "HEAD" })).text, "")
      assert.strictEqual((yield* ask(port, "/nowhere")).status, 404)
      yield* empty(held)
    }))

  it.live("carry bodies of every size, both ways", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start(two)
      for (const count of [1, 1000, 3500, 4200, 20_000, 600_000]) {
        const values = Array.from({ length: count }, (_, i) => i % 1000)
        const { body, headers } = inferBody(values)
        const answer = yield* ask(port, path, { method: "POST", headers, body })
        assert.strictEqual(answer.status, 200)
        const tensor = answer.body.subarray(Number(answer.headers["inference-header-content-length"]))
        assert.isTrue(tensor.equals(Buffer.from(new Float32Array(values).buffer)), `${count} values`)
      }
      yield* empty(held)
      assert.strictEqual(fake.released, 6)
    }))

  it.live("carry JSON that is larger than a ring", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start(two)
      const data = Array.from({ length: 300_000 }, (_, i) => i)
      const body = JSON.stringify({ inputs: [{ name: "X", shape: [data.length], datatype: "FP32", data }] })
      const answer = yield* ask(port, path, { method: "POST", body })
      assert.deepStrictEqual(JSON.parse(answer.text).outputs[0].data, data)
      yield* empty(held)
    }))

  it.live("leave heads that are larger than a ring to main, and go on", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start({ ...two, maxHeaderSize: 1024 * 1024 })
      const field = (length: number) => `X-Long: ${"a".repeat(length)}\r\n`
      const client = yield* connect(port)
      for (const [i, length] of [100_000, 200_000, 300_000, 600_000, 1].entries()) {
        client.send(`GET /v2/health/live HTTP/1.1\r\n${field(length)}\r\n`)
        yield* client.answers(i + 1)
      }
      // Whichever front they come to.
      for (let i = 0; i < 8; i++) assert.strictEqual(yield* good(port), goodAnswer)
      yield* empty(held)
    }))

  it.live("answer pipelined requests in their order", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start(two)
      let begun = 0
      // The later a request came, the sooner it is done.
      fake.work = Effect.suspend(() => Effect.sleep(20 - 2 * begun++))
      const client = yield* connect(port)
      client.send(Buffer.concat(Array.from({ length: 10 }, (_, i) => inferRequest([i], `number ${i}`))))
      const text = yield* client.answers(10)
      assert.deepStrictEqual(text.match(/number \d/g), Array.from({ length: 10 }, (_, i) => `number ${i}`))
    }))

  it.live("send a large answer to a client that reads late, and keep its memory until then", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start(two)
      const client = yield* connect(port)
      let received = 0
      client.socket.removeAllListeners("data")
      client.socket.on("data", ({ length }: Buffer) => {
        received += length
      })
      client.socket.pause()
      // More than the operating system keeps on the way.
      const bytes = 4 * 4_000_000
      client.send(inferRequest(new Array<number>(bytes / 4).fill(1)))
      yield* eventually(() => fake.requests.length, (count) => count === 1)
      yield* eventually(() => held()[2]!, (bytes) => bytes > 0)
      assert.strictEqual(fake.released, 0)
      client.socket.resume()
      yield* eventually(() => received, (count) => count > bytes)
      yield* empty(held)
      assert.strictEqual(fake.released, 1)
    }))

  it.live("interrupt the work for a client that goes away", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start(two)
      fake.work = Effect.never
      const client = yield* connect(port)
      client.send(inferRequest())
      yield* eventually(() => fake.requests.length, (count) => count === 1)
      client.socket.resetAndDestroy()
      yield* eventually(() => fake.interrupted, (count) => count === 1)
      yield* empty(held)
    }))

  it.live("refuse a body that stops, and give its memory back", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start({ ...two, bodyTimeout: 200 })
      const client = yield* connect(port)
      client.send(inferRequest(new Array(20_000).fill(1)).subarray(0, 40_000))
      yield* eventually(() => held()[2]!, (bytes) => bytes > 0)
      assert.include(yield* client.answers(1), "HTTP/1.1 408 ")
      yield* client.until(({ ended }) => ended)
      client.socket.destroy()
      yield* empty(held)
    }))

  it.live("refuse a body that ends early", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start(two)
      const client = yield* connect(port)
      client.socket.end(inferRequest(new Array(20_000).fill(1)).subarray(0, 40_000))
      assert.include(yield* client.answers(1), "HTTP/1.1 400 ")
      yield* empty(held)
    }))

  it.live("count their connections together", () =>
    Effect.gen(function*() {
      const { port } = yield* start({ ...two, maxConnections: 3 })
      const clients: Array<Client> = []
      for (let i = 0; i < 3; i++) {
        const client = yield* connect(port)
        client.send("GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert.include(yield* client.answers(1), "HTTP/1.1 200 ")
        clients.push(client)
      }
      const more = yield* connect(port)
      yield* more.until(({ ended }) => ended)
      assert.strictEqual(more.text, "")
      clients[0]!.socket.destroy()
      yield* eventually(() => clients[0]!.closed, (closed) => closed)
      const ask = Effect.gen(function*() {
        const client = yield* connect(port)
        client.send("GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        return yield* client.until(({ ended, text }) => ended || text.includes("200"))
      })
      // Its front may hear of the end a moment later.
      let seen = ""
      while (!seen.includes("200")) seen = yield* Effect.scoped(ask)
    }))

  it.live("let main serve what they do not: chunked bodies, HTTP/2 and WebSocket", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start(two)
      const { body, headers } = inferBody([1, 2, 3], "chunked")
      const answer = yield* ask(port, path, {
        method: "POST",
        headers: { ...headers, "Transfer-Encoding": "chunked" },
        body
      })
      assert.include(answer.text, "chunked")
      const status = yield* Effect.callback<number>((resume) => {
        const session = Http2.connect(`http://127.0.0.1:${port}`)
        const stream = session.request({ ":path": "/v2/health/live" })
        stream.on("response", (head) => resume(Effect.succeed(Number(head[":status"]))))
        return Effect.sync(() => session.destroy())
      })
      assert.strictEqual(status, 200)
      const said = yield* Effect.callback<string>((resume) => {
        const socket = new WebSocket(`ws://127.0.0.1:${port}/rpc`)
        socket.addEventListener("open", () => {
          socket.send("{\"_tag\":\"Request\",\"id\":1,\"tag\":\"ServerLive\",\"payload\":null,\"headers\":[]}\n")
        })
        socket.addEventListener("message", ({ data }) => resume(Effect.succeed(String(data))))
        socket.addEventListener("close", ({ code }) => resume(Effect.succeed(`closed ${code}`)))
        return Effect.sync(() => socket.close())
      })
      assert.include(said, "\"value\":true")
      yield* empty(held)
    }))

  it.live("finish what is in flight when the server stops", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { fake, port } = yield* Scope.provide(start(two), scope)
      const gate = yield* Deferred.make<void>()
      fake.work = Deferred.await(gate)
      const busy = yield* connect(port)
      const idle = yield* connect(port)
      idle.send("GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
      yield* idle.answers(1)
      busy.send(inferRequest([1], "last"))
      yield* eventually(() => fake.requests.length, (count) => count === 1)
      const stopping = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* idle.until(({ ended }) => ended)
      assert.isFalse(busy.ended)
      yield* Deferred.succeed(gate, undefined)
      const text = yield* busy.until(({ ended }) => ended)
      assert.include(text, "HTTP/1.1 200 ")
      assert.include(text, "Connection: close")
      assert.include(text, "last")
      yield* Fiber.join(stopping)
    }))

  it.live("are started again when they die, and lose their own connections only", () =>
    Effect.gen(function*() {
      const workers = yield* started
      const { fake, held, port } = yield* start(two)
      assert.strictEqual(workers.length, 2)
      fake.work = Effect.never
      // One of them has this one.
      const client = yield* connect(port)
      client.send(inferRequest())
      yield* eventually(() => fake.requests.length, (count) => count === 1)
      let died = 1
      yield* Effect.promise(() => workers[0]!.terminate())
      // It may have been the other one's.
      if (fake.interrupted === 0) {
        assert.isFalse(client.ended)
        died++
        yield* Effect.promise(() => workers[1]!.terminate())
      }
      yield* client.until(({ ended }) => ended)
      yield* eventually(() => fake.interrupted, (count) => count === 1)
      yield* empty(held)
      fake.work = Effect.void
      yield* eventually(() => workers.length, (count) => count === 2 + died)
      let answer = ""
      while (answer !== goodAnswer) {
        answer = yield* good(port).pipe(Effect.catchDefect(() => Effect.as(Effect.sleep(5), "")))
      }
    }))

  it.live("leave connections to the first of them, and to the others when it is gone or has many", () =>
    Effect.gen(function*() {
      const workers = yield* started
      const { port } = yield* start(two)
      const live = Effect.gen(function*() {
        const client = yield* connect(port)
        client.send("GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        return { client, text: yield* client.until(({ ended, text }) => ended || text.includes("200")) }
      })
      const few: Array<Client> = []
      for (let i = 0; i < 20; i++) few.push((yield* live).client)
      yield* Effect.promise(() => workers[1]!.terminate())
      assert.isFalse(few.some(({ ended }) => ended))
      yield* eventually(() => workers.length, (count) => count === 3)
      yield* Effect.promise(() => workers[0]!.terminate())
      for (const client of few) yield* client.until(({ ended }) => ended)
      // The one that was started again has none yet, and takes over.
      for (let text = ""; !text.includes("200");) text = (yield* live).text
      yield* eventually(() => workers.length, (count) => count === 4)
      const many: Array<Client> = []
      while (many.length < manyConnections + 40) many.push((yield* live).client)
      yield* Effect.promise(() => workers[2]!.terminate())
      yield* eventually(() => many.filter(({ ended }) => ended).length, (count) => count >= manyConnections - 1)
      // Of those that came last, half are the other one's.
      assert.isTrue(many.some(({ ended }) => !ended))
    }))

  it.live("say in words that the port is taken, also by other fronts", () =>
    Effect.gen(function*() {
      const { port } = yield* start(two)
      for (const options of [two, { frontThreads: 1 }]) {
        const failure = yield* Effect.flip(start({ ...options, port }))
        assert.strictEqual(
          failure.message,
          `failed to start HTTP service: Unavailable - Socket '127.0.0.1:${port}' already in use`
        )
      }
      assert.strictEqual(yield* good(port), goodAnswer)
    }))
})
