/** A connection without a network: what it receives, and what its socket takes, is up to the test. */
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
export class FakeSocket extends EventEmitter {
  readonly written: Array<Uint8Array> = []
  /** Bytes changed after they were written and before they were taken. */
  spoilt = false
  private waiting: Array<{ readonly bytes: Uint8Array; readonly copy: Buffer; readonly done: () => void }> = []
  cork(): void {}
  uncork(): void {}
  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {
    this.take()
    this.emit("close")
  }
  write(bytes: Uint8Array, done: () => void = () => {}): boolean {
    this.written.push(bytes)
    this.waiting.push({ bytes, copy: Buffer.from(bytes), done })
    return true
  }
  /** The operating system takes what was written. */
  take(): void {
    for (const { bytes, copy, done } of this.waiting.splice(0)) {
      this.spoilt ||= !copy.equals(bytes)
      done()
    }
  }
}

/** A connection on such a socket that has greeted, unless told otherwise; each request becomes a call. */
export const open = (serve: (call: GrpcCall) => void, greet = true) => {
  const socket = new FakeSocket()
  const memory = SharedTensorMemory.make()
  const deadlines = new Deadlines()
  const inFlight = new InFlight({ protocol: "grpc", maxRequests: 10, maxBytes: 1e7, maxRequestBytes: 1e7 })
  let calls = 0
  let left = 0
  const connection = new Connection(socket as unknown as Socket, {
    maxConcurrentStreams: 10,
    maxHeaderListBytes: 8192,
    stopAfter: 0,
    awake: 0,
    pings: { minInterval: 0, maxStrikes: 0, permitWithoutStreams: true },
    onDefect: (thrown) => {
      throw thrown
    },
    onRequest: (stream, head) => {
      calls++
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
    }
  }, false)
  const encoder = new HpackEncoder()
  const receive = (...frames: ReadonlyArray<Uint8Array>) => socket.emit("data", Buffer.concat(frames))
  if (greet) {
    receive(
      preface,
      settings(Setting.initialWindowSize, 1e7, Setting.maxFrameSize, 1e6),
      frame(FrameType.windowUpdate, 0, 0, uint32(1e7))
    )
  }
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
    /** Requests, bytes and regions that are held, and calls that are not over. */
    held: () => [inFlight.requests, inFlight.bytes, memory.usage().inUse, calls - left]
  }
}
