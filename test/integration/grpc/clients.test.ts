/** The transport against node's client of HTTP/2, which shares no code with it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import fc from "fast-check"
import * as Http2 from "node:http2"
import * as Tls from "node:tls"
import type { GrpcCall } from "../../../src/layers/frontend/internal/grpc/Call.ts"
import { preface } from "../../../src/layers/frontend/internal/http2/Frame.ts"
import * as Certificates from "../../fixtures/Certificates.ts"
import { empty } from "../http/Wire.ts"
import { unchanging } from "./Unchanging.ts"
import { ask, echo, message, session, settings, start } from "./Wire.ts"

const { PADDING_STRATEGY_MAX, PADDING_STRATEGY_NONE } = Http2.constants

const bytes = (length: number, seed: number): Buffer =>
  Buffer.from(Array.from({ length }, (_, i) => (i * 7 + (i >> 8) + seed) & 0xff))

/** Answers with the metadata that came, as one line for each, and the message. */
const mirror = (call: GrpcCall): void =>
  call.receiveOne((received) => {
    const { raw } = call.metadata
    const lines: Array<string> = []
    for (let i = 0; i < raw.length; i += 2) if (raw[i]!.startsWith("x-")) lines.push(`${raw[i]}: ${raw[i + 1]}\n`)
    const head = Buffer.from(lines.join(""), "latin1")
    call.reply([head, received], head.length + received.length, () => {})
  })

const metadata = fc.uniqueArray(
  fc.tuple(
    fc.stringMatching(/^x-[a-z0-9_.-]{1,30}$/),
    fc.oneof(fc.stringMatching(/^[!-~]([ -~]{0,60}[!-~])?$/), fc.constantFrom("a", "b", "0".repeat(300)))
  ),
  { maxLength: 8, selector: ([name]) => name }
)

const client = fc.record({
  settings: fc.record({
    initialWindowSize: fc.constantFrom(1, 100, 5000, 65_535, 1_000_000),
    maxFrameSize: fc.constantFrom(16_384, 20_001, 1_000_000),
    headerTableSize: fc.constantFrom(0, 33, 100, 4096, 60_000)
  }),
  paddingStrategy: fc.constantFrom(PADDING_STRATEGY_MAX, PADDING_STRATEGY_NONE),
  calls: fc.array(
    fc.record({
      metadata,
      size: fc.oneof(fc.nat(100), fc.nat(20_000), fc.constantFrom(0, 4090, 16_384, 70_000, 250_000))
    }),
    { minLength: 1, maxLength: 12 }
  )
})

const trusted = Certificates.authority("authority")
const server = Certificates.signed("localhost", "authority", trusted)

/** Whether a TLS connection is still there after the client greeted. */
const connects = (options: Tls.ConnectionOptions): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const socket = Tls.connect({ host: "localhost", ...options })
    socket.on("secureConnect", () => socket.write(Buffer.concat([preface, settings()])))
    socket.on("error", () => {})
    socket.on("data", () => {
      resume(Effect.succeed(true))
      socket.destroy()
    })
    socket.on("close", () => resume(Effect.succeed(false)))
  })

describe("node's client", () => {
  it.live("gets back what it sends, whatever its settings, padding and metadata", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start(mirror)
      const property = fc.asyncProperty(client, ({ calls, paddingStrategy, settings }) =>
        Effect.runPromise(Effect.scoped(Effect.gen(function*() {
          const { initialWindowSize } = settings
          const made = yield* session(`http://127.0.0.1:${port}`, { settings, paddingStrategy })
          yield* Effect.forEach(calls, ({ metadata, size }, i) =>
            Effect.gen(function*() {
              // One byte at a time would take too long.
              const sent = bytes(Math.min(size, initialWindowSize * 200), i)
              const answer = yield* ask(made, message(sent), Object.fromEntries(metadata))
              assert.strictEqual(answer.status, "0")
              const head = metadata.map(([name, value]) =>
                `${name}: ${value}\n`
              ).sort().join("")
              const body = answer.body.subarray(5)
              const got = body.toString("latin1", 0, head.length).split("\n").filter((line) => line !== "")
              assert.strictEqual(got.sort().map((line) => `${line}\n`).join(""), head)
              assert.isTrue(body.subarray(head.length).equals(sent))
            }), { concurrency: "unbounded" })
        }))))
      yield* Effect.promise(() => fc.assert(property, { numRuns: 40 }))
      yield* empty(held)
    }))

  it.live("is served over TLS, and only with h2", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start(echo, { tls: unchanging(server) })
      const made = yield* session(`https://localhost:${port}`, { ca: trusted.cert })
      for (const size of [10, 500_000]) {
        const sent = message(bytes(size, 0))
        assert.isTrue((yield* ask(made, sent)).body.equals(sent))
      }
      for (const ALPNProtocols of [["http/1.1"], undefined]) {
        assert.isFalse(yield* connects({ port, ca: trusted.cert, ...(ALPNProtocols && { ALPNProtocols }) }))
      }
      assert.isTrue(yield* connects({ port, ca: trusted.cert, ALPNProtocols: ["http/1.1", "h2"] }))
      yield* empty(held)
    }))

  it.live("needs a certificate where the server says so", () =>
    Effect.gen(function*() {
      const { port } = yield* start(echo, {
        tls: unchanging(server, trusted.cert)
      })
      const url = `https://localhost:${port}`
      const known = yield* session(url, { ca: trusted.cert, ...Certificates.signed("client", "authority", trusted) })
      assert.strictEqual((yield* ask(known, message(bytes(1, 0)))).status, "0")
      const stranger = yield* session(url, { ca: trusted.cert })
      assert.strictEqual((yield* ask(stranger, message(bytes(1, 0)))).status, "undefined")
    }))
})
