/** A gRPC client over node:http2, as bare as tests need it. */
import { Effect, type Scope } from "effect"
import * as Http2 from "node:http2"
import type { SecureClientSessionOptions } from "node:http2"
import { eventually } from "../http/Wire.ts"

export const service = "/inference.GRPCInferenceService/"

/** How a call ended. */
export interface Ended {
  /** `undefined` where no status came: the stream or its connection broke. */
  readonly status: number | undefined
  readonly message: string
  readonly trailers: Http2.IncomingHttpHeaders
}

/** A message with the five bytes before it. */
export const framed = (message: Uint8Array, compressed = 0): Buffer => {
  const head = Buffer.alloc(5)
  head[0] = compressed
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

/** One call. */
export class Call {
  readonly stream: Http2.ClientHttp2Stream
  /** Messages that have come, without their heads. */
  readonly messages: Array<Buffer> = []
  /** Whether each of them was compressed. */
  readonly compressed: Array<number> = []
  headers: Http2.IncomingHttpHeaders = {}
  ended: Ended | undefined = undefined
  private pending: Buffer = Buffer.alloc(0)

  constructor(stream: Http2.ClientHttp2Stream) {
    this.stream = stream
    let trailers: Http2.IncomingHttpHeaders = {}
    stream.on("response", (headers) => {
      this.headers = headers
      // A trailers-only answer has its status here.
      if (headers["grpc-status"] !== undefined) trailers = headers
    })
    stream.on("trailers", (received) => {
      trailers = received
    })
    stream.on("data", (chunk: Buffer) => {
      this.pending = this.pending.length === 0 ? chunk : Buffer.concat([this.pending, chunk])
      this.cut()
    })
    stream.on("error", () => {})
    stream.on("close", () => {
      const status = trailers["grpc-status"]
      this.ended = {
        status: status === undefined ? undefined : Number(status),
        message: decodeURIComponent(String(trailers["grpc-message"] ?? "")),
        trailers
      }
    })
  }

  private cut(): void {
    while (this.pending.length >= 5) {
      const end = 5 + this.pending.readUInt32BE(1)
      if (this.pending.length < end) return
      this.compressed.push(this.pending[0]!)
      this.messages.push(this.pending.subarray(5, end))
      this.pending = this.pending.subarray(end)
    }
  }

  send(message: Uint8Array): void {
    this.stream.write(framed(message))
  }

  /** No more messages come from here. */
  halfClose(): void {
    this.stream.end()
  }

  cancel(): void {
    this.stream.close(Http2.constants.NGHTTP2_CANCEL)
  }

  /** Waits for so many messages. */
  received(count: number): Effect.Effect<ReadonlyArray<Buffer>> {
    return Effect.as(eventually(() => this.messages.length, (seen) => seen >= count), this.messages)
  }

  /** Waits for the end. */
  get end(): Effect.Effect<Ended> {
    return Effect.map(eventually(() => this.ended !== undefined, (seen) => seen), () => this.ended!)
  }
}

export class Client {
  readonly session: Http2.ClientHttp2Session
  constructor(session: Http2.ClientHttp2Session) {
    this.session = session
  }

  /** Begins a call; a path without a slash is a procedure of the inference service. */
  begin(path: string, metadata: Http2.OutgoingHttpHeaders = {}): Call {
    return new Call(
      this.session.request({
        ":method": "POST",
        ":path": path.startsWith("/") ? path : service + path,
        "content-type": "application/grpc",
        te: "trailers",
        ...metadata
      })
    )
  }

  /** A call of one message. */
  unary(
    path: string,
    message: Uint8Array,
    metadata: Http2.OutgoingHttpHeaders = {}
  ): Effect.Effect<Ended & { readonly messages: ReadonlyArray<Buffer>; readonly call: Call }> {
    return Effect.suspend(() => {
      const call = this.begin(path, metadata)
      call.stream.end(framed(message))
      return Effect.map(call.end, (ended) => ({ ...ended, messages: call.messages, call }))
    })
  }
}

/** A connection that the scope closes. */
export const connect = (
  port: number,
  options: SecureClientSessionOptions & { readonly secure?: boolean } = {}
): Effect.Effect<Client, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const { secure = false, ...rest } = options
      const session = Http2.connect(`${secure ? "https" : "http"}://localhost:${port}`, {
        ...rest,
        // Megabytes that the client itself may hold.
        maxSessionMemory: 1000,
        host: "127.0.0.1",
        port
      } as SecureClientSessionOptions)
      session.on("error", () => {})
      return new Client(session)
    }),
    ({ session }) => Effect.sync(() => session.destroy())
  )
