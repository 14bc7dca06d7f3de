/**
 * A request that a front received, and its answer, as calls on the main thread see them.
 *
 * A small answer is over for main once it is on its way to the front, which sends it whatever main does next. Of every other one
 * the front tells when it was sent, because its parts lie in memory that somebody else gets then.
 */
import type { Region, TensorMemory } from "../../../../services/TensorMemory.ts"
import * as ByteCopy from "../../../ByteCopy.ts"
import type { Exchange } from "../http/Exchange.ts"
import type { Request, Response } from "../http/Wire.ts"
import * as AnswerHead from "../http1/AnswerHead.ts"
import type { Head } from "../http1/Head.ts"
import { HeadedRequest } from "../http1/HeadedRequest.ts"
import type { Wire } from "../tracing/WireFacts.ts"
import type { FrontCarrier } from "./FrontCarrier.ts"
import type { Link } from "./Link.ts"
import type { NamedMemory } from "./NamedMemory.ts"
import { AnswerFlag, Down, maxCopied, maxPiece, pieceFields } from "./Records.ts"

/** What the calls of a front share. @internal */
export interface FrontSide {
  readonly link: Link
  readonly named: NamedMemory
  readonly memory: TensorMemory["Service"]
  /** So many bytes of a large body or answer pass the front. */
  readonly moved: (bytes: number) => void
  /** The front will say nothing more of this call. */
  readonly forget: (id: number) => void
}

const nothing = (): void => {}
const empty = Buffer.alloc(0)

/** @internal */
export class FrontCall extends HeadedRequest implements Request, Response {
  readonly multiplexed = false
  readonly leavesTogether = true
  readonly id: number
  readonly carrier: FrontCarrier
  shouldKeepAlive: boolean
  sendDate = false
  complete: boolean
  destroyed = false
  private readonly side: FrontSide
  private call: Exchange | undefined = undefined
  /** The body where it came with the head. */
  private early: Buffer | undefined
  private onData: (chunk: Buffer) => void = nothing
  private onEnd: () => void = nothing
  private filling: { readonly buffer: SharedArrayBuffer; readonly filled: () => void } | undefined = undefined
  /** Why the body cannot be received. */
  private broken: { readonly status: number; readonly message: string } | undefined = undefined
  private unfilled: (() => void) | undefined = undefined
  /** The head that is still to be sent. */
  private answerHead = ""
  private chunked = false
  private named: Array<SharedArrayBuffer> | undefined = undefined
  private copies: Array<Region> | undefined = undefined
  private onWritten: (() => void) | undefined = undefined
  private onRoomOnce: (() => void) | undefined = undefined
  private blocked = false

  constructor(
    side: FrontSide,
    carrier: FrontCarrier,
    id: number,
    head: Head,
    complete: boolean,
    early: Buffer | undefined
  ) {
    super(head)
    this.side = side
    this.carrier = carrier
    this.id = id
    this.complete = complete
    this.early = early
    this.shouldKeepAlive = head.keepsAlive
  }

  get socket(): Wire {
    return this.carrier.wire
  }

  get writableNeedDrain(): boolean {
    return this.blocked
  }

  belongTo(call: Exchange): void {
    this.call = call
  }

  on(event: "data", listener: (chunk: Buffer) => void): void
  on(event: "end", listener: () => void): void
  on(event: "data" | "end", listener: (chunk: Buffer) => void): void {
    if (event === "end") {
      this.onEnd = () => listener(empty)
      return
    }
    this.onData = listener
    if (this.early === undefined) return this.ask()
    // After whoever asks has said all that it wants to hear of.
    queueMicrotask(() => {
      const { call, early } = this
      this.early = undefined
      if (early !== undefined && call !== undefined) {
        call.guard(() => {
          this.onData(early)
          this.onEnd()
        })
      }
    })
  }

  takeWhole(): Buffer | undefined {
    const { early } = this
    this.early = undefined
    return early
  }

  /** The body that came with the head lies in memory that changes now. */
  keepEarly(): void {
    if (this.early !== undefined) this.early = Buffer.from(this.early)
  }

  /** The memory is asked for at once, not with the first byte: the front writes there by itself. */
  fill(memory: () => Uint8Array | undefined, filled: () => void): void {
    const target = memory()
    // Whoever has no memory for it has answered so.
    if (target === undefined) return
    const { buffer } = target
    if (buffer instanceof SharedArrayBuffer) return this.fillShared(buffer, target, filled)
    let at = 0
    this.onData = (chunk) => {
      at = ByteCopy.whole(chunk, target, at)
    }
    this.onEnd = filled
    this.ask()
  }

  private fillShared(buffer: SharedArrayBuffer, target: Uint8Array, filled: () => void): void {
    const { link, named } = this.side
    this.filling = { buffer, filled }
    const memory = named.use(buffer)
    link.open(Down.fill, 16)
    const field = link.at >> 2
    link.ints[field] = this.id
    link.ints[field + 1] = memory
    link.ints[field + 2] = target.byteOffset
    link.ints[field + 3] = target.byteLength
    link.commit()
    this.side.moved(target.byteLength)
    this.mindBroken()
  }

  whenFilled(unused: () => void): void {
    if (this.filling === undefined) unused()
    else this.unfilled = unused
  }

  /** Lets the body come, piece by piece. */
  private ask(): void {
    this.tell(Down.take)
    this.mindBroken()
  }

  resume(): void {
    this.early = undefined
    this.onData = nothing
    this.onEnd = nothing
    if (!this.complete) this.tell(Down.drop)
  }

  writeContinue(): void {
    this.tell(Down.goOn)
  }

  removeHeader(): void {}

  writeHead(status: number, headers: ReadonlyArray<string>): void {
    const sized = AnswerHead.isSized(headers)
    this.answerHead = AnswerHead.textOf(status, headers, this.shouldKeepAlive, sized)
    this.chunked = !sized
  }

  write(piece: Uint8Array | string, encoding?: "utf8" | "latin1", written?: () => void): boolean {
    const bytes = typeof piece === "string" ? Buffer.from(piece, encoding) : piece
    this.onWritten = written
    this.blocked = written === undefined
    this.pieces(bytes, this.blocked ? AnswerFlag.pace : AnswerFlag.notify)
    return !this.blocked
  }

  end(body = "", encoding: "utf8" | "latin1" = "utf8"): void {
    const text = this.head.method === "HEAD" ? "" : body
    const length = encoding === "latin1" ? text.length : Buffer.byteLength(text)
    if (this.answerHead !== "" && !this.chunked && length <= maxPiece) return this.whole(text, length, encoding)
    if (this.answerHead !== "" || length > 0) this.pieces(Buffer.from(text, encoding), 0)
    this.tell(Down.end)
  }

  /** A whole answer in one record. */
  private whole(body: string, byteLength: number, encoding: "utf8" | "latin1"): void {
    const { link } = this.side
    const head = this.answerHead
    link.open(Down.answer, 8 + head.length + byteLength)
    const { at, bytes, ints } = link
    const field = at >> 2
    ints[field] = this.id
    ints[field + 1] = this.shouldKeepAlive ? AnswerFlag.keepAlive : 0
    if (encoding === "latin1" || byteLength === body.length) bytes.write(head + body, at + 8, "latin1")
    else {
      bytes.write(head, at + 8, "latin1")
      bytes.write(body, at + 8 + head.length, encoding)
    }
    link.commit()
    this.over()
  }

  private pieces(bytes: Uint8Array, flags: number): void {
    const { link } = this.side
    let from = 0
    this.side.moved(bytes.byteLength)
    do {
      const to = Math.min(bytes.byteLength, from + maxPiece)
      const head = this.answerHead
      this.answerHead = ""
      link.open(Down.piece, pieceFields + head.length + to - from)
      const at = this.begin(link, to === bytes.byteLength ? flags : 0, head)
      if (to > from) ByteCopy.part(bytes, from, to, link.bytes, at)
      link.commit()
      from = to
    } while (from < bytes.byteLength)
  }

  private get flags(): number {
    return (this.shouldKeepAlive ? AnswerFlag.keepAlive : 0) | (this.chunked ? AnswerFlag.chunked : 0)
  }

  /** Writes the fields that answers begin with, and gives the place behind the head. */
  private begin(link: Link, flags: number, head: string): number {
    const { at, ints } = link
    const field = at >> 2
    ints[field] = this.id
    ints[field + 1] = flags | this.flags
    ints[field + 2] = head.length
    if (head.length > 0) link.bytes.write(head, at + pieceFields, "latin1")
    return at + pieceFields + head.length
  }

  endParts(parts: ReadonlyArray<Uint8Array>): void {
    const { link } = this.side
    const head = this.answerHead
    const places: Array<number> = []
    let here = 0
    let total = 0
    for (const part of parts) {
      const { byteLength } = part
      total += byteLength
      if (byteLength <= maxCopied && here + byteLength <= maxPiece) {
        places.push(0, here, byteLength)
        here += byteLength
      } else places.push(this.place(part), this.placed, byteLength)
    }
    this.side.moved(total)
    const fields = 4 * places.length + 4
    link.open(Down.parts, pieceFields + fields + head.length + here)
    const { at, bytes, ints } = link
    const field = at >> 2
    ints[field] = this.id
    ints[field + 1] = this.flags
    ints[field + 2] = head.length
    ints[field + 3] = parts.length
    for (let i = 0; i < places.length; i++) ints[field + 4 + i] = places[i]!
    const headAt = at + pieceFields + fields
    bytes.write(head, headAt, "latin1")
    const hereAt = headAt + head.length
    for (let i = 0; i < parts.length; i++) {
      if (places[3 * i] === 0) ByteCopy.whole(parts[i]!, bytes, hereAt + places[3 * i + 1]!)
    }
    link.commit()
  }

  private placed = 0

  /** The number of the memory in which the front finds a part, at `placed`. */
  private place(part: Uint8Array): number {
    let shared: Uint8Array = part
    if (!(part.buffer instanceof SharedArrayBuffer)) {
      const region = this.side.memory.acquire(part.byteLength)
      ByteCopy.whole(part, region.bytes, 0)
      ;(this.copies ??= []).push(region)
      shared = region.bytes
    }
    const buffer = shared.buffer as SharedArrayBuffer
    this.placed = shared.byteOffset
    ;(this.named ??= []).push(buffer)
    return this.side.named.use(buffer)
  }

  onceRoom(ready: () => void): void {
    if (this.blocked && !this.destroyed) this.onRoomOnce = ready
    else ready()
  }

  /** Ends the connection, so that nobody takes what was sent for the whole answer. */
  destroy(): void {
    this.carrier.destroy()
  }

  private tell(kind: number): void {
    const { link } = this.side
    link.open(kind, 4)
    link.ints[link.at >> 2] = this.id
    link.commit()
  }

  /** A piece of the body came. */
  data(chunk: Buffer): void {
    this.side.moved(chunk.byteLength)
    this.onData(chunk)
  }

  /** The body is complete. */
  ended(): void {
    this.complete = true
    this.onEnd()
  }

  /** The body is where it was wanted, or nothing more is written there. */
  filled(): void {
    const { filling, unfilled } = this
    if (filling === undefined) return
    this.filling = undefined
    this.side.named.done(filling.buffer)
    if (unfilled === undefined) {
      this.complete = true
      filling.filled()
    } else {
      this.unfilled = undefined
      unfilled()
      this.carrier.late.delete(this)
      if (this.call === undefined) this.side.forget(this.id)
    }
  }

  /** The body cannot be received. */
  fault(status: number, message: string): void {
    this.broken = { status, message }
    this.refuse()
  }

  /** The body is wanted now, and it may be known already that it does not come. */
  private mindBroken(): void {
    if (this.broken !== undefined) queueMicrotask(() => this.refuse())
  }

  /** Refuses the call, if its body is wanted and cannot come. */
  private refuse(): void {
    const { broken, call } = this
    if (broken === undefined || call?.receiving !== true) return
    call.guard(() => {
      call.close()
      call.error(broken.status, broken.message)
    })
  }

  /** There is room for the next piece of the answer. */
  room(): void {
    this.blocked = false
    const ready = this.onRoomOnce
    this.onRoomOnce = undefined
    ready?.()
  }

  /** What main wanted to know the end of was sent. */
  sent(): void {
    const { onWritten } = this
    if (onWritten === undefined) return this.over()
    this.onWritten = undefined
    onWritten()
    this.over()
  }

  private over(): void {
    const { call } = this
    if (call === undefined) return
    this.call = undefined
    this.giveBack()
    if (this.filling === undefined) this.side.forget(this.id)
    else this.carrier.late.add(this)
    call.finish()
  }

  /** The connection is closed: nobody reads or writes any of its memory. */
  gone(): void {
    this.destroyed = true
    this.call = undefined
    this.giveBack()
    this.side.forget(this.id)
    const { filling, unfilled } = this
    this.filling = undefined
    this.unfilled = undefined
    if (filling !== undefined) this.side.named.done(filling.buffer)
    unfilled?.()
    this.room()
  }

  private giveBack(): void {
    const { copies, named } = this
    this.copies = undefined
    this.named = undefined
    if (named !== undefined) { for (const buffer of named) this.side.named.done(buffer) }
    if (copies !== undefined) { for (const region of copies) region.release() }
  }
}
