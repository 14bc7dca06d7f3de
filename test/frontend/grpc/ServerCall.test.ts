import { assert, describe, it } from "@effect/vitest"
import type { GrpcCall } from "../../../src/layers/frontend/internal/grpc/Call.ts"
import { FrameType } from "../../../src/layers/frontend/internal/http2/Frame.ts"
import { frame, uint32 } from "../../integration/grpc/Wire.ts"
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
