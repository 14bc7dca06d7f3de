/** A request over HTTP/2 as routes see it. Its body waits, within the window of its stream, until somebody takes it. */
import type { IncomingHttpHeaders } from "node:http"
import type { Socket } from "node:net"
import { Backlog } from "../../http2/Backlog.ts"
import type { RequestHead } from "../../http2/RequestHead.ts"
import type { Stream } from "../../http2/Stream.ts"
import type { Request } from "../Wire.ts"
import { StreamHeaders } from "./StreamHeaders.ts"

const nothing = (): void => {}

/** @internal */
export class StreamRequest implements Request {
  readonly method: string
  readonly url: string
  readonly httpVersion = "2.0"
  readonly httpVersionMinor = 0
  complete = false
  private readonly stream: Stream
  private readonly all: StreamHeaders
  private take: ((chunk: Buffer) => void) | undefined = undefined
  private whenEnded: () => void = nothing
  /** What came before anybody took it. */
  private early: Backlog | undefined = undefined
  private opening = false
  private dropping = false

  constructor(stream: Stream, head: RequestHead) {
    this.stream = stream
    this.all = StreamHeaders.of(head)
    this.method = head.method
    this.url = head.path
  }

  get headers(): IncomingHttpHeaders {
    return this.all.record
  }

  get headersDistinct(): NodeJS.Dict<Array<string>> {
    return this.all.distinct
  }

  get rawHeaders(): ReadonlyArray<string> {
    return this.all.raw
  }

  get socket(): Socket {
    return this.stream.connection.socket
  }

  on(event: "data", listener: (chunk: Buffer) => void): void
  on(event: "end", listener: () => void): void
  on(event: "data" | "end", listener: (chunk: Buffer) => void): void {
    if (event === "data") this.take = listener
    else this.whenEnded = () => listener(Buffer.alloc(0))
    if ((this.early === undefined && !this.complete) || this.opening) return
    // After whoever asks has said all that it wants to hear of.
    this.opening = true
    queueMicrotask(() => this.stream.connection.guard(() => this.open()))
  }

  resume(): void {
    this.dropping = true
    this.drop()
  }

  /** A piece of the body. */
  push(chunk: Buffer, start: number, end: number): void {
    const { stream, take } = this
    if (this.dropping) return stream.consume(end - start)
    if (take === undefined || this.opening) {
      this.early ??= new Backlog()
      if (this.early.push(chunk, start, end, stream.ownsChunk)) stream.keepChunk()
      return
    }
    stream.consume(end - start)
    // A small piece would keep the whole chunk in memory for as long as somebody keeps it.
    if (!stream.ownsChunk || (end - start) * 2 < chunk.length) return take(Buffer.from(chunk.subarray(start, end)))
    stream.keepChunk()
    take(chunk.subarray(start, end))
  }

  /** The body is complete. */
  end(): void {
    this.complete = true
    if (!this.opening && this.early === undefined) this.whenEnded()
  }

  /** Nothing more comes. */
  drop(): void {
    const waiting = this.early?.size ?? 0
    this.early = undefined
    this.take = undefined
    this.whenEnded = nothing
    if (waiting > 0) this.stream.consume(waiting)
  }

  /** Hands over what came early. */
  private open(): void {
    const { early } = this
    this.early = undefined
    for (let piece = early?.shift(); piece !== undefined && this.take !== undefined; piece = early?.shift()) {
      this.stream.consume(piece.length)
      this.take(piece)
    }
    // What is left of it nobody wanted.
    if (early !== undefined && early.size > 0) this.stream.consume(early.size)
    this.opening = false
    if (this.complete) this.whenEnded()
  }
}
