/** A started gRPC listener and clients for tests on real sockets: one that writes frames as told, and node's. */
import { Effect } from "effect"
import * as Http2 from "node:http2"
import * as Net from "node:net"
import * as SharedTensorMemory from "../../../src/layers/execution/SharedTensorMemory.ts"
import type { GrpcCall } from "../../../src/layers/frontend/internal/grpc/Call.ts"
import * as Listener from "../../../src/layers/frontend/internal/grpc/Listener.ts"
import type { KeepAlive, ListenerOptions } from "../../../src/layers/frontend/internal/grpc/ListenerOptions.ts"
import { Flag, FrameType, preface } from "../../../src/layers/frontend/internal/http2/Frame.ts"
import { HpackDecoder } from "../../../src/layers/frontend/internal/http2/HpackDecoder.ts"
import { Fields, HpackEncoder } from "../../../src/layers/frontend/internal/http2/HpackEncoder.ts"
import { InFlight, type Limits } from "../../../src/layers/frontend/internal/InFlight.ts"
import { patience } from "../http/Wire.ts"

export interface Options extends Partial<Omit<ListenerOptions, "keepAlive">> {
  readonly keepAlive?: Partial<KeepAlive>
  readonly limits?: Partial<Limits>
}

export const start = Effect.fnUntraced(function*(serve: (call: GrpcCall) => void, options: Options = {}) {
  const memory = SharedTensorMemory.make()
  const inFlight = new InFlight({
    protocol: "grpc",
    maxRequests: 64,
    maxBytes: 64 * 1024 * 1024,
    maxRequestBytes: 32 * 1024 * 1024,
    ...options.limits
  })
  const bound = yield* Listener.listen({
    address: "127.0.0.1",
    port: 0,
    reusePort: false,
    memory,
    inFlight,
    maxConnections: 100,
    maxConcurrentStreams: 100,
    maxMetadataBytes: 8192,
    maxMessageBytes: 16 * 1024 * 1024,
    maxSendMessageBytes: 16 * 1024 * 1024,
    handshakeTimeout: 10_000,
    bodyTimeout: 10_000,
    idleTimeout: Infinity,
    awake: 0,
    exitTimeout: 2000,
    exitReceiveTimeout: 2000,
    ...options,
    keepAlive: {
      time: 7_200_000,
      timeout: 20_000,
      permitWithoutCalls: false,
      minRecvPingInterval: 300_000,
      maxPingStrikes: 2,
      maxPingsWithoutData: 2,
      ...options.keepAlive
    }
  }, serve)
  return {
    port: bound.port,
    /** Requests, bytes and regions that the listener still holds. */
    held: () => [inFlight.requests, inFlight.bytes, memory.usage().inUse]
  }
})

/** Answers every message with itself. */
export const echo = (call: GrpcCall): void =>
  call.receiveOne((message) => call.reply([message], message.length, () => {}))

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
  /** Of a block of headers. */
  readonly fields?: Readonly<Record<string, string>>
}

/** The bytes of a frame. */
export const frame = (type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer => {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

export const uint32 = (...values: ReadonlyArray<number>): Buffer => {
  const bytes = Buffer.alloc(values.length * 4)
  values.forEach((value, i) => bytes.writeUInt32BE(value, i * 4))
  return bytes
}

/** Identifiers and values in turn. */
export const settings = (...values: ReadonlyArray<number>): Buffer => {
  const bytes = Buffer.alloc(values.length * 3)
  for (let i = 0; i < values.length; i += 2) {
    bytes.writeUInt16BE(values[i]!, i * 3)
    bytes.writeUInt32BE(values[i + 1]!, i * 3 + 2)
  }
  return frame(FrameType.settings, 0, 0, bytes)
}

/** A message with its prefix. */
export const message = (bytes: Uint8Array, compressed = 0): Buffer =>
  Buffer.concat([Buffer.from([compressed]), uint32(bytes.length), bytes])

/** The fields of a call. */
export const callFields = (more: ReadonlyArray<string> = [], path = "/test.Test/Echo"): ReadonlyArray<string> => [
  ":method",
  "POST",
  ":scheme",
  "http",
  ":path",
  path,
  ":authority",
  "test",
  "te",
  "trailers",
  "content-type",
  "application/grpc",
  ...more
]

/** A raw connection. */
export class Raw {
  readonly socket: Net.Socket
  readonly frames: Array<Frame> = []
  readonly encoder = new HpackEncoder()
  closed = false
  private readonly decoder = new HpackDecoder()
  private rest = Buffer.alloc(0)
  private wake: () => void = () => {}

  constructor(port: number) {
    this.socket = Net.connect({ port, host: "127.0.0.1" })
    this.socket.setNoDelay(true)
    this.socket.on("data", (chunk: Buffer) => {
      this.rest = Buffer.concat([this.rest, chunk])
      this.parse()
      this.wake()
    })
    this.socket.on("error", () => {})
    this.socket.on("close", () => {
      this.closed = true
      this.wake()
    })
  }

  private parse(): void {
    while (this.rest.length >= 9) {
      const length = this.rest.readUIntBE(0, 3)
      if (this.rest.length < 9 + length) return
      const payload = this.rest.subarray(9, 9 + length)
      const head = {
        type: this.rest[3]!,
        flags: this.rest[4]!,
        stream: this.rest.readUInt32BE(5) & 0x7fffffff,
        payload
      }
      this.rest = this.rest.subarray(9 + length)
      if (head.type === FrameType.headers) {
        const fields: Record<string, string> = {}
        this.decoder.decode(payload, 0, payload.length, {
          field: (name, value) => {
            fields[name] = value
          }
        })
        this.frames.push({ ...head, fields })
      } else {
        this.frames.push(head)
      }
    }
  }

  send(...bytes: ReadonlyArray<Uint8Array>): void {
    this.socket.write(Buffer.concat(bytes))
  }

  /** The preface and the client's settings. */
  greet(...values: ReadonlyArray<number>): void {
    this.send(preface, settings(...values))
  }

  /** The HEADERS frame of a request. */
  headers(stream: number, fields: ReadonlyArray<string>, flags: number = Flag.endHeaders): Buffer {
    return frame(FrameType.headers, flags, stream, this.encoder.encode(new Fields(fields)))
  }

  /** A whole unary call in one DATA frame. */
  call(stream: number, body: Uint8Array, more: ReadonlyArray<string> = []): void {
    this.send(
      this.headers(stream, callFields(more)),
      frame(FrameType.data, Flag.endStream, stream, message(body))
    )
  }

  of(type: number, stream?: number): ReadonlyArray<Frame> {
    return this.frames.filter((frame) => frame.type === type && (stream === undefined || frame.stream === stream))
  }

  /** The body received on a stream. */
  body(stream: number): Buffer {
    return Buffer.concat(this.of(FrameType.data, stream).map(({ payload }) => payload))
  }

  /** The fields of the last block of a stream that has ended. */
  trailers(stream: number): Readonly<Record<string, string>> | undefined {
    return this.of(FrameType.headers, stream).find(({ flags }) => (flags & Flag.endStream) !== 0)?.fields
  }

  /** The code of the reset of a stream. */
  reset(stream: number): number | undefined {
    return this.of(FrameType.rstStream, stream)[0]?.payload.readUInt32BE(0)
  }

  /** The code and the text of the last GOAWAY. */
  get goAway(): { code: number; last: number; text: string } | undefined {
    const payload = this.of(FrameType.goAway).at(-1)?.payload
    return payload === undefined
      ? undefined
      : { last: payload.readUInt32BE(0), code: payload.readUInt32BE(4), text: payload.toString("latin1", 8) }
  }

  /** Waits until what was received satisfies a condition; dies with what there is after half a minute. */
  until(condition: (client: Raw) => boolean): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const check = () => {
        if (condition(this)) resume(Effect.void)
      }
      this.wake = check
      check()
    }).pipe(Effect.timeoutOrElse({
      duration: patience,
      orElse: () =>
        Effect.die(
          new Error(
            `timed out; closed: ${this.closed}; received: ${
              JSON.stringify(this.frames.map((frame) => ({ ...frame, payload: frame.payload.toString("hex", 0, 40) })))
            }`
          )
        )
    }))
  }

  /** Waits for the trailers of a stream. */
  ended(stream: number): Effect.Effect<Readonly<Record<string, string>>> {
    return Effect.map(this.until(() => this.trailers(stream) !== undefined), () => this.trailers(stream)!)
  }
}

/** A raw connection that has greeted, unless told otherwise. */
export const connect = (port: number, greet = true) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const client = new Raw(port)
      if (greet) client.greet()
      return client
    }),
    (client) => Effect.sync(() => client.socket.destroy())
  )

/** A connection of node's client. */
export const session = (url: string, options: Http2.SecureClientSessionOptions = {}) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const made = Http2.connect(url, options)
      made.on("error", () => {})
      return made
    }),
    (made) => Effect.sync(() => made.destroy())
  )

export interface Answer {
  readonly status: string
  readonly text: string
  readonly body: Buffer
  readonly headers: Http2.IncomingHttpHeaders
}

/** One call through node's client: the bytes of its messages with their prefixes, and how it ended. */
export const ask = (
  client: Http2.ClientHttp2Session,
  body: Uint8Array,
  headers: Http2.OutgoingHttpHeaders = {}
): Effect.Effect<Answer> =>
  Effect.callback((resume) => {
    const request = client.request({
      ":method": "POST",
      ":path": "/test.Test/Echo",
      "content-type": "application/grpc",
      te: "trailers",
      ...headers
    })
    const chunks: Array<Buffer> = []
    let seen: Http2.IncomingHttpHeaders = {}
    request.on("response", (fields) => {
      seen = { ...seen, ...fields }
    })
    request.on("trailers", (fields) => {
      seen = { ...seen, ...fields }
    })
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("error", () => {})
    request.on("close", () => {
      resume(Effect.succeed({
        status: String(seen["grpc-status"]),
        text: decodeURIComponent(String(seen["grpc-message"] ?? "")),
        body: Buffer.concat(chunks),
        headers: seen
      }))
    })
    request.end(body)
  })
