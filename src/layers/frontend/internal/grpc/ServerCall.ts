/** A call over HTTP/2, answered in the forms of gRPC. Source: gRPC over HTTP/2, "Responses". */
import { Cause } from "effect"
import { codes, Stopping } from "../../../../schema/Errors.ts"
import * as TraceFailure from "../../../../schema/TraceFailure.ts"
import type { Pass } from "../../../../services/Access.ts"
import type { ArrivalFacts } from "../../../../services/Tracing.ts"
import { ErrorCode } from "../http2/Frame.ts"
import type { Stream, StreamHandler } from "../http2/Stream.ts"
import * as Failures from "../tracing/Failures.ts"
import type { Coding, Failure, GrpcCall } from "./Call.ts"
import * as CallFacts from "./CallFacts.ts"
import type { CallHead } from "./CallHead.ts"
import { prefixBytes } from "./Message.ts"
import { compress } from "./MessageCoding.ts"
import type { Metadata } from "./Metadata.ts"
import { Reception } from "./Reception.ts"
import * as Status from "./Status.ts"
import type { Surroundings } from "./Surroundings.ts"

const nothing: ReadonlyArray<string> = []

/** @internal */
export class ServerCall extends Reception implements GrpcCall, StreamHandler {
  readonly path: string
  readonly metadata: Metadata
  pass: Pass | undefined = undefined
  onDrain: (() => void) | undefined = undefined
  /** The first header block was sent. */
  private begun = false
  private coding: Coding = "identity"
  /** What is sent after the message that is being compressed. */
  private behind: Array<() => void> | undefined = undefined

  constructor(stream: Stream, head: CallHead, server: Surroundings) {
    super(stream, head, server)
    this.path = head.path
    this.metadata = head.metadata
    stream.handler = this
  }

  get peer(): string | undefined {
    return this.stream.connection.socket.remoteAddress
  }

  facts(): ArrivalFacts {
    return CallFacts.of(this.path, this.head.authority, this.stream.connection.socket)
  }

  send(parts: ReadonlyArray<Uint8Array>, byteLength: number, sent: () => void): boolean {
    const { maxSendMessageBytes } = this.server
    if (this.settled) {
      sent()
      return true
    }
    if (byteLength > maxSendMessageBytes) {
      sent()
      this.finish(
        Status.Status.resourceExhausted,
        `Sent message larger than max (${byteLength} vs. ${maxSendMessageBytes})`
      )
      return true
    }
    if (this.coding !== "identity") return this.sendCompressed(this.coding, parts, sent)
    return this.put(0, parts, byteLength, sent)
  }

  private sendCompressed(
    coding: "gzip" | "deflate",
    parts: ReadonlyArray<Uint8Array>,
    sent: () => void
  ): boolean {
    const busy = this.behind
    if (this.streamOver) {
      sent()
      return true
    }
    if (busy !== undefined) {
      busy.push(() => this.sendCompressed(coding, parts, sent))
      return false
    }
    const behind: Array<() => void> = []
    this.behind = behind
    this.use()
    let room = true
    compress(coding, parts, (outcome) => {
      this.behind = undefined
      this.guard(sent)
      if (outcome instanceof Error) this.defect(Cause.die(outcome))
      else room = this.put(1, [outcome], outcome.length, () => {})
      this.goOn(behind)
      this.unuse()
    })
    return this.behind === undefined && room
  }

  /** Does what had to wait, of which each may start the next compression, for which the rest then waits. */
  private goOn(behind: Array<() => void>): void {
    for (let next = behind.shift(); next !== undefined; next = behind.shift()) {
      next()
      this.behind?.push(...behind.splice(0))
    }
  }

  /** Sends a message as it is. */
  private put(compressed: number, parts: ReadonlyArray<Uint8Array>, byteLength: number, sent: () => void): boolean {
    const { stream } = this
    this.begin()
    const prefix = Buffer.allocUnsafe(prefixBytes)
    prefix[0] = compressed
    prefix.writeUInt32BE(byteLength, 1)
    this.use()
    return stream.send([prefix, ...parts], prefixBytes + byteLength, () => {
      this.guard(sent)
      this.unuse()
    })
  }

  private begin(): void {
    if (this.begun) return
    this.begun = true
    this.stream.headers(Status.headers[this.coding], false)
  }

  reply(parts: ReadonlyArray<Uint8Array>, byteLength: number, sent: () => void): void {
    this.send(parts, byteLength, sent)
    this.finish(Status.Status.ok, "")
  }

  finish(status: number, message: string): void {
    this.takeNoMore()
    this.conclude(status, message, nothing)
  }

  failure(failure: Failure, more: ReadonlyArray<string> = nothing): void {
    this.takeNoMore()
    if (!this.settled) {
      this.arrived("", "")
      this.traced?.failed(Failures.of(failure))
    }
    this.conclude(codes[failure.code].grpc, failure.message, [...Status.retryAfter(failure), ...more])
  }

  defect(cause: Cause.Cause<unknown>): void {
    this.server.report(cause)
    this.arrived("", "")
    this.traced?.failed(TraceFailure.bug)
    if (this.answered && !this.streamOver) this.stream.reset(ErrorCode.internalError)
    else {this.finish(
        Status.Status.internal,
        "The server failed on this call because of a bug in it; its log says more."
      )}
  }

  compress(coding: Coding): void {
    if (!this.begun && this.behind === undefined && this.head.accepts(coding)) this.coding = coding
  }

  /** Ends the call with a status. `more`: further names and values of the last block in turn. */
  conclude(status: number, message: string, more: ReadonlyArray<string>): void {
    if (this.settled) return
    this.answered = true
    this.arrived("", "")
    if (this.traced !== undefined) {
      if (status !== Status.Status.ok) this.traced.failed(CallFacts.failureOf(status, message))
      this.traced.answered(status)
      this.traced.mark("GRPC_SEND_START")
    }
    this.stopReceiving()
    if (this.behind !== undefined) this.behind.push(() => this.close(status, message, more))
    else this.close(status, message, more)
  }

  private close(status: number, message: string, more: ReadonlyArray<string>): void {
    if (this.begun) this.stream.end(Status.trailers(status, message, more))
    else this.stream.headers(Status.trailersOnly(status, message, more), true)
  }

  expired(): void {
    this.guard(() => this.expire())
  }

  private expire(): void {
    if (this.answered || this.stream.pending) this.stream.reset(ErrorCode.cancel)
    else this.conclude(Status.Status.deadlineExceeded, "Deadline Exceeded", nothing)
  }

  /** No byte came or went for as long as the server grants. */
  onStill(): void {
    if (this.stream.waiting > 0) this.stream.reset(ErrorCode.cancel)
    else if (!this.settled && this.owesBytes) {
      this.conclude(
        Status.Status.cancelled,
        "The message stopped arriving. Send it without pauses, or raise --grpc-body-timeout-ms.",
        nothing
      )
    }
  }

  onCut(): void {
    if (!this.settled && this.owesBytes) {
      this.failure(new Stopping({ message: "The server ends, and the message did not arrive in time." }))
    }
  }

  /** Little is left to send. */
  onRoom(): void {
    const { onDrain } = this
    if (onDrain !== undefined && !this.settled) this.guard(onDrain)
  }

  onClose(): void {
    if (this.answered) this.traced?.mark("GRPC_SEND_END")
    this.behind = undefined
    this.stopReceiving()
    this.streamClosed()
  }
}
