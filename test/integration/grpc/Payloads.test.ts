/** Every byte of every message, with many of them on their way at a time. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { GrpcCall } from "../../../src/layers/frontend/internal/grpc/Call.ts"
import { Flag, FrameType, Setting } from "../../../src/layers/frontend/internal/http2/Frame.ts"
import { empty } from "../http/Wire.ts"
import { ask, callFields, connect, frame, message, session, start, uint32 } from "./Wire.ts"

/** Numbers from a seed. */
const generator = (seed: number): () => number => {
  let state = seed * 2 + 1
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    return state >>> 8
  }
}

/** Bytes that no other seed gives. */
const payload = (seed: number, length: number): Buffer => {
  const next = generator(seed)
  const bytes = Buffer.allocUnsafe(length)
  for (let i = 0; i < length; i++) bytes[i] = next()
  return bytes
}

const sizes = [1, 120, 4091, 4096, 16_379, 16_384, 65_000, 130_000, 300_000, 602_112, 1_300_000]

/** Answers with what came, some turns later, and overwrites it when it is told that it may change. */
const laterEcho = (turns: () => number) => (call: GrpcCall): void =>
  call.receiveOne((received) => {
    const wait = (left: number): void => {
      if (left > 0) return void setImmediate(wait, left - 1)
      call.reply([received.subarray(0, 3), received.subarray(3)], received.length, () => received.fill(0xee))
    }
    wait(turns())
  })

const turn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

describe("payloads", () => {
  for (const initial of [65_535, 16_777_216]) {
    it.live(`arrive as they were sent, both ways, on many streams of many connections: windows of ${initial}`, () =>
      Effect.gen(function*() {
        const next = generator(initial)
        const { held, port } = yield* start(laterEcho(() => next() % 4))
        yield* Effect.forEach(
          Array.from({ length: 4 }, (_, connection) => connection),
          (connection) =>
            Effect.gen(function*() {
              const client = yield* session(`http://127.0.0.1:${port}`, {
                settings: { initialWindowSize: initial, maxFrameSize: connection % 2 === 0 ? 16_384 : 100_000 }
              })
              client.once("connect", () => client.setLocalWindowSize(initial))
              yield* Effect.forEach(Array.from({ length: 5 }, (_, stream) => stream), (stream) =>
                Effect.gen(function*() {
                  for (let round = 0; round < 12; round++) {
                    const seed = (connection * 5 + stream) * 12 + round
                    const size = sizes[(seed * 7) % sizes.length]!
                    const sent = message(payload(seed, size))
                    const { body, status } = yield* ask(client, sent)
                    assert.strictEqual(status, "0")
                    assert.isTrue(
                      body.equals(sent),
                      `connection ${connection}, stream ${stream}, round ${round}: ${size} bytes`
                    )
                  }
                }), { concurrency: "unbounded" })
            }),
          { concurrency: "unbounded" }
        )
        yield* empty(held)
      }))
  }

  it.live("arrive as they were sent when clients stop reading, and frames of streams alternate", () =>
    Effect.gen(function*() {
      const times = 4
      const ids = [1, 3, 5]
      let answered = 0
      const { held, port } = yield* start((call) =>
        call.receiveOne((received) => {
          answered++
          call.reply(Array.from({ length: times }, () => received), times * received.length, () => received.fill(0xee))
        })
      )
      const clients = yield* Effect.forEach([0, 1, 2], () => connect(port, false))
      const bodies = clients.map((_, client) => ids.map((id) => payload(client * 10 + id, 700_000 + id * 1000)))
      for (const client of clients) {
        client.greet(Setting.initialWindowSize, 2 ** 30)
        client.send(frame(FrameType.windowUpdate, 0, 0, uint32(2 ** 30)))
        for (const id of ids) client.send(client.headers(id, callFields()))
        client.socket.pause()
      }
      // Frames of all lengths, of all streams of all clients in turns.
      const next = generator(5)
      const sent = bodies.map((of) => of.map(() => 0))
      for (let left = clients.length * ids.length; left > 0;) {
        for (const [index, client] of clients.entries()) {
          for (const [at, id] of ids.entries()) {
            const whole = message(bodies[index]![at]!)
            const from = sent[index]![at]!
            if (from === whole.length) continue
            const to = Math.min(whole.length, from + 1 + next() % 200_000)
            sent[index]![at] = to
            if (to === whole.length) left--
            client.send(frame(FrameType.data, to === whole.length ? Flag.endStream : 0, id, whole.subarray(from, to)))
          }
        }
        yield* turn
      }
      // Nobody reads what is answered until more of it is there than the operating system takes.
      while (answered < clients.length * ids.length) yield* turn
      for (let turns = 0; turns < 20; turns++) yield* turn
      for (const client of clients) {
        client.socket.resume()
        yield* turn
      }
      for (const [index, client] of clients.entries()) {
        for (const [at, id] of ids.entries()) {
          assert.strictEqual((yield* client.ended(id))["grpc-status"], "0")
          const whole = Buffer.concat(Array.from({ length: times }, () => bodies[index]![at]!))
          assert.isTrue(client.body(id).subarray(5).equals(whole), `client ${index}, stream ${id}`)
        }
      }
      yield* empty(held)
    }))
})
