import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { randomBytes } from "node:crypto"
import * as Zlib from "node:zlib"
import type { GrpcCall, Receiver } from "../../../src/layers/frontend/internal/grpc/Call.ts"
import { Flag, FrameType, Setting } from "../../../src/layers/frontend/internal/http2/Frame.ts"
import { ModelNotFound, QueueFull } from "../../../src/schema/Errors.ts"
import { empty, eventually } from "../http/Wire.ts"
import { unchanging } from "./Unchanging.ts"
import { ask, callFields, connect, echo, frame, message, session, settings, start, uint32 } from "./Wire.ts"

const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff))

const url = (port: number): string => `http://127.0.0.1:${port}`

describe("gRPC transport", () => {
  it.live("answers messages of any size, below and above every bound", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start(echo)
      const client = yield* session(url(port))
      for (const size of [0, 1, 5, 4090, 4091, 4092, 16383, 16384, 16385, 65530, 300_000, 3_000_000]) {
        const sent = message(bytes(size))
        const answer = yield* ask(client, sent)
        assert.strictEqual(answer.status, "0", `${size}`)
        assert.strictEqual(Number(answer.headers[":status"]), 200)
        assert.strictEqual(answer.headers["content-type"], "application/grpc")
        assert.isTrue(answer.body.equals(sent), `${size}`)
      }
      yield* empty(held)
    }))

  it.live("answers many calls at a time on one connection", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start(echo)
      const client = yield* session(url(port))
      yield* Effect.forEach(Array.from({ length: 60 }, (_, i) => i), (i) =>
        Effect.gen(function*() {
          const sent = message(bytes(i * 5000))
          assert.isTrue((yield* ask(client, sent)).body.equals(sent))
        }), { concurrency: "unbounded" })
      yield* empty(held)
    }))

  it.live("puts a large message in shared memory so that it ends on a multiple of 64", () =>
    Effect.gen(function*() {
      const seen: Array<Uint8Array> = []
      const { held, port } = yield* start((call) =>
        call.receiveOne((received) => {
          seen.push(received)
          call.reply([], 0, () => {})
        })
      )
      const client = yield* session(url(port))
      yield* ask(client, message(bytes(16_384 + 13)))
      yield* ask(client, message(bytes(16_384 - 1)))
      assert.instanceOf(seen[0]!.buffer, SharedArrayBuffer)
      assert.strictEqual((seen[0]!.byteOffset + seen[0]!.byteLength) % 64, 0)
      assert.notInstanceOf(seen[1]!.buffer, SharedArrayBuffer)
      yield* empty(held)
    }))

  it.live("sends a small answer as one write", () =>
    Effect.gen(function*() {
      const { port } = yield* start(echo)
      const client = yield* connect(port)
      let chunks = 0
      client.call(1, bytes(10))
      yield* client.ended(1)
      client.socket.prependListener("data", () => chunks++)
      client.call(3, bytes(10))
      yield* client.ended(3)
      assert.strictEqual(chunks, 1)
      assert.deepStrictEqual(
        client.frames.filter(({ stream }) => stream === 3).map(({ payload, type }) => [type, payload.length]),
        [[FrameType.headers, 3], [FrameType.data, 15], [FrameType.headers, 1]]
      )
    }))

  it.live("tells failures by their code and text, and when to try again", () =>
    Effect.gen(function*() {
      const failures = [
        new ModelNotFound({ message: "no model 'Gänse' at 100%\n" }),
        new QueueFull({ message: "full", model: "m", capacity: 3 })
      ]
      const { held, port } = yield* start((call) => call.receiveOne(() => call.failure(failures.shift()!)))
      const client = yield* session(url(port))
      const first = yield* ask(client, message(bytes(3)))
      assert.deepStrictEqual([first.status, first.text], ["5", "no model 'Gänse' at 100%\n"])
      assert.strictEqual(first.headers["grpc-message"], "no model 'G%C3%A4nse' at 100%25%0A")
      assert.isUndefined(first.headers["grpc-retry-pushback-ms"])
      const second = yield* ask(client, message(bytes(3)))
      assert.deepStrictEqual([second.status, second.text], ["14", "full"])
      assert.strictEqual(second.headers["grpc-retry-pushback-ms"], "1000")
      yield* empty(held)
    }))

  it.live("refuses what is no call of gRPC", () =>
    Effect.gen(function*() {
      const { port } = yield* start(echo)
      const client = yield* session(url(port))
      const put = yield* ask(client, bytes(3), { ":method": "PUT" })
      assert.deepStrictEqual([Number(put.headers[":status"]), put.body.toString()], [
        405,
        "This port serves gRPC, whose calls are POST, not PUT.\n"
      ])
      for (const type of ["application/json", "application/grpc+json", "application/grpcx"]) {
        const answer = yield* ask(client, bytes(3), { "content-type": type })
        assert.strictEqual(Number(answer.headers[":status"]), 415, type)
        assert.include(answer.body.toString(), `not ${type}`)
      }
      for (const type of ["application/grpc", "application/grpc+proto", "application/grpc;x=y"]) {
        assert.strictEqual((yield* ask(client, message(bytes(3)), { "content-type": type })).status, "0", type)
      }
    }))

  it.live("refuses messages that are none, two, cut off, or have a wrong prefix", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start(echo)
      const client = yield* session(url(port))
      const cases: ReadonlyArray<readonly [Uint8Array, string, RegExp]> = [
        [Buffer.alloc(0), "12", /sent none/],
        [Buffer.concat([message(bytes(3)), message(bytes(3))]), "12", /sent more/],
        [message(bytes(3)).subarray(0, 7), "13", /ended within a message/],
        [message(bytes(3)).subarray(0, 2), "13", /ended within a message/],
        [message(bytes(30_000)).subarray(0, 20_000), "13", /ended within a message/],
        [message(bytes(3), 2), "13", /must be 0 or 1, got: 2/],
        [message(bytes(3), 1), "13", /flagged as compressed/]
      ]
      for (const [body, status, text] of cases) {
        const answer = yield* ask(client, body)
        assert.strictEqual(answer.status, status, String(text))
        assert.match(answer.text, text)
      }
      assert.strictEqual((yield* ask(client, message(bytes(3)))).status, "0")
      yield* empty(held)
    }))

  it.live("refuses what is too large, and the connection lives", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start(echo, {
        maxMessageBytes: 100_000,
        maxSendMessageBytes: 50_000,
        limits: { maxRequestBytes: 80_000 }
      })
      const client = yield* session(url(port))
      const large = yield* ask(client, message(bytes(3_000_000)))
      assert.deepStrictEqual([large.status, large.text], ["8", "Received message larger than max (3000000 vs. 100000)"])
      const limited = yield* ask(client, message(bytes(90_000)))
      assert.strictEqual(limited.status, "8")
      assert.match(limited.text, /80000 bytes that one request may have.*--grpc-max-request-bytes/)
      const answer = yield* ask(client, message(bytes(60_000)))
      assert.deepStrictEqual([answer.status, answer.text], ["8", "Sent message larger than max (60000 vs. 50000)"])
      const metadata = yield* ask(client, message(bytes(3)), { x: "y".repeat(9000) })
      assert.strictEqual(metadata.status, "8")
      assert.strictEqual((yield* ask(client, message(bytes(3)))).status, "0")
      yield* empty(held)
    }))

  it.live("refuses calls beyond the limits with a time to try again, but not those that are not counted", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const { held, port } = yield* start((call) =>
        call.path === "/health"
          ? call.receiveOne((received) => call.reply([received], received.length, () => {}), false)
          : call.receiveOne(() => call.run(Deferred.await(gate), () => call.reply([], 0, () => {}))), {
        limits: { maxRequests: 2 }
      })
      const client = yield* session(url(port))
      const running = yield* Effect.forkChild(
        Effect.forEach([1, 2], () => ask(client, message(bytes(3))), { concurrency: 2 }),
        { startImmediately: true }
      )
      yield* eventually(held, ([requests]) => requests === 2)
      const refused = yield* ask(client, message(bytes(3)))
      assert.deepStrictEqual([refused.status, refused.headers["grpc-retry-pushback-ms"]], ["14", "1000"])
      assert.match(refused.text, /holds 2 requests.*--grpc-max-inflight-requests/)
      assert.strictEqual((yield* ask(client, message(bytes(3)), { ":path": "/health" })).status, "0")
      assert.strictEqual((yield* ask(client, message(bytes(70_000)), { ":path": "/health" })).status, "8")
      yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual((yield* Fiber.join(running)).map(({ status }) => status), ["0", "0"])
      yield* empty(held)
    }))

  it.live("takes compressed messages, small and large, and answers in a coding that the client takes", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start((call) =>
        call.receiveOne((received) => {
          call.compress(call.metadata.get("want") as "gzip")
          call.reply([received.subarray(0, 1), received.subarray(1)], received.length, () => {})
        })
      )
      const client = yield* session(url(port))
      const coders = {
        gzip: [Zlib.gzipSync, Zlib.gunzipSync],
        deflate: [Zlib.deflateSync, Zlib.inflateSync]
      } as const
      for (const coding of ["gzip", "deflate"] as const) {
        const [coder, decoder] = coders[coding]
        for (const size of [1, 1000, 100_000, 1_000_000]) {
          const body = bytes(size)
          const answer = yield* ask(client, message(coder(body), 1), {
            "grpc-encoding": coding,
            "grpc-accept-encoding": `identity,${coding}`,
            want: coding
          })
          assert.strictEqual(answer.status, "0")
          assert.strictEqual(answer.headers["grpc-encoding"], coding)
          assert.strictEqual(answer.body[0], 1)
          assert.strictEqual(answer.body.readUInt32BE(1), answer.body.length - 5)
          assert.isTrue(decoder(answer.body.subarray(5)).equals(body))
        }
      }
      const plain = yield* ask(client, message(bytes(50)), { "grpc-encoding": "gzip", want: "gzip" })
      assert.isTrue(plain.body.equals(message(bytes(50))))
      assert.isUndefined(plain.headers["grpc-encoding"])
      yield* empty(held)
    }))

  it.live("bounds what a compressed message becomes, and refuses what is corrupt or of an unknown coding", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start(echo, { maxMessageBytes: 1_000_000 })
      const client = yield* session(url(port))
      const gzip = { "grpc-encoding": "gzip" }
      const bomb = yield* ask(client, message(Zlib.gzipSync(Buffer.alloc(50_000_000)), 1), gzip)
      assert.strictEqual(bomb.status, "8")
      assert.match(bomb.text, /larger than max/)
      const small = yield* ask(client, message(Zlib.gzipSync(Buffer.alloc(1_100_000)), 1), gzip)
      assert.strictEqual(small.status, "8")
      for (const body of [bytes(20), bytes(20_000), Zlib.gzipSync(bytes(30_000)).subarray(0, 100)]) {
        const answer = yield* ask(client, message(body, 1), gzip)
        assert.strictEqual(answer.status, "13")
        assert.match(answer.text, /could not be decompressed/)
      }
      const unknown = yield* ask(client, message(bytes(3), 1), { "grpc-encoding": "snappy" })
      assert.deepStrictEqual([unknown.status, unknown.headers["grpc-accept-encoding"]], [
        "12",
        "identity, deflate, gzip"
      ])
      yield* empty(held)
    }))

  it.live("interrupts the work of a call that the client cancels, and gives everything back", () =>
    Effect.gen(function*() {
      let interrupted = 0
      const { held, port } = yield* start((call) =>
        call.receiveOne(() =>
          call.run(Effect.never, (exit) => {
            if (Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)) interrupted++
            call.reply([], 0, () => {})
          })
        )
      )
      const client = yield* connect(port)
      client.call(1, bytes(50_000))
      client.send(
        client.headers(3, callFields()),
        frame(FrameType.data, 0, 3, message(bytes(40_000)).subarray(0, 20_000))
      )
      yield* eventually(held, ([requests]) => requests === 2)
      client.send(frame(FrameType.rstStream, 0, 1, uint32(8)), frame(FrameType.rstStream, 0, 3, uint32(8)))
      yield* empty(held)
      assert.strictEqual(interrupted, 1)
      client.call(5, bytes(50_000))
      yield* eventually(held, ([requests]) => requests === 1)
      client.socket.destroy()
      yield* empty(held)
      assert.strictEqual(interrupted, 2)
    }))

  it.live("lets a client cancel thousands of calls on one connection", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start((call) => call.receiveOne(() => call.run(Effect.never, () => {})))
      const client = yield* connect(port)
      let id = 1
      for (let round = 0; round < 50; round++) {
        for (let i = 0; i < 60; i++, id += 2) {
          client.call(id, bytes(10))
          client.send(frame(FrameType.rstStream, 0, id, uint32(8)))
        }
        yield* Effect.sleep("1 millis")
      }
      client.send(client.headers(id, callFields(), Flag.endHeaders | Flag.endStream))
      yield* client.ended(id)
      assert.isUndefined(client.goAway)
      yield* empty(held)
    }))

  it.live("ends a call at its deadline, whatever it does then", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start((call) => {
        if (call.path === "/silent") return
        call.receiveOne(() => call.run(Effect.never, () => call.reply([], 0, () => {})))
      })
      const client = yield* session(url(port))
      for (const timeout of ["30m", "20000u", "1n", "0S"]) {
        const answer = yield* ask(client, message(bytes(50_000)), { "grpc-timeout": timeout })
        assert.deepStrictEqual([answer.status, answer.text], ["4", "Deadline Exceeded"], timeout)
      }
      assert.strictEqual(
        (yield* ask(client, message(bytes(3)), { ":path": "/silent", "grpc-timeout": "10m" })).status,
        "4"
      )
      for (const timeout of ["", "10", "m", "123456789m", "1 m", "-1m"]) {
        assert.strictEqual((yield* ask(client, message(bytes(3)), { "grpc-timeout": timeout })).status, "13", timeout)
      }
      yield* empty(held)
    }))

  it.live("tells a call its deadline", () =>
    Effect.gen(function*() {
      const seen: Array<number | undefined> = []
      const { port } = yield* start((call) =>
        call.receiveOne(() => {
          seen.push(call.deadline?.millis)
          call.reply([], 0, () => {})
        })
      )
      const client = yield* session(url(port))
      yield* ask(client, message(bytes(3)), { "grpc-timeout": "5S" })
      yield* ask(client, message(bytes(3)))
      assert.deepStrictEqual(seen, [5000, undefined])
    }))

  it.live("answers INTERNAL for a bug and serves on", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start((call) => {
        if (call.path === "/throw") throw new Error("boo")
        call.receiveOne(() =>
          call.run(Effect.die("boo"), (exit) => call.defect((exit as Exit.Failure<never, never>).cause))
        )
      })
      const client = yield* session(url(port))
      for (const path of ["/throw", "/die"]) {
        const answer = yield* ask(client, message(bytes(3)), { ":path": path })
        assert.strictEqual(answer.status, "13")
        assert.match(answer.text, /because of a bug in it/)
      }
      yield* empty(held)
    }))
})

/** Sends back each message, and counts what happens. */
const streaming = () => {
  const events: Array<string> = []
  const receivers: Array<Receiver> = []
  const serve = (call: GrpcCall): void => {
    const receiver = call.receiveMany({
      onMessage: (received, release) => {
        events.push(`message ${received.length}`)
        call.send([received], received.length, release)
      },
      onEnd: () => {
        events.push("end")
        call.finish(0, "")
      },
      onCancel: () => {
        events.push("cancel")
      }
    })
    receivers.push(receiver)
  }
  return { events, receivers, serve }
}

describe("streams of messages", () => {
  it.live("delivers a message for each time it is asked for, and the end after the last", () =>
    Effect.gen(function*() {
      const { events, receivers, serve } = streaming()
      const { held, port } = yield* start(serve)
      const client = yield* connect(port)
      client.send(
        client.headers(1, callFields()),
        frame(
          FrameType.data,
          Flag.endStream,
          1,
          Buffer.concat([message(bytes(3)), message(bytes(0)), message(bytes(20_000))]).subarray(0)
        )
      )
      yield* eventually(() => receivers.length, (count) => count === 1)
      assert.deepStrictEqual(events, [])
      for (const expected of [["message 3"], ["message 3", "message 0"]]) {
        receivers[0]!.more()
        assert.deepStrictEqual(events, expected)
      }
      receivers[0]!.more()
      yield* client.ended(1)
      assert.deepStrictEqual(events, ["message 3", "message 0", "message 20000", "end"])
      assert.strictEqual(client.body(1).length, 20_003 + 15)
      yield* empty(held)
    }))

  it.live("tells a stream that its client went away, and gives back what it held", () =>
    Effect.gen(function*() {
      const { events, receivers, serve } = streaming()
      const { held, port } = yield* start(serve)
      const client = yield* connect(port)
      client.send(
        client.headers(1, callFields()),
        frame(FrameType.data, 0, 1, message(bytes(20_000)).subarray(0, 10_000))
      )
      yield* eventually(() => receivers.length, (count) => count === 1)
      receivers[0]!.more()
      yield* eventually(held, ([requests]) => requests === 1)
      client.send(frame(FrameType.rstStream, 0, 1, uint32(8)))
      yield* empty(held)
      assert.deepStrictEqual(events, ["cancel"])
    }))

  it.live("keeps a client that sends without being read within its window", () =>
    Effect.gen(function*() {
      const { receivers, serve } = streaming()
      const { held, port } = yield* start(serve)
      const client = yield* session(url(port))
      const request = client.request({ ":method": "POST", "content-type": "application/grpc" })
      request.on("error", () => {})
      const body = Buffer.concat(Array.from({ length: 400 }, () => message(bytes(10_000))))
      let written = 0
      request.on("data", () => {})
      request.end(body, () => {
        written = body.length
      })
      yield* eventually(() => receivers.length, (count) => count === 1)
      yield* eventually(() => client.state.remoteWindowSize, (window) => window! <= 16 * 1024 * 1024 - 1_000_000)
      assert.strictEqual(written, 0)
      assert.deepStrictEqual(held(), [0, 0, 0])
      const reading = yield* Effect.forkChild(
        Effect.forever(Effect.andThen(Effect.sync(() => receivers[0]!.more()), Effect.sleep("0 millis")))
      )
      yield* eventually(() => written, (count) => count === body.length)
      yield* Fiber.interrupt(reading)
      request.close()
      yield* empty(held)
    }))

  it.live("gives back a message when it is released, and not before", () =>
    Effect.gen(function*() {
      const releases: Array<() => void> = []
      const { held, port } = yield* start((call) =>
        call.receiveMany({
          onMessage: (_, release) => releases.push(release),
          onEnd: () => {},
          onCancel: () => {}
        }).more()
      )
      const client = yield* connect(port)
      client.send(client.headers(1, callFields()), frame(FrameType.data, 0, 1, message(bytes(20_000))))
      yield* eventually(() => releases.length, (count) => count === 1)
      assert.deepStrictEqual(held().slice(0, 2), [1, 20_000])
      assert.isAbove(held()[2]!, 0)
      releases[0]!()
      releases[0]!()
      assert.deepStrictEqual(held(), [1, 0, 0])
      client.send(frame(FrameType.rstStream, 0, 1, uint32(8)))
      yield* empty(held)
    }))

  it.live("keeps the order of compressed messages in both directions", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start((call) => {
        call.compress("gzip")
        const receiver = call.receiveMany({
          onMessage: (received, release) => {
            call.send([received], received.length, release)
            receiver.more()
          },
          onEnd: () => call.finish(0, ""),
          onCancel: () => {}
        })
        receiver.more()
      })
      const client = yield* session(url(port))
      // Large ones are handled on another thread, small ones at once.
      const sizes = [100_000, 10, 300_000, 50_000, 20, 30, 200_000]
      const messages = sizes.map((size) => randomBytes(size))
      const answer = yield* ask(client, Buffer.concat(messages.map((body) => message(Zlib.gzipSync(body), 1))), {
        "grpc-encoding": "gzip",
        "grpc-accept-encoding": "gzip"
      })
      assert.strictEqual(answer.status, "0")
      let at = 0
      for (const body of messages) {
        const length = answer.body.readUInt32BE(at + 1)
        assert.strictEqual(answer.body[at], 1)
        assert.isTrue(Zlib.gunzipSync(answer.body.subarray(at + 5, at + 5 + length)).equals(body))
        at += 5 + length
      }
      assert.strictEqual(at, answer.body.length)
      yield* empty(held)
    }))

  it.live("ends a stream whose last message takes time to decompress", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start((call) =>
        call.receiveMany({
          onMessage: (received) => call.send([received], received.length, () => {}),
          onEnd: () => call.finish(0, ""),
          onCancel: () => {}
        }).more()
      )
      const client = yield* session(url(port))
      const body = randomBytes(100_000)
      const answer = yield* ask(client, message(Zlib.gzipSync(body), 1), { "grpc-encoding": "gzip" })
      assert.strictEqual(answer.status, "0")
      assert.isTrue(answer.body.equals(message(body)))
      yield* empty(held)
    }))

  it.live("says when a client reads slowly, and when it has read", () =>
    Effect.gen(function*() {
      let full = 0
      let drained = 0
      let sent = 0
      const { held, port } = yield* start((call) =>
        call.receiveMany({
          onMessage: () => {},
          onEnd: () => {
            call.onDrain = () => {
              drained++
              call.finish(0, "")
            }
            while (call.send([bytes(50_000)], 50_000, () => sent++)) full++
          },
          onCancel: () => {}
        }).more()
      )
      const client = yield* connect(port)
      client.send(client.headers(1, callFields(), Flag.endHeaders | Flag.endStream))
      yield* client.until(() => client.body(1).length === 65_535)
      assert.strictEqual(full, 5)
      assert.deepStrictEqual([drained, sent], [0, 1])
      client.send(
        frame(FrameType.windowUpdate, 0, 0, uint32(10_000_000)),
        frame(FrameType.windowUpdate, 0, 1, uint32(10_000_000))
      )
      yield* client.ended(1)
      assert.strictEqual(drained, 1)
      yield* eventually(() => sent, (count) => count === full + 1)
      yield* empty(held)
    }))
})

describe("life of the gRPC listener", () => {
  it.live("answers what is in flight when its scope closes, and tells clients to go", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const gate = yield* Deferred.make<void>()
      let closing: boolean | undefined = undefined
      const { held, port } = yield* Scope.provide(
        start((call) =>
          call.receiveOne(() => {
            closing = call.closing
            call.run(call.closing ? Effect.void : Deferred.await(gate), () => call.reply([], 0, () => {}))
          })
        ),
        scope
      )
      const idle = yield* connect(port)
      idle.call(1, bytes(1).subarray(1))
      const busy = yield* connect(port)
      busy.call(1, bytes(50_000))
      yield* eventually(held, ([requests]) => requests === 2)
      idle.send(frame(FrameType.rstStream, 0, 1, uint32(8)))
      yield* eventually(held, ([requests]) => requests === 1)
      const stop = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* idle.until(({ closed, goAway }) => closed && goAway?.code === 0 && goAway.last === 1)
      yield* busy.until(({ goAway }) => goAway?.last === 2 ** 31 - 1)
      busy.call(3, bytes(3))
      yield* busy.ended(3)
      assert.strictEqual(closing, true)
      busy.send(frame(FrameType.ping, Flag.ack, 0, busy.of(FrameType.ping)[0]!.payload))
      yield* busy.until(({ goAway }) => goAway?.last === 3)
      yield* Deferred.succeed(gate, undefined)
      yield* busy.until(({ closed }) => closed)
      assert.strictEqual(busy.trailers(1)?.["grpc-status"], "0")
      yield* Fiber.join(stop)
      assert.deepStrictEqual(held(), [0, 0, 0])
    }))

  it.live("interrupts what has not ended when the exit timeout is over", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { held, port } = yield* Scope.provide(
        start((call) => call.receiveOne(() => call.run(Effect.never, () => {})), { exitTimeout: 50 }),
        scope
      )
      const client = yield* connect(port)
      client.call(1, bytes(50_000))
      yield* eventually(held, ([requests]) => requests === 1)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(held(), [0, 0, 0])
      yield* client.until(({ closed }) => closed)
    }))

  it.live("says in words why it cannot listen", () =>
    Effect.gen(function*() {
      const { port } = yield* start(echo)
      const taken = yield* Effect.flip(start(echo, { port }))
      assert.strictEqual(
        taken.message,
        `failed to start GRPC service: Unavailable - Socket '127.0.0.1:${port}' already in use`
      )
      const tls = yield* Effect.flip(start(echo, { tls: unchanging({ cert: "no", key: "no" }) }))
      assert.match(
        tls.message,
        /^failed to start GRPC service: Invalid argument - the certificate or key cannot be used/
      )
    }))

  it.live("closes connections that do not greet, are idle, or stop within a message", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start(echo, { handshakeTimeout: 1000, idleTimeout: 1000, bodyTimeout: 500 })
      const silent = yield* connect(port, false)
      yield* silent.until(({ closed }) => closed)
      assert.strictEqual(silent.frames.length, 0)
      const idle = yield* connect(port)
      yield* idle.until(({ closed, goAway }) => closed && goAway?.code === 0)
      const stalled = yield* connect(port)
      stalled.send(
        stalled.headers(1, callFields()),
        frame(FrameType.data, 0, 1, message(bytes(40_000)).subarray(0, 30_000))
      )
      assert.strictEqual((yield* stalled.ended(1))["grpc-status"], "1")
      yield* empty(held)
    }))

  it.live("tells clients of HTTP/1 which protocol it speaks, and outlives any other beginning", () =>
    Effect.gen(function*() {
      const { port } = yield* start(echo)
      const old = yield* connect(port, false)
      let text = ""
      old.socket.prependListener("data", (chunk: Buffer) => {
        text += chunk.toString()
      })
      old.send(Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
      yield* old.until(({ closed }) => closed)
      assert.match(text, /^HTTP\/1.1 505 .*HTTP\/2 only/s)
      for (
        const beginning of ["\n", "P", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r", "\0", "GET", "PRI * HTTP/2.0\r\n\r\nSM\r\n\rx"]
      ) {
        const other = yield* connect(port, false)
        other.send(Buffer.from(beginning))
        other.socket.end()
        yield* other.until(({ closed }) => closed)
      }
      const good = yield* connect(port)
      good.call(1, bytes(1))
      yield* good.ended(1)
    }))

  it.live("gives up an answer that its client does not read", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start(echo, { bodyTimeout: 500 })
      const windowed = yield* connect(port)
      windowed.call(1, bytes(100_000))
      yield* windowed.until((client) => client.reset(1) === 8)
      yield* empty(held)
      const answer = bytes(15_000_000)
      const large = yield* start((call) => call.receiveOne(() => call.reply([answer], answer.length, () => {})), {
        bodyTimeout: 500
      })
      const deaf = yield* connect(large.port)
      deaf.send(settings(Setting.initialWindowSize, 2 ** 30), frame(FrameType.windowUpdate, 0, 0, uint32(2 ** 30)))
      deaf.socket.pause()
      deaf.call(1, bytes(20))
      yield* eventually(large.held, ([requests]) => requests === 1)
      yield* empty(large.held)
    }))

  it.live("closes the connections beyond the bound at once", () =>
    Effect.gen(function*() {
      const { port } = yield* start(echo, { maxConnections: 1 })
      const first = yield* connect(port)
      first.call(1, bytes(1))
      yield* first.ended(1)
      const second = yield* connect(port)
      yield* second.until(({ closed }) => closed)
      first.call(3, bytes(1))
      yield* first.ended(3)
    }))

  it.live("ends connections of a certain age after their last answer, or cuts them", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const { held, port } = yield* start(
        (call) => call.receiveOne(() => call.run(Deferred.await(gate), () => call.reply([], 0, () => {}))),
        { maxConnectionAge: 500, maxConnectionAgeGrace: 500 }
      )
      const client = yield* connect(port)
      client.call(1, bytes(1))
      yield* client.until(({ goAway }) => goAway?.code === 0)
      assert.isFalse(client.closed)
      yield* client.until(({ closed }) => closed)
      assert.isUndefined(client.trailers(1))
      yield* empty(held)
    }))

  it.live("pings a silent client and cuts it when it does not answer", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start((call) => call.receiveOne(() => call.run(Effect.never, () => {})), {
        keepAlive: { time: 60, timeout: 1000 }
      })
      const client = yield* connect(port)
      client.call(1, bytes(1))
      yield* client.until(() => client.of(FrameType.ping).length === 1)
      client.send(frame(FrameType.ping, Flag.ack, 0, client.of(FrameType.ping)[0]!.payload))
      yield* client.until(() => client.of(FrameType.ping).length === 2)
      yield* client.until(({ closed }) => closed)
      yield* empty(held)
    }))

  it.live("ends the connection of a client that pings too often", () =>
    Effect.gen(function*() {
      const { port } = yield* start(echo)
      const client = yield* connect(port)
      const ping = frame(FrameType.ping, 0, 0, bytes(8))
      for (let i = 0; i < 4; i++) {
        client.send(ping, ping, ping)
        client.call(1 + 2 * i, bytes(1))
        yield* client.ended(1 + 2 * i)
      }
      assert.isUndefined(client.goAway)
      client.send(ping, ping, ping, ping)
      yield* client.until(({ closed }) => closed)
      assert.deepStrictEqual(client.goAway, { last: 7, code: 11, text: "too_many_pings" })
    }))
})
