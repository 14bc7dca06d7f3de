/** An answer over HTTP/2 as calls see it, and what happens to its stream. Source: RFC 9113 §8.1. */
import { ErrorCode } from "../../http2/Frame.ts"
import { Fields } from "../../http2/HpackEncoder.ts"
import type { Stream, StreamHandler } from "../../http2/Stream.ts"
import { CallList } from "../CallList.ts"
import type { Carrier, InProgress, Response } from "../Wire.ts"
import type { StreamRequest } from "./StreamRequest.ts"

const goOn = new Fields([":status", "100"])

/** Names of headers in lower case; those of answers are few. */
const lower = new Map<string, string>()

const lowerOf = (name: string): string => {
  let known = lower.get(name)
  if (known === undefined) lower.set(name, known = name.toLowerCase())
  return known
}

/** @internal */
export class StreamResponse implements Response, Carrier, StreamHandler {
  readonly multiplexed = true
  shouldKeepAlive = true
  sendDate = false
  readonly calls = new CallList<InProgress>()
  private readonly stream: Stream
  private readonly request: StreamRequest
  /** Until the request is here, on the clock of `performance.now()`. */
  private readonly receiveUntil: number
  private call: InProgress | undefined = undefined
  /** The head that is still to be sent. */
  private head: Fields | undefined = undefined
  private ready: (() => void) | undefined = undefined
  private blocked = false
  /** Parts that the connection still reads. */
  private unsent = 0
  private over = false

  constructor(stream: Stream, request: StreamRequest, receiveUntil: number) {
    this.stream = stream
    this.request = request
    this.receiveUntil = receiveUntil
  }

  belongTo(call: InProgress): void {
    this.call = call
  }

  get destroyed(): boolean {
    return this.stream.closed
  }

  get writableNeedDrain(): boolean {
    return this.blocked
  }

  writeContinue(): void {
    this.stream.headers(goOn, false)
  }

  removeHeader(): void {}

  writeHead(status: number, headers: ReadonlyArray<string>): void {
    const list = [":status", String(status)]
    for (let i = 0; i < headers.length; i += 2) list.push(lowerOf(headers[i]!), headers[i + 1]!)
    this.head = new Fields(list)
  }

  write(piece: Uint8Array | string, encoding?: "utf8" | "latin1", written?: () => void): boolean {
    const bytes = typeof piece === "string" ? Buffer.from(piece, encoding) : piece
    this.put([bytes], bytes.byteLength)
    written?.()
    return !this.blocked
  }

  end(body?: string, encoding?: "utf8" | "latin1"): void {
    if (body === undefined || body === "") return this.endParts([], 0)
    const bytes = Buffer.from(body, encoding)
    this.endParts([bytes], bytes.length)
  }

  endParts(parts: ReadonlyArray<Uint8Array>, byteLength: number): void {
    const { head, stream } = this
    if (byteLength === 0 || this.request.method === "HEAD") {
      this.head = undefined
      if (head === undefined) stream.end(undefined)
      else stream.headers(head, true)
      return
    }
    this.put(parts, byteLength)
    stream.end(undefined)
  }

  private put(parts: ReadonlyArray<Uint8Array>, byteLength: number): void {
    const { head, stream } = this
    if (head !== undefined) {
      this.head = undefined
      stream.headers(head, false)
    }
    if (byteLength === 0 || this.request.method === "HEAD") return
    this.unsent++
    if (!stream.send(parts, byteLength, this.sent)) this.blocked = true
  }

  private readonly sent = (): void => {
    this.unsent--
    if (this.over) this.settle()
  }

  onceRoom(ready: () => void): void {
    if (this.blocked && !this.stream.closed) this.ready = ready
    else ready()
  }

  /** Ends the stream, so that nobody takes what was sent for the whole answer. */
  destroy(): void {
    this.stream.reset(ErrorCode.internalError)
  }

  left(): void {}

  linger(): void {}

  onData(chunk: Buffer, start: number, end: number): void {
    this.request.push(chunk, start, end)
    const { call } = this
    if (call?.receiving === true && performance.now() > this.receiveUntil) {
      call.guard(() =>
        call.error(408, "The request did not arrive in time. Send its head and its body without pauses.")
      )
    }
  }

  onEnd(): void {
    this.request.end()
  }

  onRoom(): void {
    this.blocked = false
    const { ready } = this
    this.ready = undefined
    ready?.()
  }

  onStill(): void {
    const { call, stream } = this
    if (call?.receiving === true) {
      call.guard(() =>
        call.error(408, "The request body stopped arriving. Send it without pauses, or raise --http-body-timeout-ms.")
      )
    } else if (call?.running !== true || stream.waiting > 0) {
      stream.reset(ErrorCode.cancel)
    }
  }

  onCut(): void {
    const { call } = this
    if (call?.receiving === true) call.guard(() => call.exiting())
  }

  onClose(): void {
    this.over = true
    this.request.drop()
    this.onRoom()
    this.settle()
  }

  /** The call ends once nothing reads its answer any more. */
  private settle(): void {
    const { call, unsent } = this
    if (call === undefined || unsent > 0) return
    this.call = undefined
    if (this.stream.whole) call.finish()
    else call.abort()
  }
}
