import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { GrpcCall } from "../../../src/layers/frontend/internal/grpc/Call.ts"
import { ErrorCode, Flag, FrameType, Setting } from "../../../src/layers/frontend/internal/http2/Frame.ts"
import { empty, eventually } from "../http/Wire.ts"
import { callFields, connect, echo, frame, message, settings, start, uint32 } from "./Wire.ts"

const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff))

const windowUpdate = (stream: number, by: number): Buffer => frame(FrameType.windowUpdate, 0, stream, uint32(by))

/** Answers with as many bytes as the path says. */
const sized = (call: GrpcCall): void =>
  call.receiveOne(() => {
    const answer = bytes(Number(call.path.slice(1)))
    call.reply([answer], answer.length, () => {})
  })

const request = (size: number): ReadonlyArray<string> => callFields([], `/${size}`)
const noBody = message(Buffer.alloc(0))

describe("frames", () => {
  it.live("never sends more than the windows allow, however they are opened", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start(sized)
      const client = yield* connect(port, false)
      client.greet(Setting.initialWindowSize, 1)
      client.send(client.headers(1, request(1000)), frame(FrameType.data, Flag.endStream, 1, noBody))
      let allowed = 1
      const steps = [1, 3, 2, 50, 1, 7, 400]
      for (const step of steps) {
        yield* client.until(() => client.body(1).length >= allowed)
        assert.strictEqual(client.body(1).length, allowed)
        assert.isUndefined(client.trailers(1))
        client.send(windowUpdate(1, step))
        allowed += step
      }
      // Below nothing: 465 bytes were allowed, and 465 more than the new size were taken.
      yield* client.until(() => client.body(1).length === allowed)
      client.send(settings(Setting.initialWindowSize, 0), windowUpdate(1, 1), frame(FrameType.ping, 0, 0, bytes(8)))
      yield* client.until(() => client.of(FrameType.ping).length === 1)
      assert.strictEqual(client.body(1).length, allowed)
      client.send(settings(Setting.initialWindowSize, 1))
      yield* client.until(() => client.body(1).length === allowed + 1)
      client.send(settings(Setting.initialWindowSize, 10_000))
      yield* client.ended(1)
      assert.isTrue(client.body(1).subarray(5).equals(bytes(1000)))
      yield* empty(held)
    }))

  it.live("shares the window of the connection between streams, and obeys the bound on frames", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start(sized)
      const client = yield* connect(port, false)
      client.greet(Setting.initialWindowSize, 1_000_000, Setting.maxFrameSize, 20_000)
      for (const id of [1, 3, 5]) {
        client.send(client.headers(id, request(100_000)), frame(FrameType.data, Flag.endStream, id, noBody))
      }
      const lengths = () => [1, 3, 5].map((id) => client.body(id).length)
      yield* client.until(() => lengths().reduce((a, b) => a + b) === 65_535)
      for (const length of lengths()) assert.isAtLeast(length, 5535)
      client.send(windowUpdate(0, 60_000))
      yield* client.until(() => lengths().reduce((a, b) => a + b) === 125_535)
      for (const length of lengths()) assert.isAtLeast(length, 25_000)
      client.send(windowUpdate(0, 1_000_000))
      for (const id of [1, 3, 5]) yield* client.ended(id)
      assert.deepStrictEqual(lengths(), [100_005, 100_005, 100_005])
      assert.isAtMost(Math.max(...client.of(FrameType.data).map(({ payload }) => payload.length)), 20_000)
      assert.isAtLeast(Math.max(...client.of(FrameType.data).map(({ payload }) => payload.length)), 19_000)
      yield* empty(held)
    }))

  it.live("lets small answers pass a large one that waits for its window", () =>
    Effect.gen(function*() {
      const { port } = yield* start(sized)
      const client = yield* connect(port, false)
      client.greet(Setting.initialWindowSize, 100)
      client.send(client.headers(1, request(100_000)), frame(FrameType.data, Flag.endStream, 1, noBody))
      client.send(client.headers(3, request(10)), frame(FrameType.data, Flag.endStream, 3, noBody))
      yield* client.ended(3)
      assert.strictEqual(client.body(1).length, 100)
    }))

  it.live("sends a large answer to its end without being asked again", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start(sized)
      const client = yield* connect(port, false)
      client.greet(Setting.initialWindowSize, 2 ** 30)
      client.send(windowUpdate(0, 2 ** 30))
      client.send(client.headers(1, request(12_000_000)), frame(FrameType.data, Flag.endStream, 1, noBody))
      yield* client.ended(1)
      assert.isTrue(client.body(1).subarray(5).equals(bytes(12_000_000)))
      yield* empty(held)
    }))

  it.live("opens its windows as bytes are taken, and at once for a large message", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start((call) =>
        call.receiveOne((received) => {
          const sum = Buffer.from(String(received.reduce((a, b) => a + b, 0)))
          call.reply([sum], sum.length, () => {})
        })
      )
      const client = yield* connect(port)
      yield* client.until(() => client.of(FrameType.windowUpdate, 0).length === 1)
      assert.strictEqual(client.of(FrameType.windowUpdate, 0)[0]!.payload.readUInt32BE(), 16 * 1024 * 1024 - 65_535)
      const body = bytes(9_000_000)
      const whole = message(body)
      client.send(client.headers(1, callFields()), frame(FrameType.data, 0, 1, whole.subarray(0, 1000)))
      yield* client.until(() => client.of(FrameType.windowUpdate, 1).length === 1)
      const more = client.of(FrameType.windowUpdate, 1)[0]!.payload.readUInt32BE()
      assert.isAtLeast(1024 * 1024 - 1000 + more, whole.length - 1000)
      for (let at = 1000; at < whole.length; at += 1_000_000) {
        const end = Math.min(whole.length, at + 1_000_000)
        client.send(frame(FrameType.data, end === whole.length ? Flag.endStream : 0, 1, whole.subarray(at, end)))
      }
      yield* client.ended(1)
      assert.strictEqual(client.body(1).subarray(5).toString(), String(body.reduce((a, b) => a + b, 0)))
      const opened = client.of(FrameType.windowUpdate, 0).slice(1).reduce(
        (sum, { payload }) => sum + payload.readUInt32BE(),
        0
      )
      assert.isAtLeast(opened, whole.length - 4 * 1024 * 1024)
      yield* empty(held)
    }))

  it.live("gives the window of the connection back for streams that are gone, and for padding", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start((call) => call.receiveOne(() => call.reply([], 0, () => {})))
      const client = yield* connect(port)
      // 24 MB in all, on streams that were refused at their first message.
      const large = Buffer.alloc(1_000_000)
      large[0] = 2
      for (let id = 1; id < 49; id += 2) {
        client.send(client.headers(id, callFields()), frame(FrameType.data, 0, id, large))
        yield* client.ended(id)
      }
      // 8 MB of padding.
      const padded = frame(FrameType.data, Flag.padded, 101, Buffer.concat([Buffer.from([255]), Buffer.alloc(255)]))
      client.send(client.headers(101, callFields()))
      for (let i = 0; i < 32; i++) {
        client.send(...Array.from({ length: 1000 }, () => padded))
        yield* Effect.sleep("0 millis")
      }
      client.send(frame(FrameType.data, Flag.endStream, 101, noBody))
      yield* client.until(() => client.trailers(101) !== undefined || client.goAway !== undefined)
      assert.strictEqual(client.trailers(101)?.["grpc-status"], "0")
      yield* empty(held)
    }))

  it.live("resets a stream, or ends a connection, that sends more than its window", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start((call) => {
        if (call.path === "/never") call.receiveMany({ onMessage: () => {}, onEnd: () => {}, onCancel: () => {} })
      })
      const client = yield* connect(port)
      const part = Buffer.alloc(600_000)
      client.send(
        client.headers(1, callFields([], "/never")),
        frame(FrameType.data, 0, 1, part),
        frame(FrameType.data, 0, 1, part)
      )
      yield* client.until(() => client.reset(1) === ErrorCode.flowControlError)
      for (let id = 3; id < 70; id += 2) {
        client.send(client.headers(id, callFields([], "/never")), frame(FrameType.data, 0, id, part))
      }
      yield* client.until(({ goAway }) => goAway?.code === ErrorCode.flowControlError)
      yield* empty(held)
    }))

  it.live("refuses streams beyond the bound, which can be tried again", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start((call) => call.receiveOne(() => call.run(Effect.never, () => {})), {
        maxConcurrentStreams: 2
      })
      const client = yield* connect(port)
      for (const id of [1, 3, 5]) client.call(id, bytes(1))
      yield* client.until(() => client.reset(5) === ErrorCode.refusedStream)
      client.send(frame(FrameType.rstStream, 0, 1, uint32(8)))
      yield* eventually(held, ([requests]) => requests === 1)
      client.call(7, bytes(1))
      yield* eventually(held, ([requests]) => requests === 2)
      assert.isUndefined(client.reset(7))
    }))

  it.live("ignores what a client sends on a stream that was answered early", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start((call) => call.finish(3, "no"))
      const client = yield* connect(port)
      client.send(client.headers(1, callFields()))
      yield* client.ended(1)
      assert.strictEqual(client.reset(1), ErrorCode.noError)
      client.send(frame(FrameType.data, 0, 1, bytes(1000)), frame(FrameType.data, Flag.endStream, 1, bytes(10)))
      client.send(client.headers(1, ["x", "y"], Flag.endHeaders | Flag.endStream))
      client.send(client.headers(3, callFields()))
      yield* client.ended(3)
      assert.strictEqual(client.of(FrameType.rstStream, 1).length, 1)
      assert.isUndefined(client.goAway)
      yield* empty(held)
    }))

  it.live("reads header blocks in any number of pieces, and repeated ones", () =>
    Effect.gen(function*() {
      const paths: Array<string> = []
      const { port } = yield* start((call) => {
        paths.push(`${call.path} ${call.metadata.get("x")} ${call.metadata.get("y")}`)
        call.finish(0, "")
      })
      const client = yield* connect(port)
      const fields = callFields(["x", "1", "y", "2", "x", "3"])
      const block = client.headers(1, fields).subarray(9)
      client.send(frame(FrameType.headers, Flag.endStream, 1, block.subarray(0, 0)))
      for (let at = 0; at < block.length; at += 20) {
        const end = Math.min(block.length, at + 20)
        client.send(
          frame(FrameType.continuation, end === block.length ? Flag.endHeaders : 0, 1, block.subarray(at, end))
        )
      }
      yield* client.ended(1)
      for (const id of [3, 5, 7]) {
        const priority = id === 5 ? Buffer.concat([Buffer.from([3]), uint32(1), Buffer.from([9])]) : Buffer.alloc(0)
        const flags = Flag.endStream | Flag.endHeaders | (id === 5 ? Flag.padded | Flag.priority : 0)
        client.send(
          frame(FrameType.headers, flags, id, Buffer.concat([priority, block, Buffer.alloc(id === 5 ? 3 : 0)]))
        )
        yield* client.ended(id)
      }
      assert.deepStrictEqual(paths, Array.from({ length: 4 }, () => "/test.Test/Echo 1,3 2"))
    }))

  it.live("bounds what costs it much and brings the client nothing", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start((call) => call.receiveOne(() => call.reply([], 0, () => {})))
      const floods: ReadonlyArray<readonly [string, (id: number) => Uint8Array]> = [
        ["ping", () => frame(FrameType.ping, Flag.ack, 0, bytes(8))],
        ["settings", () => settings(Setting.headerTableSize, 4096)],
        ["priority", () => frame(FrameType.priority, 0, 1, Buffer.concat([uint32(3), Buffer.from([1])]))],
        ["unknown", () => frame(77, 0, 0, bytes(3))],
        ["empty data", () => frame(FrameType.data, 0, 1, Buffer.alloc(0))]
      ]
      for (const [name, flood] of floods) {
        const client = yield* connect(port)
        client.send(client.headers(1, callFields()))
        // Its allowance grows with time, so how many it takes depends on how quick this machine is.
        for (let i = 0; client.goAway === undefined && !client.closed; i++) {
          client.send(...Array.from({ length: 300 }, (_, j) => flood(i * 300 + j)))
          yield* Effect.sleep("0 millis")
        }
        yield* client.until(({ closed }) => closed)
        assert.strictEqual(client.goAway?.code, ErrorCode.enhanceYourCalm, name)
      }
      yield* empty(held)
    }))

  it.live("ends a connection that opens and resets streams without end", () =>
    Effect.gen(function*() {
      const { held, port } = yield* start((call) => call.receiveOne(() => call.run(Effect.never, () => {})))
      const client = yield* connect(port)
      let id = 1
      while (client.goAway === undefined && !client.closed) {
        const frames: Array<Uint8Array> = []
        for (let j = 0; j < 300; j++, id += 2) {
          frames.push(client.headers(id, callFields()), frame(FrameType.rstStream, 0, id, uint32(8)))
        }
        client.send(...frames)
        yield* Effect.sleep("0 millis")
      }
      yield* client.until(({ closed }) => closed)
      assert.strictEqual(client.goAway?.code, ErrorCode.enhanceYourCalm)
      assert.isAbove(id, 40_000)
      yield* empty(held)
    }))

  it.live("ends a connection whose header block does not end", () =>
    Effect.gen(function*() {
      const { port } = yield* start(echo)
      const many = yield* connect(port)
      many.send(frame(FrameType.headers, 0, 1, Buffer.from([0x82])))
      for (let i = 0; i < 40; i++) many.send(frame(FrameType.continuation, 0, 1, Buffer.from([0x84])))
      yield* many.until(({ goAway }) => goAway?.code === ErrorCode.enhanceYourCalm)
      const large = yield* connect(port)
      large.send(frame(FrameType.headers, 0, 1, Buffer.alloc(16_000)))
      for (let i = 0; i < 3; i++) large.send(frame(FrameType.continuation, 0, 1, Buffer.alloc(16_000)))
      yield* large.until(({ goAway }) => goAway?.code === ErrorCode.enhanceYourCalm)
    }))

  it.live("cuts a client that asks and never reads, though no call waits for it", () =>
    Effect.gen(function*() {
      const { port } = yield* start((call) => call.finish(3, "x".repeat(5000)), { bodyTimeout: 80, maxConnections: 1 })
      const deaf = yield* connect(port)
      deaf.socket.pause()
      for (let i = 0; i < 6000; i++) {
        deaf.send(deaf.headers(1 + 2 * i, callFields(), Flag.endHeaders | Flag.endStream))
      }
      let served = false
      while (!served) {
        served = yield* Effect.scoped(Effect.gen(function*() {
          const next = yield* connect(port)
          next.send(next.headers(1, callFields(), Flag.endHeaders | Flag.endStream))
          yield* next.until(({ closed }) => closed || next.trailers(1) !== undefined)
          return next.trailers(1) !== undefined
        }))
        yield* Effect.sleep("10 millis")
      }
    }))

  it.live("stops reading a client that does not read, and goes on when it does", () =>
    Effect.gen(function*() {
      let calls = 0
      const { held, port } = yield* start((call) => {
        calls++
        call.finish(3, "x".repeat(5000))
      })
      const client = yield* connect(port)
      client.socket.pause()
      const count = 6000
      for (let i = 0; i < count; i++) {
        client.send(client.headers(1 + 2 * i, callFields(), Flag.endHeaders | Flag.endStream))
      }
      yield* eventually(() => calls, (seen) => seen > 300)
      let before = 0
      while (before !== calls) {
        before = calls
        yield* Effect.sleep("50 millis")
      }
      assert.isBelow(calls, count)
      client.socket.resume()
      yield* client.ended(1 + 2 * (count - 1))
      assert.strictEqual(calls, count)
      yield* empty(held)
    }))
})
