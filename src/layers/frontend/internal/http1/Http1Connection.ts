/**
 * One connection of HTTP/1.1 as its server sees it: its requests, the order of their answers, and how it ends.
 *
 * What `HeadReader` does not read goes to somebody else for good, at the boundary of a request and after the answers that are owed.
 * It needs nothing but its socket. Source: RFC 9112 §9.
 */
import type { Socket } from "node:net"
import { stayAwake } from "../Attention.ts"
import { closingBytes } from "../http/Answer.ts"
import { CallList } from "../http/CallList.ts"
import * as Unfinished from "../http/Unfinished.ts"
import type { Carrier, InProgress } from "../http/Wire.ts"
import { Intake, type Reader } from "../Intake.ts"
import type { Head } from "./Head.ts"
import { incomplete, odd, readHead } from "./HeadReader.ts"
import { Http1Request } from "./Http1Request.ts"
import { Http1Response } from "./Http1Response.ts"

/** Times in milliseconds. @internal */
export interface Http1Options {
  /** Bytes of the head of a request. */
  readonly maxHeaderSize: number
  /** Requests of a connection whose answers are not out yet; the next one is not read before. */
  readonly maxPipelined: number
  /** Until the head of a request is complete. */
  readonly headerTimeout: number
  /** Pause within a body, or within the reception of an answer. */
  readonly bodyTimeout: number
  /** Until a whole request is complete. */
  readonly requestTimeout: number
  /** Between two requests. */
  readonly idleTimeout: number
  /** For which its thread stays awake after an answer, see `Attention`. */
  readonly awake: number
}

/** Whom a connection gives what came on it. No method may throw. @internal */
export interface Http1Handler {
  /** A request whose head is here. Who has it calls `response.belongTo`, and answers now or later. */
  onRequest(request: Http1Request, response: Http1Response, connection: Http1Connection): void
  /**
   * The socket is somebody else's from now on: paused, with `bytes` to be read before what comes, and with no listener left.
   */
  onLeave(connection: Http1Connection, bytes: Buffer): void
  /** It is over; its calls were aborted. */
  onClose(connection: Http1Connection): void
  /** Something threw that is a bug; the connection ends. */
  onDefect(thrown: unknown): void
}

/** Nothing more is read while so many bytes wait for their turn. */
const maxHeld = 64 * 1024

/** So much of a body is read straight into its memory. */
const minPlaced = 16 * 1024

/** The most milliseconds that a timer of Node can wait. */
const longest = 2 ** 31 - 1

const nothing = (): void => {}
const empty = Buffer.alloc(0)

/** @internal */
export class Http1Connection implements Carrier, Reader {
  /** The socket; another one than it was made with, which stands for the same connection. */
  readonly socket: Socket
  readonly calls = new CallList<InProgress>()
  /** Whose memory the next bytes go to. */
  placing: Http1Request | undefined = undefined
  /** The last head of any connection: those of a client, and of clients of one kind, are often the same. */
  private static recent: Head | undefined = undefined
  private readonly intake: Intake
  private readonly options: Http1Options
  private readonly handler: Http1Handler
  /** Answers that are not out yet, in the order of their requests. */
  private oldest: Http1Response | undefined = undefined
  private newest: Http1Response | undefined = undefined
  private owed = 0
  /** The last head, which the next one often equals. */
  private last: Head | undefined = undefined
  /** The request whose body is being read, and how much of it is missing. */
  private arriving: Http1Request | undefined = undefined
  private missing = 0
  /** When it, or the head that is not complete yet, began. */
  private arrivingSince = 0
  /** What was read and not understood yet. */
  private held: Buffer | undefined = undefined
  /** What is held is the beginning of a head. */
  private isPartial = false
  /** What is held is nothing for this connection. */
  private isOdd = false
  /** No more requests are taken. */
  private deaf = false
  /** More than the request that came last was read already. */
  private isAhead = false
  /** No more answers are sent. */
  private closing = false
  private over = false
  private reading = false
  private paused = false
  private failure: Buffer | undefined = undefined
  private failed = false
  private begun = false
  /** Something came since `look` was called last, and when it was then. */
  private moved = true
  private movedAt: number
  private readonly onEnd = (): void => this.guard(() => this.ended())
  private readonly onDrain = (): void => this.guard(() => this.drained())
  private readonly onTimeout = (): void => this.guard(() => this.stalled())
  private readonly onClose = (): void => this.closed()

  /**
   * Takes a socket that was accepted just now, and that stays open when the client has sent everything (`allowHalfOpen`). `now`: a
   * reading of `performance.now()`.
   */
  constructor(accepted: Socket, options: Http1Options, handler: Http1Handler, now: number) {
    this.options = options
    this.handler = handler
    this.movedAt = now
    this.intake = new Intake(accepted, this)
    const { socket } = this.intake
    this.socket = socket
    socket.on("end", this.onEnd)
    socket.on("drain", this.onDrain)
    socket.on("timeout", this.onTimeout)
    socket.on("error", nothing)
    socket.on("close", this.onClose)
  }

  /** The answer whose turn it is; after the last one that the connection has none is. */
  get first(): Http1Response | undefined {
    return this.closing ? undefined : this.oldest
  }

  /** Something is still owed to the client. */
  get busy(): boolean {
    return this.calls.size > 0
  }

  /** Runs a step; what it throws is a bug that ends this connection and nothing else. */
  guard(step: () => void): void {
    try {
      step()
    } catch (thrown) {
      this.handler.onDefect(thrown)
      this.destroy()
    }
  }

  receive(chunk: Buffer, owned: boolean): void {
    try {
      this.moved = true
      this.begun = true
      if (this.held === undefined) {
        this.read(chunk, owned)
      } else if (this.waits) {
        this.held = Buffer.concat([this.held, chunk])
        this.isPartial = false
        this.mindRoom()
      } else {
        const { held } = this
        this.held = undefined
        this.read(Buffer.concat([held, chunk]), true)
      }
    } catch (thrown) {
      this.handler.onDefect(thrown)
      this.destroy()
    }
  }

  receivePlaced(length: number): void {
    try {
      this.moved = true
      const { arriving } = this
      if (arriving === undefined) return
      this.missing -= length
      if (this.missing === 0) this.arriving = undefined
      arriving.placed(length)
      if (this.missing === 0) arriving.end()
    } catch (thrown) {
      this.handler.onDefect(thrown)
      this.destroy()
    }
  }

  place(): Uint8Array | undefined {
    const { arriving, missing, placing } = this
    const place = missing >= minPlaced ? arriving?.place(missing) : undefined
    this.placing = place === undefined ? undefined : arriving
    if (placing !== undefined && placing !== this.placing) placing.unplaced()
    return place
  }

  /** What is held is not looked at before an answer is out. */
  private get waits(): boolean {
    return this.isOdd || this.owed >= this.options.maxPipelined || this.socket.writableNeedDrain
  }

  private read(bytes: Buffer, owned: boolean): void {
    const nested = this.reading
    this.reading = true
    let at = 0
    while (at < bytes.length && !this.over) {
      if (this.arriving !== undefined) {
        at = this.readBody(this.arriving, bytes, at, owned)
        continue
      }
      if (this.deaf) break
      if (this.waits) {
        this.held = owned ? bytes.subarray(at) : Buffer.from(bytes.subarray(at))
        break
      }
      const head = this.headAt(bytes, at)
      if (head === incomplete || head === odd) {
        this.isOdd = head === odd
        if (head === incomplete && !this.isPartial) this.arrivingSince = performance.now()
        this.isPartial = head === incomplete
        this.held = owned && at === 0 ? bytes : Buffer.from(bytes.subarray(at))
        break
      }
      this.isPartial = false
      this.last = head
      at = this.begin(head, bytes, at + head.bytes.length)
    }
    this.reading = nested
    this.mindRoom()
    if (this.isOdd) this.leave()
  }

  private headAt(bytes: Buffer, at: number): Head | typeof incomplete | typeof odd {
    const { last, options: { maxHeaderSize } } = this
    if (last?.isAt(bytes, at) === true) return last
    const { recent } = Http1Connection
    if (recent?.isAt(bytes, at) === true && recent.bytes.length <= maxHeaderSize) return recent
    const head = readHead(bytes, at, maxHeaderSize)
    if (typeof head === "object") Http1Connection.recent = head
    return head
  }

  private readBody(request: Http1Request, bytes: Buffer, at: number, owned: boolean): number {
    const end = Math.min(bytes.length, at + this.missing)
    this.missing -= end - at
    if (this.missing === 0) this.arriving = undefined
    request.push(bytes, at, end, owned)
    if (this.missing === 0) request.end()
    return end
  }

  /** A request whose body begins at a place. */
  private begin(head: Head, bytes: Buffer, at: number): number {
    const request = new Http1Request(this, head)
    const response = new Http1Response(this, request)
    if (this.newest === undefined) this.oldest = response
    else this.newest.next = response
    this.newest = response
    this.owed++
    if (!head.keepsAlive) this.deaf = true
    const end = at + head.contentLength
    this.isAhead = end < bytes.length
    if (end <= bytes.length) {
      if (end === at) request.complete = true
      else request.lend(bytes.subarray(at, end))
      this.handler.onRequest(request, response, this)
      request.keepLent()
      return end
    }
    this.arriving = request
    this.missing = head.contentLength
    this.arrivingSince = performance.now()
    this.handler.onRequest(request, response, this)
    return at
  }

  /**
   * Takes the request that came last for the last one of the connection; its answer has to say so. `false`: others are here as well,
   * and nothing changes.
   */
  readNoMore(): boolean {
    if (this.isAhead || this.owed > 1) return false
    this.deaf = true
    return true
  }

  /** Reads what is held, if it is time. */
  private proceed(): void {
    if (this.reading || this.over) return
    if (this.isOdd) return this.leave()
    const { held } = this
    if (held !== undefined && !this.waits && !this.isPartial) {
      this.held = undefined
      this.read(held, true)
    } else this.mindRoom()
  }

  /** Stops reading from the socket while too much waits, and goes on when it does not any more. */
  private mindRoom(): void {
    const { arriving, held, socket } = this
    const full = (held !== undefined && !this.isPartial && held.length >= maxHeld) ||
      (arriving !== undefined && arriving.waiting >= maxHeld)
    if (full === this.paused || this.over) return
    this.paused = full
    if (full) socket.pause()
    else socket.resume()
  }

  /** Somebody took what waited of a body. */
  roomForBody(): void {
    if (!this.reading) this.mindRoom()
  }

  /** Gives the connection away when nothing is owed any more. */
  private leave(): void {
    if (this.over || this.calls.size > 0 || this.owed > 0 || this.failed) return
    const { held = empty, socket } = this
    this.over = true
    this.held = undefined
    this.intake.leave()
    socket.off("end", this.onEnd)
    socket.off("drain", this.onDrain)
    socket.off("timeout", this.onTimeout)
    socket.off("error", nothing)
    socket.off("close", this.onClose)
    socket.pause()
    this.handler.onLeave(this, held)
  }

  /** Sends something of the first answer; text is latin1. */
  write(piece: string | Uint8Array): void {
    if (typeof piece === "string") this.socket.write(piece, "latin1")
    else this.socket.write(piece)
  }

  /** Calls back when everything written so far was taken by the operating system, or never will be. */
  whenOut(callback: () => void): void {
    const { socket } = this
    if (socket.destroyed) return
    if (socket.writableLength === 0) return callback()
    this.watch()
    socket.write(empty, () => {
      this.unwatch()
      if (!socket.destroyed) this.guard(callback)
    })
  }

  /** The client has to take what waits for it in time. */
  watch(): void {
    this.socket.setTimeout(Math.min(this.options.bodyTimeout, longest))
  }

  private unwatch(): void {
    if (this.socket.writableLength === 0) this.socket.setTimeout(0)
  }

  /** The first answer was handed over to its last byte. */
  answered(response: Http1Response): void {
    const { socket } = this
    const { call, next } = response
    response.next = undefined
    this.oldest = next
    this.owed--
    if (next === undefined) {
      this.newest = undefined
      stayAwake(this.options.awake)
    }
    if (call !== undefined) {
      if (socket.writableLength === 0 && !socket.destroyed) call.finish()
      else this.whenOut(() => call.finish())
    }
    if (!response.shouldKeepAlive) {
      this.deaf = true
      this.closing = true
      this.held = undefined
      socket.destroySoon()
      return
    }
    next?.goOn()
    this.proceed()
  }

  left(): void {
    if (this.failure !== undefined && this.calls.size === 0) {
      this.socket.end(this.failure)
      this.failure = undefined
      this.linger()
    }
    this.proceed()
  }

  linger(): void {
    this.deaf = true
    this.held = undefined
    Unfinished.linger(this.socket)
  }

  end(): void {
    this.socket.end()
  }

  destroy(): void {
    this.socket.destroy()
  }

  /**
   * Nothing more can be read from this connection. The call whose body was being received is refused; otherwise the failure is
   * written after the answers that are still owed.
   */
  private fail(status: number, message: string): void {
    if (this.failed || this.over) return
    this.failed = true
    this.deaf = true
    this.held = undefined
    if (Unfinished.refuseArriving(this.calls, status, message)) return
    for (const call of this.calls) {
      // Nobody can be told what becomes of it: it would wait for the rest of its body as soon as it came to that.
      if (call.running && !call.request.complete) return this.destroy()
    }
    this.failure = closingBytes(status, message)
    this.left()
  }

  /** The client sends nothing more. */
  private ended(): void {
    if (this.over) return
    if (this.arriving !== undefined || this.isPartial) {
      this.fail(400, "The connection ended before the request was complete: its body is shorter than announced.")
    } else {
      this.socket.end()
    }
  }

  private drained(): void {
    this.unwatch()
    this.first?.room()
    this.proceed()
  }

  /** No byte came or went for the time that the server grants. */
  private stalled(): void {
    const waited = Unfinished.waitingFor(this.calls)
    if (waited === "the client") this.fail(408, Unfinished.stoppedArriving)
    else if (waited === "nobody") this.socket.destroy()
  }

  /** Looks what is due; called every now and then. */
  look(now: number): void {
    if (this.over || this.failed) return
    const { options } = this
    if (this.moved) {
      this.moved = false
      this.movedAt = now
    }
    if (this.arriving !== undefined) {
      if (now - this.arrivingSince > options.requestTimeout) this.late()
      else if (now - this.movedAt > options.bodyTimeout) this.stalled()
    } else if (this.isPartial) {
      if (now - this.arrivingSince > options.headerTimeout) this.late()
    } else if (this.calls.size > 0) {
      this.movedAt = now
    } else if (!this.begun) {
      if (now - this.movedAt > options.headerTimeout) this.late()
    } else if (now - this.movedAt > options.idleTimeout) {
      this.socket.destroy()
    }
  }

  private late(): void {
    this.fail(408, "The request did not arrive in time. Send its head and its body without pauses.")
  }

  /** What has not arrived of a request is not waited for any longer. */
  cutShort(): void {
    Unfinished.cutShort(this.calls)
  }

  /** Closes it at once, but for what is on its way out. */
  finish(): void {
    if (!this.busy) return this.socket.destroySoon()
    this.socket.destroy()
    this.closed()
  }

  private closed(): void {
    if (this.over) return
    this.over = true
    this.held = undefined
    this.arriving?.drop()
    this.arriving = undefined
    this.placing?.unplaced()
    this.placing = undefined
    for (const call of this.calls) call.abort()
    this.first?.room()
    this.handler.onClose(this)
  }
}
