/** One call on a connection, from its request to its status. */
import type { ClientHttp2Stream, IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2"
import type { WireParts } from "../../schema/proto/WireWriter.ts"
import type { GrpcConnection } from "./GrpcConnection.ts"
import { GrpcFailure, type StatusName, statusName } from "./GrpcFailure.ts"
import { decompress, framed, type GrpcCompression, MessageSplitter } from "./GrpcMessages.ts"
import { decodeMessage, fromHeaders, type GrpcMetadata } from "./GrpcMetadata.ts"
import { cancelCode, isGone, statusOfHttp, statusOfReset } from "./Http2Errors.ts"

/** @internal */
export interface CallSetup {
  readonly method: string
  readonly headers: OutgoingHttpHeaders
  readonly maxMessageBytes: number
  /** Milliseconds until the deadline. */
  readonly timeoutMillis: number | undefined
  /** Milliseconds that the caller gave the call, of which some may have passed. */
  readonly allowedMillis: number | undefined
  readonly signal: AbortSignal | undefined
  readonly onHeaders: ((metadata: GrpcMetadata) => void) | undefined
  readonly onTrailers: ((metadata: GrpcMetadata) => void) | undefined
}

/** What takes the messages of a call. @internal */
export interface CallEvents {
  /** A message; of a compressed one, the promise of it. */
  readonly onMessage: (message: Uint8Array | Promise<Uint8Array>) => void
  /** The call is over, once: `undefined` with status OK, else a `GrpcFailure`, or the reason of the caller's signal. */
  readonly onEnd: (reason: unknown) => void
}

/** @internal */
export class GrpcCall {
  readonly stream: ClientHttp2Stream
  private readonly setup: CallSetup
  private readonly connection: GrpcConnection
  private readonly events: CallEvents
  private readonly splitter: MessageSplitter
  private headers: IncomingHttpHeaders | undefined
  private trailers: IncomingHttpHeaders | undefined
  private error: Error | undefined
  private timer: NodeJS.Timeout | undefined
  /** The call has ended: what is sent goes nowhere. */
  over = false

  /** The connection must be ready. */
  constructor(connection: GrpcConnection, setup: CallSetup, events: CallEvents) {
    this.setup = setup
    this.connection = connection
    this.events = events
    this.splitter = new MessageSplitter(setup.maxMessageBytes, {
      onMessage: (bytes, compressed) => this.message(bytes, compressed),
      onProblem: (problem, bytes) => this.malformed(problem, bytes)
    })
    this.stream = this.request()
    connection.acquire()
    this.stream.once("close", () => connection.release())
    this.listen()
    const { signal, timeoutMillis } = setup
    if (timeoutMillis !== undefined) this.timer = setTimeout(() => this.expire(), Math.max(0, timeoutMillis))
    signal?.addEventListener("abort", this.abort, { once: true })
  }

  private request(): ClientHttp2Stream {
    try {
      return this.connection.session.request(this.setup.headers)
    } catch (cause) {
      if (!isGone(cause)) throw cause
      throw this.failure("UNAVAILABLE", "the connection ended before the call began", {
        cause,
        local: true,
        unprocessed: true
      })
    }
  }

  private listen(): void {
    const { stream } = this
    stream.on("response", (headers) => {
      this.connection.hear()
      this.headers = headers
      if (headers["grpc-status"] === undefined) this.setup.onHeaders?.(fromHeaders(headers))
    })
    stream.on("data", (chunk: Buffer) => {
      this.connection.hear()
      if (!this.over) this.splitter.push(chunk)
    })
    stream.on("trailers", (trailers) => {
      this.trailers = trailers
    })
    stream.on("error", (error: Error) => {
      this.error ??= error
    })
    stream.on("end", () => {
      if (this.trailers !== undefined || this.headers?.["grpc-status"] !== undefined) this.conclude()
    })
    stream.on("close", () => this.conclude())
  }

  private message(bytes: Uint8Array, compressed: boolean): void {
    if (!compressed) return this.events.onMessage(bytes)
    const coding = String(this.headers?.["grpc-encoding"] ?? "identity")
    if (coding !== "gzip" && coding !== "deflate") {
      return this.fail("INTERNAL", `the server sent a compressed message, and named the compression ${coding}`)
    }
    this.events.onMessage(this.inflated(coding, bytes))
  }

  private async inflated(coding: GrpcCompression, bytes: Uint8Array): Promise<Uint8Array> {
    const { maxMessageBytes } = this.setup
    try {
      return await decompress(coding, bytes, maxMessageBytes)
    } catch (cause) {
      const tooLarge = (cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE"
      throw this.failure(
        tooLarge ? "RESOURCE_EXHAUSTED" : "INTERNAL",
        tooLarge
          ? `the server sent a message of more than ${maxMessageBytes} bytes`
          : "the server sent a damaged message",
        { cause, local: true }
      )
    }
  }

  private malformed(problem: "prefix" | "size", bytes: number): void {
    if (problem === "size") {
      this.fail(
        "RESOURCE_EXHAUSTED",
        `the server sent a message of ${bytes} bytes, more than the ${this.setup.maxMessageBytes} of maxMessageBytes`
      )
    } else if (this.isGrpc()) this.fail("INTERNAL", "the server sent bytes that are no gRPC message")
    // Else the HTTP status says what the answer is, when it is whole.
  }

  private isGrpc(): boolean {
    return String(this.headers?.["content-type"] ?? "").startsWith("application/grpc")
  }

  private failure(
    status: StatusName,
    message: string,
    more: {
      readonly cause?: unknown
      readonly local?: boolean
      readonly unprocessed?: boolean
      metadata?: GrpcMetadata
    }
  ): GrpcFailure {
    return new GrpcFailure(message, { status, method: this.setup.method, ...more })
  }

  private fail(status: StatusName, message: string, cause?: unknown): void {
    this.finish(this.failure(status, message, { local: true, cause }))
    this.stream.close(cancelCode)
  }

  private expire(): void {
    this.fail("DEADLINE_EXCEEDED", `the deadline passed: no answer within ${this.setup.allowedMillis} ms`)
  }

  private readonly abort = (): void => {
    this.finish(this.setup.signal!.reason)
    this.stream.close(cancelCode)
  }

  /** Ends a call of which nobody wants to hear more. */
  cancel(reason: unknown): void {
    this.finish(reason)
    if (!this.stream.closed) this.stream.close(cancelCode)
  }

  private finish(reason: unknown): void {
    if (this.over) return
    this.over = true
    clearTimeout(this.timer)
    this.setup.signal?.removeEventListener("abort", this.abort)
    this.events.onEnd(reason)
  }

  /** The stream has ended, whichever way. */
  private conclude(): void {
    if (this.over) return
    const answer = this.trailers ?? this.headers
    const status = answer?.["grpc-status"]
    if (answer === undefined || status === undefined) return this.finish(this.broken())
    this.setup.onTrailers?.(fromHeaders(answer))
    if (status !== "0") {
      const message = decodeMessage(String(answer["grpc-message"] ?? ""))
      this.finish(this.failure(statusName(Number(status)), message, { metadata: fromHeaders(answer) }))
    } else if (this.splitter.within) {
      this.finish(this.failure("INTERNAL", "the server ended its answer inside a message", { local: true }))
    } else this.finish(undefined)
  }

  /** Why a stream ended without a status. */
  private broken(): GrpcFailure {
    const { headers, stream } = this
    const http = headers === undefined ? undefined : Number(headers[":status"])
    if (http !== undefined && (http !== 200 || !this.isGrpc())) {
      return this.failure(statusOfHttp(http), `the server answered with HTTP status ${http} and no gRPC`, {
        local: true
      })
    }
    const cause = this.error ?? this.connection.problem
    // The error code of HTTP/2 stays 0 where the connection broke under the stream.
    if (stream.rstCode !== 0 && !this.connection.session.destroyed) {
      return this.failure(statusOfReset(stream.rstCode), `the server reset the call, error code ${stream.rstCode}`, {
        cause,
        local: true,
        unprocessed: stream.rstCode === 7
      })
    }
    const detail = cause === undefined ? "" : `: ${cause.message}`
    return this.failure("UNAVAILABLE", `the connection ended before the answer${detail}`, {
      cause,
      local: true,
      unprocessed: isGone(cause)
    })
  }

  /** Sends a message. `false`: more should be sent only after `drained`. */
  write(message: WireParts, compressed: boolean): boolean {
    const { stream } = this
    if (this.over || stream.destroyed || stream.writableEnded) return true
    const pieces = framed(message, compressed)
    if (pieces.length > 1) stream.cork()
    let room = true
    for (const piece of pieces) room = stream.write(piece)
    if (pieces.length > 1) process.nextTick(() => stream.uncork())
    return room
  }

  /** Resolves when there is room to send more, or nothing can be sent any more. */
  drained(): Promise<void> {
    const { stream } = this
    return new Promise((resolve) => {
      if (this.over || stream.destroyed || !stream.writableNeedDrain) return resolve()
      const done = (): void => {
        stream.off("drain", done)
        stream.off("close", done)
        resolve()
      }
      stream.on("drain", done)
      stream.on("close", done)
    })
  }

  /** No more messages are sent. */
  end(): void {
    if (!this.over && !this.stream.destroyed) this.stream.end()
  }
}
