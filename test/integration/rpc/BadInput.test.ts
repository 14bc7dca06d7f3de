import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Stream } from "effect"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Net from "node:net"
import { connect, eventually, start } from "../http/Wire.ts"
import { binaryType, echo, httpClient, jsonType, message, post, rawSocket, socketClient } from "./Client.ts"

const live = message(1, "ServerLive")
const liveAnswer = "{\"_tag\":\"Exit\",\"requestId\":1,\"exit\":{\"_tag\":\"Success\",\"value\":true}}\n"

describe("RPC over POST, bad input", () => {
  it.live("answers a payload that fails the schema with a defect of that request, without what was in it", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start()
      const bad = [
        message(2, "ModelInfer", { model: "echo" }),
        message(3, "ModelInfer", { model: 5, inputs: [] }),
        message(4, "ModelInfer", {
          model: "echo",
          inputs: [{ name: "X", datatype: "FP31", shape: [1], data: "AAAAAA==" }]
        }),
        message(5, "ModelInfer", {
          model: "echo",
          inputs: [{ name: "X", datatype: "FP32", shape: [1], data: "s3cret!" }]
        }),
        message(6, "ModelInfer", {
          model: "echo",
          inputs: [{ name: "X", datatype: "FP32", shape: [1], data: [1, 2, 3, 4] }]
        }),
        message(7, "Nope")
      ]
      const { status, text } = yield* post(port, bad.join("") + live)
      assert.strictEqual(status, 200)
      const answers = text.trimEnd().split("\n").map((line) => JSON.parse(line))
      assert.deepStrictEqual(answers.map(({ requestId }) => requestId).toSorted(), [1, 2, 3, 4, 5, 6, 7])
      for (const { exit, requestId } of answers) {
        assert.strictEqual(exit._tag, requestId === 1 ? "Success" : "Failure")
        if (requestId !== 1) assert.strictEqual(exit.cause[0]._tag, "Die")
      }
      assert.notInclude(text, "s3cret")
      yield* eventually(held, (seen) => seen.every((count) => count === 0))
    }))

  it.live("refuses with a typed error what the schema lets through and the protocol does not", () =>
    Effect.gen(function*() {
      const { fake, port } = yield* start()
      const client = yield* httpClient(port)
      const refused = (request: Parameters<typeof client.ModelInfer>[0]) =>
        Effect.map(
          Effect.flip(client.ModelInfer(request)),
          (failure) => failure._tag === "InferenceError" ? `${failure.reason._tag}: ${failure.message}` : failure._tag
        )
      const tensor = echo().inputs[0]!
      for (
        const [request, said] of [
          [{ ...echo(), priority: -1 }, "'priority' must be a whole number from 0 on, got -1"],
          [{ ...echo(), timeoutMicros: 0.5 }, "'timeoutMicros' must be a whole number from 0 on, got 0.5"],
          [
            { ...echo(), deadlineMicros: 2 ** 60 },
            "'deadlineMicros' must be a whole number from 0 on, got 1152921504606847000"
          ],
          [
            { ...echo(), inputs: [{ ...tensor, shape: [1.5] }] },
            "the shape of input 'X' must hold whole numbers, got 1.5"
          ],
          [
            { ...echo(), inputs: [{ ...tensor, shape: new Array(257).fill(1) }] },
            "input 'X' has 257 dimensions, more than 256"
          ],
          [{ ...echo(), inputs: new Array(16_385).fill(tensor) }, "request lists more than 16384 inputs"],
          [
            { ...echo(), outputs: [{ name: "X", classification: -1 }] },
            "output 'X': 'classification' must be a whole number from 0 on, got -1"
          ],
          [
            { ...echo(), parameters: Object.fromEntries(Array.from({ length: 1025 }, (_, i) => [`p${i}`, i])) },
            "request has more than 1024 parameters"
          ]
        ] as const
      ) {
        assert.strictEqual(yield* refused(request), `InvalidRequest: ${said}`)
      }
      assert.strictEqual(
        yield* refused({ ...echo(), model: "stream" }),
        "Unsupported: ModelInfer RPC doesn't support models with decoupled transaction policy"
      )
      assert.deepStrictEqual(fake.requests, [])
      assert.strictEqual((yield* client.ModelInfer(echo())).outputs.length, 1)
    }))

  it.live("answers bodies that are no messages with 400, and serves the next one", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start()
      const bodies: ReadonlyArray<readonly [string | Uint8Array<ArrayBuffer>, string]> = [
        ["{", jsonType],
        ["[1,2", jsonType],
        ["", jsonType],
        ["\n\n", jsonType],
        ["{\"_tag\":\"Ping\"}\n", jsonType],
        [Uint8Array.of(5, 1, 2), binaryType],
        [Uint8Array.of(3, 1, 2, 3), binaryType],
        [new Uint8Array(64).fill(255), binaryType],
        [Uint8Array.of(), binaryType],
        [live, binaryType]
      ]
      for (const [body, type] of bodies) {
        assert.strictEqual((yield* post(port, body, type)).status, 400)
        assert.deepStrictEqual(yield* post(port, live), { status: 200, text: liveAnswer })
      }
      assert.strictEqual((yield* post(port, live, "application/json")).status, 415)
      assert.strictEqual((yield* post(port, live, jsonType, { "Content-Encoding": "gzip" })).status, 415)
      assert.strictEqual((yield* Effect.promise(() => fetch(`http://127.0.0.1:${port}/rpc`))).status, 405)
      yield* eventually(held, (seen) => seen.every((count) => count === 0))
    }))

  it.live("answers a binary payload that is no payload with a defect of that request", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const serialization = yield* Effect.provide(
        RpcSerialization.RpcSerialization,
        RpcSerialization.layerSchemaBinary()
      )
      const parser = serialization.makeUnsafe()
      const frame = (id: number, payload: Uint8Array) =>
        parser.encode({ _tag: "Request", id, tag: "ModelInfer", payload, headers: [] }) as Uint8Array
      const body = Buffer.concat(
        [Uint8Array.of(), Uint8Array.of(1, 2, 3), new Uint8Array(40).fill(255)].map((payload, i) => frame(i, payload))
      )
      const answer = yield* Effect.promise(async () => {
        const response = await fetch(`http://127.0.0.1:${port}/rpc`, {
          method: "POST",
          headers: { "Content-Type": binaryType },
          body
        })
        return new Uint8Array(await response.arrayBuffer())
      })
      const exits = parser.decode(answer) as ReadonlyArray<{ readonly _tag: string; readonly requestId: number }>
      assert.deepStrictEqual(exits.map(({ _tag, requestId }) => [_tag, requestId]), [["Exit", 0], ["Exit", 1], [
        "Exit",
        2
      ]])
      assert.strictEqual((yield* (yield* socketClient(port)).ModelInfer(echo())).outputs.length, 1)
    }))

  it.live("bounds bodies, and requests in flight", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start({
        maxInputSize: 1000,
        maxRequestBytes: 2000,
        maxInflightBytes: 3000,
        maxInflightRequests: 1
      })
      assert.strictEqual((yield* post(port, live.padStart(1001))).status, 413)
      assert.strictEqual((yield* post(port, new Uint8Array(2001), binaryType)).status, 413)
      const client = yield* httpClient(port)
      const opened = yield* Deferred.make<void>()
      fake.work = Deferred.await(opened)
      const first = yield* Effect.forkChild(client.ModelInfer(echo()))
      yield* eventually(held, ([requests]) => requests === 1)
      const refused = yield* Effect.flip(client.ModelInfer(echo()))
      assert.strictEqual(refused._tag === "InferenceError" ? refused.reason._tag : refused._tag, "Overloaded")
      // What runs no model is answered meanwhile.
      assert.isTrue(yield* client.ServerLive())
      yield* Deferred.succeed(opened, undefined)
      yield* Fiber.join(first)
      yield* eventually(held, (seen) => seen.every((count) => count === 0))
      assert.strictEqual(fake.released, 1)
    }))

  it.live("lets go of a client that does not read the stream it asked for", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start({ bodyTimeout: "2 seconds" })
      const inputs = [{ name: "X", datatype: "FP32", shape: [6_291_456], data: "A".repeat(33_554_432) }]
      const body = message(1, "ModelStreamInfer", { model: "echo", inputs })
      const client = yield* connect(port)
      client.socket.pause()
      client.send(
        `POST /rpc HTTP/1.1\r\nHost: x\r\nContent-Type: ${jsonType}\r\nContent-Length: ${body.length}\r\n\r\n`
      )
      client.send(body)
      yield* eventually(() => fake.requests.length, (seen) => seen === 1)
      yield* eventually(held, (seen) => seen.every((count) => count === 0))
    }))
})

describe("RPC over WebSocket, bad input", () => {
  it.live("keeps the connection after payloads and messages that are wrong", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start()
      const raw = yield* rawSocket(port)
      const said = (count: number) => eventually(() => raw.received.length, (seen) => seen === count)
      raw.socket.send("no json\n")
      yield* said(1)
      assert.match(raw.received[0]!, /^\{"_tag":"Defect"/)
      raw.socket.send(message(2, "ModelInfer", { inputs: [] }))
      yield* said(2)
      assert.match(raw.received[1]!, /"requestId":2,"exit":\{"_tag":"Failure","cause":\[\{"_tag":"Die"/)
      raw.socket.send(Uint8Array.of(3, 1, 2, 3))
      yield* said(3)
      raw.socket.send(
        "{\"_tag\":\"Interrupt\",\"requestId\":77}\n{\"_tag\":\"Ack\",\"requestId\":78}\n{\"_tag\":\"Bogus\"}\n"
      )
      yield* said(4)
      raw.socket.send("{\"_tag\":\"Ping\"}\n")
      yield* said(5)
      assert.strictEqual(raw.received[4], "{\"_tag\":\"Pong\"}\n")
      // A message may come in pieces.
      raw.socket.send(live.slice(0, 20))
      raw.socket.send(live.slice(20))
      yield* said(6)
      assert.strictEqual(raw.received[5], liveAnswer)
      yield* eventually(held, (seen) => seen.every((count) => count === 0))
    }))

  it.live("closes a connection whose message is too large, and no other", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start({ rpcMaxMessageBytes: 1000 })
      const other = yield* rawSocket(port)
      for (const send of [live.padStart(1001), new Uint8Array(1001)]) {
        const raw = yield* rawSocket(port)
        raw.socket.send(send)
        yield* eventually(() => raw.closed?.code, (seen) => seen === 1009)
      }
      other.socket.send(live)
      yield* eventually(() => other.received[0], (seen) => seen === liveAnswer)
      yield* eventually(held, (seen) => seen.every((count) => count === 0))
    }))

  it.live("withdraws a thousand requests that are cancelled, and those of a connection that is cut", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      const client = yield* socketClient(port)
      fake.work = Effect.never
      const fibers = yield* Effect.forEach(
        Array.from({ length: 1000 }),
        () => Effect.forkChild(client.ModelInfer(echo()))
      )
      yield* eventually(held, ([requests]) => requests === 1000)
      yield* Fiber.interruptAll(fibers)
      yield* eventually(held, (seen) => seen.every((count) => count === 0))
      assert.strictEqual(fake.interrupted, 1000)
      yield* Effect.scoped(Effect.gen(function*() {
        yield* Effect.forkChild((yield* socketClient(port)).ModelInfer(echo()))
        yield* eventually(held, ([requests]) => requests === 1)
      }))
      yield* eventually(held, (seen) => seen.every((count) => count === 0))
      fake.work = Effect.void
      assert.strictEqual((yield* client.ModelInfer(echo())).outputs.length, 1)
    }))

  it.live("gives one answer in a stream, and its error at the end of one", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      for (const client of [yield* socketClient(port), yield* httpClient(port)]) {
        const answers = yield* Stream.runCollect(client.ModelStreamInfer({ ...echo(), id: "s" }))
        assert.deepStrictEqual([...answers].map(({ id }) => id), ["s"])
        const failure = yield* Effect.flip(Stream.runDrain(client.ModelStreamInfer({ ...echo(), model: "nope" })))
        assert.strictEqual(failure._tag === "InferenceError" ? failure.reason._tag : failure._tag, "ModelNotFound")
      }
      yield* eventually(held, (seen) => seen.every((count) => count === 0))
      assert.strictEqual(fake.released, 2)
    }))

  it.live("stops to read from a client that does not read, and lets go of one that never does", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start({ idleTimeout: "1 second" })
      // Each is answered with as much as it sends: a megabyte, and nobody reads.
      const inputs = [{ name: "X", datatype: "FP32", shape: [196_608], data: "A".repeat(1_048_576) }]
      const frames = Array.from(
        { length: 100 },
        (_, id) => frame(message(id, "ModelInfer", { model: "echo", inputs }))
      )
      const socket = yield* Effect.acquireRelease(
        Effect.sync(() => Net.connect(port, "127.0.0.1")),
        (socket) => Effect.sync(() => socket.destroy())
      )
      socket.on("error", () => {})
      socket.write(
        "GET /rpc HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
      )
      yield* Effect.callback<void>((resume) => void socket.once("data", () => resume(Effect.void)))
      socket.pause()
      for (const frame of frames) socket.write(frame)
      yield* eventually(() => fake.requests.length, (seen) => seen > 1)
      yield* eventually(held, (seen) => seen.every((count) => count === 0))
      assert.isBelow(fake.requests.length, 50)
      const next = yield* httpClient(port)
      assert.isTrue(yield* next.ServerLive())
    }))
})

/** A text message as a client sends it: masked, here by zeros. */
const frame = (text: string): Buffer => {
  const body = Buffer.from(text)
  const head = Buffer.alloc(14)
  head[0] = 0x81
  head[1] = 0x80 | 127
  head.writeBigUInt64BE(BigInt(body.length), 2)
  return Buffer.concat([head, body])
}
