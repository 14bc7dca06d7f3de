/** The connections of this front: what comes on them goes to main, and what main says goes to them. */
import type { Socket } from "node:net"
import type { MessagePort } from "node:worker_threads"
import { Http1Connection, type Http1Handler, type Http1Options } from "../../http1/Http1Connection.ts"
import type { Http1Request } from "../../http1/Http1Request.ts"
import type { Http1Response } from "../../http1/Http1Response.ts"
import { Link } from "../Link.ts"
import { Places } from "../Places.ts"
import {
  Down,
  type FromFront,
  maxInline,
  pieceFields,
  requestFields,
  RequestFlag,
  type ToFront,
  Up
} from "../Records.ts"
import { RingReader, RingWriter } from "../Ring.ts"
import type { Seats } from "../Seats.ts"
import { HeadTable, type LastHead } from "./HeadTable.ts"
import { Memories } from "./Memories.ts"
import { Relayed } from "./Relayed.ts"
import { WorkerCall } from "./WorkerCall.ts"

/** @internal */
export interface Options {
  readonly http: Http1Options
  readonly up: SharedArrayBuffer
  readonly down: SharedArrayBuffer
  readonly port: MessagePort
  readonly seats: Seats
  /** Connections are to be accepted from now on. */
  readonly onListen: () => void
  /** No more connections are to be accepted. */
  readonly onRetire: () => void
}

interface Known extends LastHead {
  readonly id: number
  /** It is closed after the answer to its next request. */
  renews: boolean
}

const maxNumber = 0x7fffffff

/** @internal */
export class Connections implements Http1Handler {
  private readonly options: Options
  private readonly link: Link
  private readonly heads = new HeadTable()
  private readonly memories: Memories
  private readonly known = new Map<Http1Connection, Known>()
  private readonly byId = new Map<number, Http1Connection>()
  private readonly calls = new Places<WorkerCall>()
  private readonly relayed = new Set<Relayed>()
  private readonly timer: NodeJS.Timeout
  private lastConnection = 0
  private callsBefore = 0
  private retiring = false
  private whenEmpty: (() => void) | undefined = undefined
  private readonly forget = (id: number): void => {
    this.calls.leave(id)
  }

  constructor(options: Options) {
    this.options = options
    const { down, http, port, up } = options
    this.memories = new Memories(port, (message) => this.told(message))
    this.link = new Link({
      writer: new RingWriter(up),
      reader: new RingReader(down),
      tell: () => port.postMessage(0),
      onRecord: (record) => this.take(record),
      expectsMore: () => this.isFilling()
    })
    const soonest = Math.min(http.headerTimeout, http.bodyTimeout, http.idleTimeout, http.requestTimeout)
    this.timer = setInterval(() => this.look(), Math.min(5000, Math.max(50, Math.ceil(soonest / 4))))
  }

  /** Serves a connection, from its first byte on. */
  accept(socket: Socket): void {
    if (!this.options.seats.take()) {
      socket.destroy()
      return
    }
    const connection = new Http1Connection(socket, this.options.http, this, performance.now())
    connection.socket.once("close", () => this.options.seats.leave())
    const id = this.lastConnection = this.lastConnection === maxNumber ? 1 : this.lastConnection + 1
    this.known.set(connection, { id, renews: false, head: undefined, place: 0, round: 0 })
    this.byId.set(id, connection)
    this.joined(id, connection.socket)
  }

  /**
   * More calls wait for main than at the last question, and some connections have none: clients that got their answers together are
   * about to send what comes next.
   */
  private isFilling(): boolean {
    const { callsBefore, calls: { size } } = this
    this.callsBefore = size
    return size > callsBefore && size < this.known.size
  }

  private joined(id: number, { localAddress = "", localPort = 0, remoteAddress = "", remotePort = 0 }: Socket): void {
    const { link } = this
    link.open(Up.joined, 16 + remoteAddress.length + localAddress.length)
    const field = link.at >> 2
    link.ints[field] = id
    link.ints[field + 1] = remotePort
    link.ints[field + 2] = localPort
    link.ints[field + 3] = remoteAddress.length
    link.bytes.write(remoteAddress + localAddress, link.at + 16, "latin1")
    link.commit()
  }

  onRequest(request: Http1Request, response: Http1Response, connection: Http1Connection): void {
    const { head } = request
    const known = this.known.get(connection)!
    const id = this.calls.next()
    const call = new WorkerCall(id, request, response, connection, this.link, this.forget)
    this.calls.set(call)
    const { contentLength } = head
    const body = contentLength > 0 && contentLength <= maxInline ? request.takeWhole() : undefined
    const place = this.heads.placeOf(head, known)
    const headLength = this.heads.isKnown ? 0 : head.bytes.length
    const bodyLength = body === undefined ? 0 : body.length
    let flags = contentLength > 0 ? RequestFlag.bodied : 0
    if (contentLength === 0 || body !== undefined) flags |= RequestFlag.whole
    if (head.expects) flags |= RequestFlag.expecting
    if (known.renews && connection.readNoMore()) flags |= RequestFlag.last
    const { link } = this
    link.open(Up.request, requestFields + headLength + bodyLength)
    const { at, bytes, ints } = link
    const field = at >> 2
    ints[field] = id
    ints[field + 1] = known.id
    ints[field + 2] = place
    ints[field + 3] = flags
    ints[field + 4] = headLength
    ints[field + 5] = bodyLength
    if (headLength > 0) bytes.set(head.bytes, at + requestFields)
    if (body !== undefined) body.copy(bytes, at + requestFields + headLength)
    link.commit()
  }

  onLeave(connection: Http1Connection, bytes: Buffer): void {
    this.gone(connection)
    const { port } = this.options
    const relayed = new Relayed(connection.socket, bytes, port, () => {
      this.relayed.delete(relayed)
      this.mindEmpty()
    })
    this.relayed.add(relayed)
  }

  onClose(connection: Http1Connection): void {
    this.gone(connection)
    this.mindEmpty()
  }

  onDefect(thrown: unknown): void {
    this.say({
      _tag: "Defect",
      text: thrown instanceof Error ? thrown.stack ?? thrown.message : String(thrown)
    })
  }

  private gone(connection: Http1Connection): void {
    const { id } = this.known.get(connection)!
    this.known.delete(connection)
    this.byId.delete(id)
    const { link } = this
    link.open(Up.gone, 4)
    link.ints[link.at >> 2] = id
    link.commit()
  }

  private say(message: FromFront): void {
    this.options.port.postMessage(message)
  }

  private look(): void {
    const now = performance.now()
    for (const connection of this.known.keys()) connection.guard(() => connection.look(now))
  }

  /** Main says something. */
  private told(message: ToFront | 0): void {
    if (message === 0) this.link.rung()
    // Not while a record is being read.
    else if (message._tag === "Finish") setImmediate(() => this.finish())
    else if (message._tag === "Listen" && !this.retiring) this.options.onListen()
  }

  private retire(): void {
    if (!this.retiring) this.options.onRetire()
    this.retiring = true
    for (const connection of this.known.keys()) if (!connection.busy) connection.socket.destroy()
  }

  private renew(): void {
    for (const known of this.known.values()) known.renews = true
  }

  /** Answers that are on their way still leave; the rest is cut. */
  private finish(): void {
    this.link.rung()
    this.retire()
    this.whenEmpty = () => {
      clearInterval(this.timer)
      this.say({ _tag: "Finished" })
    }
    for (const connection of this.known.keys()) connection.socket.destroySoon()
    this.mindEmpty()
  }

  private mindEmpty(): void {
    if (this.known.size > 0 || this.relayed.size > 0) return
    const { whenEmpty } = this
    this.whenEmpty = undefined
    whenEmpty?.()
  }

  private take(record: RingReader): void {
    const { at, ints, kind } = record
    const field = at >> 2
    const id = ints[field]!
    switch (kind) {
      case Down.linger:
        return this.byId.get(id)?.linger()
      case Down.close:
        return this.byId.get(id)?.end()
      case Down.destroy:
        return this.byId.get(id)?.destroy()
      case Down.retire:
        return this.retire()
      case Down.renew:
        return this.renew()
    }
    const call = this.calls.get(id)
    if (call === undefined) return
    call.guard(() => this.tell(call, record))
  }

  private tell(call: WorkerCall, record: RingReader): void {
    const { at, bytes, ints, kind, length } = record
    const field = at >> 2
    switch (kind) {
      case Down.answer:
        return call.answer(ints[field + 1]!, bytes.toString("latin1", at + 8, at + length))
      case Down.piece: {
        const bodyAt = at + pieceFields + ints[field + 2]!
        const head = bytes.toString("latin1", at + pieceFields, bodyAt)
        return call.piece(head, ints[field + 1]!, Buffer.from(bytes.subarray(bodyAt, at + length)))
      }
      case Down.end:
        return call.end()
      case Down.parts:
        return this.parts(call, record)
      case Down.goOn:
        return call.response.writeContinue()
      case Down.take:
        return call.take()
      case Down.drop:
        return call.drop()
      case Down.fill:
        return call.fill(this.memories.get(ints[field + 1]!), ints[field + 2]!, ints[field + 3]!)
    }
  }

  private parts(call: WorkerCall, { at, bytes, ints, length }: RingReader): void {
    const field = at >> 2
    const count = ints[field + 3]!
    const headAt = at + pieceFields + 4 + 12 * count
    const hereAt = headAt + ints[field + 2]!
    const here = Buffer.from(bytes.subarray(hereAt, at + length))
    const parts: Array<Uint8Array> = []
    let byteLength = 0
    for (let i = 0; i < count; i++) {
      const memory = ints[field + 4 + 3 * i]!
      const offset = ints[field + 5 + 3 * i]!
      const size = ints[field + 6 + 3 * i]!
      parts.push(
        memory === 0 ? here.subarray(offset, offset + size) : Buffer.from(this.memories.get(memory), offset, size)
      )
      byteLength += size
    }
    call.parts(bytes.toString("latin1", headAt, hereAt), ints[field + 1]!, parts, byteLength)
  }
}
