/** The thread of one front, with nothing behind it but an answer. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { FrontThread } from "../../../src/layers/frontend/internal/fronts/FrontThread.ts"
import { Seats } from "../../../src/layers/frontend/internal/fronts/Seats.ts"
import { connect, eventually } from "./Wire.ts"

const request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

/** A front whose main answers every request at once, or with `hold` when `held` is called. */
const front = (options: { readonly listens?: boolean; readonly hold?: boolean } = {}) =>
  Effect.gen(function*() {
    const seen = { requests: 0, joined: 0 }
    const held: Array<() => void> = []
    const thread = yield* Effect.acquireRelease(
      Effect.sync(() =>
        new FrontThread({
          endpoint: { service: "HTTP", address: "127.0.0.1", port: 0 } as never,
          start: {
            http: {
              maxHeaderSize: 16_384,
              maxPipelined: 16,
              headerTimeout: 10_000,
              bodyTimeout: 10_000,
              requestTimeout: 10_000,
              idleTimeout: 10_000,
              awake: 0
            },
            index: 0,
            listens: options.listens ?? true,
            maxConnections: 16,
            seats: Seats.allocate(1)
          },
          memory: {} as never,
          need: { joined: () => seen.joined++, moved: () => {} },
          serve: (call) => {
            const number = ++seen.requests
            const answer = () => {
              call.writeHead(200, ["Content-Length", "8"])
              call.end(`number ${number}`)
            }
            if (options.hold === true) held.push(answer)
            else answer()
          },
          relayed: () => assert.fail("nothing is relayed here"),
          defect: (thrown) => {
            throw thrown
          }
        })
      ),
      (thread) => thread.stop
    )
    return { held, seen, thread }
  })

describe("the thread of a front", () => {
  it.live("takes no connections before it is told to", () =>
    Effect.gen(function*() {
      const { seen, thread } = yield* front({ listens: false })
      yield* thread.started
      assert.isFalse(thread.listens)
      thread.open()
      assert.isTrue(thread.listens)
      const { port } = yield* thread.listening
      const client = yield* connect(port)
      client.send(request)
      assert.include(yield* client.answers(1), "number 1")
      assert.strictEqual(seen.joined, 1)
    }))

  it.live("closes each connection after its next answer when clients are to connect anew, and says so in it", () =>
    Effect.gen(function*() {
      const { seen, thread } = yield* front()
      const { port } = yield* thread.listening
      const client = yield* connect(port)
      client.send(request)
      assert.notInclude(yield* client.answers(1), "Connection: close")
      thread.door.renew()
      // The front may hear of it a moment after a request.
      for (let sent = 2; !client.text.includes("Connection: close"); sent++) {
        client.send(request)
        yield* client.answers(sent)
      }
      const text = yield* client.until(({ ended }) => ended)
      assert.match(text, /Connection: close\r\n(.+\r\n)*\r\nnumber \d+$/)
      // Those that come after that stay.
      const next = yield* connect(port)
      for (let i = 1; i <= 3; i++) {
        next.send(request)
        assert.notInclude(yield* next.answers(i), "Connection: close")
      }
      assert.strictEqual(seen.joined, 2)
    }))

  it.live("answers whatever it has read of a connection before it is closed", () =>
    Effect.gen(function*() {
      const { held, seen, thread } = yield* front({ hold: true })
      const { port } = yield* thread.listening
      const client = yield* connect(port)
      client.send(request)
      yield* eventually(() => held.length, (count) => count === 1)
      thread.door.renew()
      // They come while one is in progress, and together.
      client.send(request + request)
      yield* eventually(() => held.length, (count) => count === 3)
      for (const answer of held.splice(0)) answer()
      assert.notInclude(yield* client.answers(3), "Connection: close")
      for (let sent = 4; !client.text.includes("Connection: close"); sent++) {
        client.send(request)
        yield* eventually(() => held.length, (count) => count === 1)
        held.pop()!()
        yield* client.answers(sent)
      }
      const text = yield* client.until(({ ended }) => ended)
      const numbers = Array.from({ length: seen.requests }, (_, i) => `number ${i + 1}`)
      assert.deepStrictEqual(text.match(/number \d+/g), numbers)
    }))
})
