import { assert, describe, it } from "@effect/vitest"
import type { GrpcCall } from "../../../src/layers/frontend/internal/grpc/Call.ts"
import { FrameType } from "../../../src/layers/frontend/internal/http2/Frame.ts"
import { frame, framesOf, uint32 } from "../../integration/grpc/Wire.ts"
import { open } from "./FakeConnection.ts"

describe("ServerCall", () => {
  it("gives memory back when its bytes have left, and not before", () => {
    let sent = 0
    const { call, connection, held, socket } = open((call) =>
      call.receiveOne((received) => call.reply([received], received.length, () => sent++))
    )
    call(Buffer.alloc(300_000))
    connection.flush()
    assert.strictEqual(connection.streams.size, 0)
    assert.isAtLeast(socket.written.reduce((sum, { length }) => sum + length, 0), 300_000)
    assert.strictEqual(sent, 0)
    assert.isAtLeast(held()[2]!, 300_000)
    assert.strictEqual(held()[0], 1)
    socket.take()
    assert.strictEqual(sent, 1)
    assert.deepStrictEqual(held(), [0, 0, 0, 0])
  })

  it("gives memory back as soon as it is copied for a socket that takes it, which gets the bytes of before", () => {
    let sent = 0
    const { call, connection, held, socket } = open((call) =>
      call.receiveOne((received) => {
        call.reply([received], received.length, () => {
          sent++
          received.fill(0xee)
        })
      })
    )
    connection.flush()
    socket.take()
    socket.written.length = 0
    socket.eager = true
    const body = Buffer.from(Array.from({ length: 700_000 }, (_, i) => (i * 7 + (i >> 8)) & 0x7f))
    call(body)
    connection.flush()
    assert.strictEqual(sent, 1)
    assert.deepStrictEqual(held(), [0, 0, 0, 0])
    const frames = framesOf(Buffer.concat(socket.written)).filter(({ type }) => type === FrameType.data)
    assert.isAbove(frames.length, 1)
    assert.isTrue(Buffer.concat(frames.map(({ payload }) => payload)).subarray(5).equals(body))
  })

  it("opens no window for a call that takes one message once there is room for it", () => {
    const opened = (serve: (call: GrpcCall) => void): number => {
      const { call, connection, socket } = open(serve)
      call(Buffer.alloc(600_000))
      connection.flush()
      return framesOf(Buffer.concat(socket.written)).filter(({ stream, type }) =>
        type === FrameType.windowUpdate && stream === 1
      ).length
    }
    assert.strictEqual(opened((call) => call.receiveOne(() => call.finish(0, ""))), 0)
    assert.strictEqual(
      opened((call) => call.receiveMany({ onMessage: () => {}, onEnd: () => {}, onCancel: () => {} }).more()),
      1
    )
  })

  it("changes nothing that waits in a socket when another connection sends", () => {
    const connections = [1, 2, 3].map((fill) => ({
      fill,
      ...open((call) =>
        call.receiveOne((received) => call.reply([received], received.length, () => received.fill(0xee)))
      )
    }))
    for (const { connection, socket } of connections) {
      connection.flush()
      socket.take()
      socket.written.length = 0
    }
    connections[1]!.socket.eager = true
    for (const { call, connection, fill } of connections) {
      call(Buffer.alloc(300_000, fill))
      connection.flush()
    }
    for (const { connection, fill, held, socket } of connections) {
      socket.take()
      connection.flush()
      socket.take()
      assert.isFalse(socket.spoilt)
      const frames = framesOf(Buffer.concat(socket.written)).filter(({ type }) => type === FrameType.data)
      assert.isTrue(Buffer.concat(frames.map(({ payload }) => payload)).subarray(5).equals(Buffer.alloc(300_000, fill)))
      assert.deepStrictEqual(held(), [0, 0, 0, 0])
    }
  })

  it("leaves the rest of a large answer to the next turn, in which others have theirs", () => {
    let sent = 0
    const { call, connection, held, socket } = open((call) =>
      call.receiveOne((received) => call.reply([received, received, received], 3 * received.length, () => sent++))
    )
    connection.flush()
    socket.take()
    socket.written.length = 0
    socket.eager = true
    call(Buffer.alloc(833_000))
    const bytes = () => socket.written.reduce((sum, { length }) => sum + length, 0)
    for (const [least, most] of [[1_000_000, 1_200_000], [2_000_000, 2_300_000], [2_499_000, 2_600_000]] as const) {
      connection.flush()
      assert.isAtLeast(bytes(), least)
      assert.isAtMost(bytes(), most)
    }
    assert.strictEqual(sent, 1)
    assert.deepStrictEqual(held(), [0, 0, 0, 0])
  })

  it("gives memory back when the connection breaks before its bytes left", () => {
    let sent = 0
    const { call, held, socket } = open((call) =>
      call.receiveOne((received) => call.reply([received], received.length, () => sent++))
    )
    call(Buffer.alloc(300_000))
    assert.strictEqual(held()[0], 1)
    socket.destroy()
    assert.strictEqual(sent, 1)
    assert.deepStrictEqual(held(), [0, 0, 0, 0])
  })

  it("keeps the memory of a cancelled answer until what was written of it has left", () => {
    for (const flushes of [true, false]) {
      let sent = 0
      const { call, connection, held, receive, socket } = open((call) =>
        call.receiveOne((received) => call.send([received], received.length, () => sent++))
      )
      call(Buffer.alloc(900_000))
      connection.flush()
      assert.strictEqual(connection.streams.size, 1)
      receive(frame(FrameType.rstStream, 0, 1, uint32(8)))
      assert.strictEqual(connection.streams.size, 0)
      if (flushes) connection.flush()
      assert.deepStrictEqual([sent, held()[0]], [0, 1])
      socket.take()
      assert.strictEqual(sent, 1)
      assert.deepStrictEqual(held(), [0, 0, 0, 0])
    }
  })

  it("lets a small message go as soon as it is copied", () => {
    let sent = 0
    const { call, held } = open((call) =>
      call.receiveOne((received) => call.reply([received], received.length, () => sent++))
    )
    call(Buffer.alloc(3000))
    assert.strictEqual(sent, 1)
    assert.deepStrictEqual(held(), [0, 0, 0, 0])
  })

  it("waits for its deadline no longer than it lasts", () => {
    const calls: Array<GrpcCall> = []
    const { call, deadlines, held } = open((call) => calls.push(call))
    call(Buffer.alloc(10), ["grpc-timeout", "1H"])
    assert.strictEqual(deadlines.size, 1)
    calls[0]!.finish(0, "")
    assert.strictEqual(deadlines.size, 0)
    assert.strictEqual(held()[3], 0)
  })

  it("keeps a region until the call is over", () => {
    const calls: Array<GrpcCall> = []
    const { call } = open((call) => calls.push(call))
    call(Buffer.alloc(10))
    let released = 0
    const region = { bytes: new Uint8Array(new SharedArrayBuffer(1)), release: () => released++ }
    calls[0]!.hold(region)
    assert.strictEqual(released, 0)
    calls[0]!.finish(0, "")
    assert.strictEqual(released, 1)
    calls[0]!.hold(region)
    assert.strictEqual(released, 2)
  })

  it("ends once, and drops what comes after", () => {
    const calls: Array<GrpcCall> = []
    const { call, connection, socket } = open((call) => calls.push(call))
    call(Buffer.alloc(10))
    connection.flush()
    const before = socket.written.length
    calls[0]!.finish(0, "")
    calls[0]!.finish(13, "again")
    let sent = 0
    assert.isTrue(calls[0]!.send([Buffer.alloc(10)], 10, () => sent++))
    calls[0]!.reply([Buffer.alloc(10)], 10, () => sent++)
    connection.flush()
    assert.strictEqual(sent, 2)
    assert.strictEqual(socket.written.length, before + 1)
    assert.isTrue(calls[0]!.settled)
  })
})
