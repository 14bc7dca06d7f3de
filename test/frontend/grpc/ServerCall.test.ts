import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { EventEmitter } from "node:events"
import type { Socket } from "node:net"
import * as SharedTensorMemory from "../../../src/layers/execution/SharedTensorMemory.ts"
import type { GrpcCall } from "../../../src/layers/frontend/internal/grpc/Call.ts"
import { CallHead } from "../../../src/layers/frontend/internal/grpc/CallHead.ts"
import { Deadlines } from "../../../src/layers/frontend/internal/grpc/Deadlines.ts"
import { ServerCall } from "../../../src/layers/frontend/internal/grpc/ServerCall.ts"
import { Connection } from "../../../src/layers/frontend/internal/http2/Connection.ts"
import { Flag, FrameType, preface, Setting } from "../../../src/layers/frontend/internal/http2/Frame.ts"
import { Fields, HpackEncoder } from "../../../src/layers/frontend/internal/http2/HpackEncoder.ts"
import { InFlight } from "../../../src/layers/frontend/internal/InFlight.ts"
import { callFields, frame, message, settings, uint32 } from "../../integration/grpc/Wire.ts"

/** A socket whose writes are done when the test says so. */
class FakeSocket extends EventEmitter {
  readonly written: Array<Uint8Array> = []
  private callbacks: Array<() => void> = []
  cork(): void {}
  uncork(): void {}
  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {
    this.take()
    this.emit("close")
  }
  write(bytes: Uint8Array, done?: () => void): boolean {
    this.written.push(bytes)
    if (done !== undefined) this.callbacks.push(done)
    return true
  }
  /** The operating system takes what was written. */
  take(): void {
    for (const done of this.callbacks.splice(0)) done()
  }
}

const open = (serve: (call: GrpcCall) => void) => {
  const socket = new FakeSocket()
  const memory = SharedTensorMemory.make()
  const deadlines = new Deadlines()
  const inFlight = new InFlight({ protocol: "grpc", maxRequests: 10, maxBytes: 1e7, maxRequestBytes: 1e7 })
  let left = 0
  const connection = new Connection(socket as unknown as Socket, {
    maxConcurrentStreams: 10,
    maxHeaderListBytes: 8192,
    pings: { minInterval: 1000, maxStrikes: 2, permitWithoutStreams: true },
    onDefect: (thrown) => {
      throw thrown
    },
    onRequest: (stream, head) =>
      serve(
        new ServerCall(stream, CallHead.of(head), {
          inFlight,
          memory,
          deadlines,
          maxMessageBytes: 1e7,
          maxSendMessageBytes: 1e7,
          fork: Effect.runFork,
          closing: () => false,
          left: () => left++,
          report: () => {}
        })
      )
  })
  const encoder = new HpackEncoder()
  const receive = (...frames: ReadonlyArray<Uint8Array>) => socket.emit("data", Buffer.concat(frames))
  receive(
    preface,
    settings(Setting.initialWindowSize, 1e7, Setting.maxFrameSize, 1e6),
    frame(FrameType.windowUpdate, 0, 0, uint32(1e7))
  )
  return {
    connection,
    deadlines,
    receive,
    socket,
    call: (body: Uint8Array, more: ReadonlyArray<string> = []) =>
      receive(
        frame(FrameType.headers, Flag.endHeaders, 1, encoder.encode(new Fields(callFields(more)))),
        frame(FrameType.data, Flag.endStream, 1, message(body))
      ),
    held: () => [inFlight.requests, inFlight.bytes, memory.usage().inUse, 1 - left]
  }
}

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
