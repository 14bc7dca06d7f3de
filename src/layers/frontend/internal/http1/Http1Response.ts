/** An answer over HTTP/1.1 as calls see it. It leaves once those before it on its connection are out. Source: RFC 9112 §4, §6, §9.3. */
import type { InProgress, Response } from "../http/Wire.ts"
import * as AnswerHead from "./AnswerHead.ts"
import type { Http1Connection } from "./Http1Connection.ts"
import type { Http1Request } from "./Http1Request.ts"

/** More than this waiting for the client makes `write` say so. */
const maxWaiting = 256 * 1024

const lastChunk = "0\r\n\r\n"

/** @internal */
export class Http1Response implements Response {
  readonly multiplexed = false
  shouldKeepAlive: boolean
  sendDate = false
  call: InProgress | undefined = undefined
  /** The answer after it on its connection. */
  next: Http1Response | undefined = undefined
  /** Everything was handed over. */
  ended = false
  private readonly connection: Http1Connection
  private readonly request: Http1Request
  /** The head that is still to be sent. */
  private head = ""
  private chunked = false
  /** What waits for the answers before this one; text is latin1. */
  private pending: Array<string | Uint8Array> | undefined = undefined
  private pendingBytes = 0
  private callbacks: Array<() => void> | undefined = undefined
  private ready: (() => void) | undefined = undefined

  constructor(connection: Http1Connection, request: Http1Request) {
    this.connection = connection
    this.request = request
    this.shouldKeepAlive = request.head.keepsAlive
  }

  belongTo(call: InProgress): void {
    this.call = call
  }

  get destroyed(): boolean {
    return this.connection.socket.destroyed
  }

  get writableNeedDrain(): boolean {
    return this.pendingBytes > maxWaiting || this.connection.socket.writableNeedDrain
  }

  writeContinue(): void {
    this.put("HTTP/1.1 100 Continue\r\n\r\n")
  }

  removeHeader(): void {}

  writeHead(status: number, headers: ReadonlyArray<string>): void {
    const sized = AnswerHead.isSized(headers)
    this.setHead(AnswerHead.textOf(status, headers, this.shouldKeepAlive, sized), !sized)
  }

  /** Takes the text of a head. `chunked`: the body is sent in chunks. */
  setHead(text: string, chunked: boolean): void {
    this.head = text
    this.chunked = chunked
  }

  /** Sends a whole answer; its bytes as latin1. */
  endWhole(text: string): void {
    this.put(text)
    this.finished()
  }

  write(piece: Uint8Array | string, encoding?: "utf8" | "latin1", written?: () => void): boolean {
    const bytes = typeof piece === "string" ? Buffer.from(piece, encoding) : piece
    this.cork()
    this.putHead()
    this.putBody(bytes)
    this.uncork()
    if (written !== undefined) this.whenOut(written)
    return !this.writableNeedDrain
  }

  end(body = "", encoding: "utf8" | "latin1" = "utf8"): void {
    const { head } = this
    if (this.chunked || this.isBodiless) {
      this.putHead()
      if (!this.isBodiless) {
        if (body !== "") this.putBody(Buffer.from(body, encoding))
        this.put(lastChunk)
      }
    } else if (encoding === "latin1" || Buffer.byteLength(body) === body.length) {
      this.head = ""
      this.put(head + body)
    } else {
      this.head = ""
      this.put(Buffer.concat([Buffer.from(head, "latin1"), Buffer.from(body)]))
    }
    this.finished()
  }

  endParts(parts: ReadonlyArray<Uint8Array>, byteLength: number): void {
    this.cork()
    if (this.head !== "") {
      this.put(Buffer.from(this.head, "latin1"))
      this.head = ""
    }
    if (byteLength > 0 && !this.isBodiless) { for (const part of parts) this.putBody(part) }
    if (this.chunked && !this.isBodiless) this.put(lastChunk)
    this.uncork()
    this.finished()
  }

  onceRoom(ready: () => void): void {
    if (!this.writableNeedDrain || this.destroyed) return ready()
    this.ready = ready
    if (this.isFirst) this.connection.watch()
  }

  destroy(): void {
    this.connection.destroy()
  }

  /** The client takes more, or nothing any more. */
  room(): void {
    const { ready } = this
    if (ready === undefined) return
    if (this.writableNeedDrain && !this.destroyed) return this.connection.watch()
    this.ready = undefined
    ready()
  }

  /** It is its turn: what waits leaves. */
  goOn(): void {
    const { callbacks, connection, pending } = this
    this.pending = undefined
    this.pendingBytes = 0
    this.callbacks = undefined
    if (pending !== undefined) {
      connection.socket.cork()
      for (const piece of pending) connection.write(piece)
      connection.socket.uncork()
    }
    if (callbacks !== undefined) { for (const callback of callbacks) connection.whenOut(callback) }
    if (this.ended) connection.answered(this)
    else this.room()
  }

  private get isBodiless(): boolean {
    return this.request.method === "HEAD"
  }

  private get isFirst(): boolean {
    return this.connection.first === this
  }

  private cork(): void {
    if (this.isFirst) this.connection.socket.cork()
  }

  private uncork(): void {
    if (this.isFirst) this.connection.socket.uncork()
  }

  private put(piece: string | Uint8Array): void {
    if (this.isFirst) return this.connection.write(piece)
    this.pending ??= []
    this.pending.push(piece)
    this.pendingBytes += piece.length
  }

  private putHead(): void {
    const { head } = this
    this.head = ""
    if (head !== "") this.put(head)
  }

  private putBody(bytes: Uint8Array): void {
    if (bytes.length === 0 || this.isBodiless) return
    if (!this.chunked) return this.put(bytes)
    this.put(`${bytes.length.toString(16)}\r\n`)
    this.put(bytes)
    this.put("\r\n")
  }

  private whenOut(callback: () => void): void {
    if (this.isFirst) return this.connection.whenOut(callback)
    this.callbacks ??= []
    this.callbacks.push(callback)
  }

  private finished(): void {
    this.ended = true
    if (this.isFirst) this.connection.answered(this)
  }
}
