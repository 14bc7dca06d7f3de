/**
 * A channel to a gRPC server: calls of any service over one HTTP/2 connection, which is opened by the first call and again when
 * it was lost.
 *
 * Source: gRPC over HTTP/2, https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
import { Result } from "effect"
import type { OutgoingHttpHeaders } from "node:http2"
import type { DraftOf, MessageType, Rpc, ServiceType, TypeOf } from "../../schema/proto/Descriptor.ts"
import { rpcPath } from "../../schema/proto/Descriptor.ts"
import { decode, encodeParts } from "../../schema/proto/WireFormat.ts"
import type { WireParts } from "../../schema/proto/WireWriter.ts"
import { type CallSetup, GrpcCall } from "./GrpcCall.ts"
import type { GrpcKeepAlive, GrpcTlsOptions } from "./GrpcConnection.ts"
import { GrpcConnector } from "./GrpcConnector.ts"
import { GrpcFailure } from "./GrpcFailure.ts"
import { compress, type GrpcCompression } from "./GrpcMessages.ts"
import { addTo, type GrpcMetadata, timeoutHeader } from "./GrpcMetadata.ts"
import { ResponseQueue } from "./ResponseQueue.ts"

/** @category models */
export interface GrpcChannelOptions {
  /** TLS. Default: plain, unless the address begins with `https://` or `grpcs://`. */
  readonly tls?: GrpcTlsOptions | undefined
  /** Sent with every call. */
  readonly metadata?: GrpcMetadata | undefined
  /** Milliseconds that a call may take, unless it says so itself. Default: no limit. */
  readonly timeoutMillis?: number | undefined
  /** Compression of requests. Default: none. Answers may always be compressed, by gzip or deflate. */
  readonly compression?: GrpcCompression | undefined
  /** Bytes of one answer, also after decompression. Default 2147483647. */
  readonly maxMessageBytes?: number | undefined
  /** Bytes that the server may send of one call before they are read. Default 4 MiB. */
  readonly windowBytes?: number | undefined
  /** Default: no pings. */
  readonly keepAlive?: GrpcKeepAlive | undefined
  /** Milliseconds in which a connection must be open. Default 20000. */
  readonly connectTimeoutMillis?: number | undefined
  /** After a connection that could not be opened, calls fail at once for this long; it doubles up to `maxReconnectMillis`. Default 100. */
  readonly minReconnectMillis?: number | undefined
  /** Default 10000. */
  readonly maxReconnectMillis?: number | undefined
}

/** @category models */
export interface GrpcCallOptions {
  /** Aborts the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds that the caller waits; the server is told too. Over that the call fails with `DEADLINE_EXCEEDED`. */
  readonly timeoutMillis?: number | undefined
  /** Sent with this call, beside that of the channel. */
  readonly metadata?: GrpcMetadata | undefined
  /** Compression of this call's requests. */
  readonly compression?: GrpcCompression | "identity" | undefined
  /** What the server sent before its first message. */
  readonly onHeaders?: ((metadata: GrpcMetadata) => void) | undefined
  /** What the server sent with its status. */
  readonly onTrailers?: ((metadata: GrpcMetadata) => void) | undefined
}

/** Requests of a stream. @category models */
export type Requests<M extends MessageType> = Iterable<DraftOf<M>> | AsyncIterable<DraftOf<M>>

const largestMessage = 2 ** 31 - 1
const longestTimer = 2 ** 31 - 1

/** @category models */
export class GrpcChannel {
  private readonly options: GrpcChannelOptions
  private readonly connector: GrpcConnector

  /** `address`: `localhost:8001`, or with `http://`, `https://`, `grpc://` or `grpcs://` before it. Throws `TypeError` for others. */
  constructor(address: string, options: GrpcChannelOptions = {}) {
    this.options = options
    this.connector = new GrpcConnector(address, options)
  }

  /**
   * Makes a call of one message and one answer. Large `bytes` of the request are borrowed until the promise settles; those of
   * the answer are views of the bytes received.
   *
   * Rejects with `GrpcFailure`, or with the reason of the caller's signal. A request that its message cannot hold is a `RangeError`.
   */
  async unary<Request extends MessageType, Response extends MessageType>(
    service: ServiceType,
    rpc: Rpc<string, Request, Response>,
    request: DraftOf<Request>,
    options: GrpcCallOptions = {}
  ): Promise<TypeOf<Response>> {
    const method = rpcPath(service, rpc)
    const started = performance.now()
    const message = encodeParts(rpc.request, request)
    const coding = this.coding(options)
    const sent = coding === undefined ? message : await compress(coding, message)
    for (let attempt = 0;; attempt++) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- the second try follows the first
        const bytes = await this.exchange(method, sent, options, started)
        return read(method, rpc.response, bytes)
      } catch (error) {
        // A connection that was closing when the call came has done nothing with it: one more try, on the next connection.
        if (attempt > 0 || !(error instanceof GrpcFailure) || !error.unprocessed) throw error
      }
    }
  }

  /** Sends one message and gives the bytes of the only answer. */
  private async exchange(
    method: string,
    message: WireParts,
    options: GrpcCallOptions,
    started: number
  ): Promise<Uint8Array> {
    const connection = await this.connector.connection(method, options, this.left(options, started))
    return new Promise((resolve, reject) => {
      let answer: Uint8Array | Promise<Uint8Array> | undefined
      let count = 0
      const call = new GrpcCall(connection, this.setup(method, options, started), {
        onMessage: (bytes) => {
          count++
          answer = bytes
          if (bytes instanceof Promise) bytes.catch(() => {})
        },
        onEnd: (reason) => {
          if (reason !== undefined) reject(reason)
          else if (count === 1) resolve(answer!)
          else reject(new GrpcFailure(`${count} answers instead of one`, { status: "INTERNAL", method, local: true }))
        }
      })
      call.write(message, this.coding(options) !== undefined)
      call.end()
    })
  }

  /**
   * Makes a call of any number of messages and answers. Requests are taken while there is room to send them; answers are received
   * while they are taken. Ending the iteration early cancels the call.
   *
   * The iteration throws as `unary` rejects; an error of the iterable of requests cancels the call and comes out there.
   */
  stream<Request extends MessageType, Response extends MessageType>(
    service: ServiceType,
    rpc: Rpc<string, Request, Response>,
    requests: Requests<Request>,
    options: GrpcCallOptions = {}
  ): AsyncIterableIterator<TypeOf<Response>> {
    const method = rpcPath(service, rpc)
    const started = performance.now()
    return new ResponseQueue({
      begin: async (events) => {
        const connection = await this.connector.connection(method, options, this.left(options, started))
        return new GrpcCall(connection, this.setup(method, options, started), events)
      },
      send: (call) => this.sendAll(call, rpc.request, requests, options),
      read: (bytes) => read(method, rpc.response, bytes)
    })
  }

  private async sendAll<Request extends MessageType>(
    call: GrpcCall,
    type: Request,
    requests: Requests<Request>,
    options: GrpcCallOptions
  ): Promise<void> {
    const coding = this.coding(options)
    for await (const request of requests) {
      if (call.over) return
      const message = encodeParts(type, request)
      const sent = coding === undefined ? message : await compress(coding, message)
      if (!call.write(sent, coding !== undefined)) await call.drained()
    }
    call.end()
  }

  private coding(options: GrpcCallOptions): GrpcCompression | undefined {
    const coding = options.compression ?? this.options.compression
    return coding === "identity" ? undefined : coding
  }

  /** Milliseconds left of a call's time. One beyond what a timer can count has no end. */
  private left(options: GrpcCallOptions, started: number): number | undefined {
    const timeoutMillis = options.timeoutMillis ?? this.options.timeoutMillis
    return timeoutMillis === undefined || timeoutMillis > longestTimer
      ? undefined
      : timeoutMillis - (performance.now() - started)
  }

  private setup(method: string, options: GrpcCallOptions, started: number): CallSetup {
    const timeoutMillis = this.left(options, started)
    const coding = this.coding(options)
    const headers: OutgoingHttpHeaders = {
      ":method": "POST",
      ":path": method,
      "content-type": "application/grpc",
      te: "trailers",
      "user-agent": "grpc-node-galatea",
      "grpc-accept-encoding": "identity,deflate,gzip"
    }
    if (timeoutMillis !== undefined) headers["grpc-timeout"] = timeoutHeader(timeoutMillis)
    if (coding !== undefined) headers["grpc-encoding"] = coding
    addTo(headers, this.options.metadata)
    addTo(headers, options.metadata)
    return {
      method,
      headers,
      maxMessageBytes: this.options.maxMessageBytes ?? largestMessage,
      timeoutMillis,
      allowedMillis: options.timeoutMillis ?? this.options.timeoutMillis,
      signal: options.signal,
      onHeaders: options.onHeaders,
      onTrailers: options.onTrailers
    }
  }

  /** Aborts what is in flight; later calls fail with `CANCELLED`. */
  close(): void {
    this.connector.close()
  }
}

const read = <M extends MessageType>(method: string, type: M, bytes: Uint8Array): TypeOf<M> => {
  const message = decode(type, bytes)
  if (Result.isSuccess(message)) return message.success
  throw new GrpcFailure(message.failure.message, { status: "INTERNAL", method, local: true, cause: message.failure })
}
