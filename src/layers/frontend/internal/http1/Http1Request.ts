/** A request over HTTP/1.1 as routes see it. Its body waits, within a bound, until somebody takes it. */
import type { Socket } from "node:net"
import * as ByteCopy from "../../../ByteCopy.ts"
import type { Request } from "../http/Wire.ts"
import { Backlog } from "../http2/Backlog.ts"
import type { Head } from "./Head.ts"
import { HeadedRequest } from "./HeadedRequest.ts"
import type { Http1Connection } from "./Http1Connection.ts"

/** @internal */
export class Http1Request extends HeadedRequest implements Request {
  complete = false
  private readonly connection: Http1Connection
  private take: ((chunk: Buffer) => void) | undefined = undefined
  private whenEnded: (() => void) | undefined = undefined
  /** What came before anybody took it. */
  private early: Backlog | undefined = undefined
  private opening = false
  private dropping = false
  /** The whole body within what was read with it; whoever does not take it now finds it in `early`. */
  private lent: Buffer | undefined = undefined
  private filling: (() => Uint8Array | undefined) | undefined = undefined
  /** Memory for the whole body, and how much of it is here. */
  private target: Uint8Array | undefined = undefined
  private filled = 0
  private whenUnplaced: (() => void) | undefined = undefined

  constructor(connection: Http1Connection, head: Head) {
    super(head)
    this.connection = connection
  }

  get socket(): Socket {
    return this.connection.socket
  }

  /** Bytes that wait for somebody to take them. */
  get waiting(): number {
    return this.early?.size ?? 0
  }

  on(event: "data", listener: (chunk: Buffer) => void): void
  on(event: "end", listener: () => void): void
  on(event: "data" | "end", listener: (chunk: Buffer) => void): void {
    if (event === "data") this.take = listener
    else this.whenEnded = () => listener(Buffer.alloc(0))
    if ((this.early === undefined && !this.complete) || this.opening) return
    // After whoever asks has said all that it wants to hear of.
    this.opening = true
    queueMicrotask(() => this.connection.guard(() => this.open()))
  }

  takeWhole(): Buffer | undefined {
    const { lent } = this
    this.lent = undefined
    if (lent !== undefined) this.complete = true
    return lent
  }

  fill(memory: () => Uint8Array | undefined, filled: () => void): void {
    this.filling = memory
    const { early, lent } = this
    this.lent = undefined
    this.early = undefined
    if (lent !== undefined) {
      this.complete = true
      this.put(lent, 0, lent.length)
    }
    for (let piece = early?.shift(); piece !== undefined; piece = early?.shift()) this.put(piece, 0, piece.length)
    if (this.complete) {
      if (!this.dropping) filled()
    } else {
      this.whenEnded = filled
      this.connection.roomForBody()
    }
  }

  whenFilled(unused: () => void): void {
    if (this.connection.placing === this) this.whenUnplaced = unused
    else unused()
  }

  resume(): void {
    this.dropping = true
    this.forget()
    this.connection.roomForBody()
  }

  /** The whole body is here, in memory that changes soon. */
  lend(body: Buffer): void {
    this.lent = body
  }

  /** What was lent and not taken is kept. */
  keepLent(): void {
    const { lent } = this
    if (lent !== undefined) {
      this.lent = undefined
      this.push(lent, 0, lent.length, false)
    }
    if (!this.complete) this.end()
  }

  /** A piece of the body. `owned`: nobody else changes the memory that it is in. */
  push(chunk: Buffer, start: number, end: number, owned: boolean): void {
    if (this.dropping) return
    if (this.filling !== undefined) return this.put(chunk, start, end)
    const { take } = this
    if (take === undefined || this.opening) {
      this.early ??= new Backlog()
      this.early.push(chunk, start, end, owned)
      return
    }
    const piece = chunk.subarray(start, end)
    // A small piece would keep the whole chunk in memory for as long as somebody keeps it.
    take(owned && piece.length * 2 >= chunk.length ? piece : Buffer.from(piece))
  }

  /** The body is complete. */
  end(): void {
    this.complete = true
    if (!this.opening && this.early === undefined) this.whenEnded?.()
  }

  /** Nothing more comes. */
  drop(): void {
    this.dropping = true
    this.forget()
  }

  private forget(): void {
    this.lent = undefined
    this.early = undefined
    this.take = undefined
    this.whenEnded = undefined
    this.filling = undefined
    this.target = undefined
  }

  private put(chunk: Buffer, start: number, end: number): void {
    this.target ??= this.filling?.()
    // Whoever has no memory for it has answered so.
    if (this.target !== undefined) this.filled = ByteCopy.part(chunk, start, end, this.target, this.filled)
  }

  /** Memory of the body for the next bytes of it. */
  place(length: number): Uint8Array | undefined {
    return this.target?.subarray(this.filled, this.filled + length)
  }

  /** So many bytes came into that memory. */
  placed(length: number): void {
    this.filled += length
  }

  /** Nothing more is written to that memory. */
  unplaced(): void {
    const { whenUnplaced } = this
    this.whenUnplaced = undefined
    whenUnplaced?.()
  }

  /** Hands over what came early. */
  private open(): void {
    const { early } = this
    this.early = undefined
    for (let piece = early?.shift(); piece !== undefined && this.take !== undefined; piece = early?.shift()) {
      this.take(piece)
    }
    this.opening = false
    if (this.complete) this.whenEnded?.()
    this.connection.roomForBody()
  }
}
