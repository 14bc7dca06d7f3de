import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { connect, empty, eventually, start } from "../http/Wire.ts"
import { echo, message, post, rawSocket } from "./Client.ts"

const live = message(1, "ServerLive")
const liveAnswer = "{\"_tag\":\"Exit\",\"requestId\":1,\"exit\":{\"_tag\":\"Success\",\"value\":true}}\n"

/** Lines of JSON whose outside is not that of a message. */
const noMessages = [
  "null",
  "1",
  "\"Request\"",
  "[]",
  "[null]",
  "{}",
  "{\"_tag\":{\"toString\":1}}",
  "{\"_tag\":\"Request\",\"tag\":\"ServerLive\",\"headers\":[]}",
  "{\"_tag\":\"Request\",\"id\":{\"toString\":1},\"tag\":\"ServerLive\",\"headers\":[]}",
  "{\"_tag\":\"Request\",\"id\":1,\"tag\":7,\"headers\":[]}",
  "{\"_tag\":\"Request\",\"id\":1,\"tag\":\"ServerLive\",\"headers\":7}",
  "{\"_tag\":\"Request\",\"id\":1,\"tag\":\"ServerLive\",\"headers\":[7]}",
  "{\"_tag\":\"Request\",\"id\":1,\"tag\":\"ServerLive\",\"headers\":[[\"a\",null]]}"
]

const stream = message(1, "ModelStreamInfer", {
  model: "echo",
  inputs: [{ name: "X", datatype: "FP32", shape: [1], data: "AAAAAA==" }]
})

describe("RPC and clients that mean harm", () => {
  it.live("outlives messages that are no objects, or have a wrong outside", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start()
      const raw = yield* rawSocket(port)
      for (const line of noMessages) {
        raw.received.length = 0
        raw.socket.send(`${line}\n`)
        yield* eventually(() => raw.received[0], (seen) => seen?.startsWith("{\"_tag\":\"Defect\"") === true)
        raw.socket.send(live)
        yield* eventually(() => raw.received[1], (seen) => seen === liveAnswer)
        assert.strictEqual((yield* post(port, `${line}\n`)).status, 400)
        assert.strictEqual((yield* post(port, `${live}${line}`)).status, 400)
      }
      yield* empty(held)
    }))

  it.live("says so where two requests have the same id, and answers the others", () =>
    Effect.gen(function*() {
      const { fake, held, port } = yield* start()
      const twice = yield* post(port, stream + stream)
      assert.strictEqual(twice.status, 400)
      assert.include(twice.text, "Two requests of the body have the same id")
      fake.work = Effect.never
      const raw = yield* rawSocket(port)
      raw.socket.send(message(1, "ModelInfer", { ...echo(), inputs: [] }))
      yield* eventually(held, ([requests]) => requests === 1)
      raw.socket.send(stream + message(2, "ServerLive"))
      yield* eventually(() => raw.received.length, (seen) => seen === 2)
      assert.include(raw.received[0], "The id 1 belongs to a request that was not answered yet")
      assert.include(raw.received[1], "\"requestId\":2")
    }))

  it.live("does not count pings and pongs as parts of a message", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start({ maxInflightBytes: 10_000 })
      const client = yield* connect(port)
      client.send(
        "GET /rpc HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
      )
      // Masked by zeros, with 125 bytes each.
      for (let i = 0; i < 100; i++) {
        for (const head of [0x89, 0x8a]) client.socket.write(Buffer.concat([Buffer.of(head, 0xfd), Buffer.alloc(129)]))
        yield* Effect.sleep("1 millis")
      }
      client.socket.write(Buffer.concat([Buffer.of(0x81, 0x80 + live.length, 0, 0, 0, 0), Buffer.from(live)]))
      yield* eventually(() => client.text.includes(liveAnswer), (seen) => seen)
      yield* empty(held)
    }))

  it.live("lets go of a client that never acknowledges what it asked for", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start({ idleTimeout: "1 second" })
      const raw = yield* rawSocket(port)
      raw.socket.send(stream)
      yield* eventually(() => raw.received[0], (seen) => seen?.startsWith("{\"_tag\":\"Chunk\"") === true)
      yield* eventually(() => raw.closed, (seen) => seen !== undefined)
      yield* empty(held)
    }))

  it.live("bounds the pieces that a line comes in", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start()
      const raw = yield* rawSocket(port)
      for (let i = 0; i < 16_385; i++) raw.socket.send(" ")
      yield* eventually(() => raw.received[0], (seen) => seen?.includes("more than 16384 pieces") === true)
      raw.socket.send(live)
      yield* eventually(() => raw.received[1], (seen) => seen === liveAnswer)
      yield* empty(held)
    }))
})
