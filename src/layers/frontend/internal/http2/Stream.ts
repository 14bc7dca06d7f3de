/** One request and its answer on a connection. Source: RFC 9113 §5.1. */
import type { Connection } from "./Connection.ts"
import type { Fields } from "./HpackEncoder.ts"

/** What happens to a stream. No method may throw. @internal */
export interface StreamHandler {
  /** A piece of the body. It counts against the windows until `Stream.consume`; the bytes stay only with `Stream.keepChunk`. */
  onData(chunk: Buffer, start: number, end: number): void
  /** The body is complete. */
  onEnd(): void
  /** Little is left to send: more may be handed over. */
  onRoom(): void
  /** No byte came or went for as long as the server grants. */
  onStill(): void
  /** The server ends, and waits no longer for what the client has begun to send. */
  onCut(): void
  /** The stream is over. */
  onClose(): void
}

/** Something handed over and not in the output yet. */
interface Outgoing {
  readonly parts: ReadonlyArray<Uint8Array>
  readonly sent: () => void
  /** The part and the place in it where the next frame begins. */
  part: number
  from: number
  /** Bytes left. */
  left: number
  /** Some of its bytes were not copied. */
  attached: boolean
}

/** More than this waiting for the client makes `send` say so. */
const maxWaiting = 256 * 1024

const nothing = (): void => {}
const ignored: StreamHandler = {
  onData: nothing,
  onEnd: nothing,
  onRoom: nothing,
  onStill: nothing,
  onCut: nothing,
  onClose: nothing
}

/** @internal */
export class Stream {
  readonly id: number
  readonly connection: Connection
  handler: StreamHandler = ignored
  /** The client has sent everything. */
  ended = false
  /** Nothing more can be sent. */
  closed = false
  /** The whole answer was sent. */
  whole = false
  /** Bytes that the client allows to be sent. */
  sendWindow: number
  /** Bytes that the client may still send. */
  credit: number
  /** Bytes consumed and not allowed again yet; negative when more was allowed ahead. */
  owed = 0
  /** Bytes of the body still to come, as the client announced. */
  announced: number | undefined
  /** It stands in the queue of the streams that can send. */
  queued = false
  /** Something happened on it since `Upkeep` looked last. */
  moved = true
  /** When it last moved, for `Upkeep`. */
  stillSince = 0
  /** Bytes waiting for the client. */
  waiting = 0
  private readonly outgoing: Array<Outgoing> = []
  private trailers: Fields | undefined = undefined
  /** Nothing more is handed over. */
  private ending = false
  private full = false

  constructor(id: number, connection: Connection, announced: number | undefined) {
    this.id = id
    this.connection = connection
    this.announced = announced
    this.sendWindow = connection.sender.initialWindow
    this.credit = connection.streamWindow
  }

  /** There is something to send as soon as windows allow. */
  get pending(): boolean {
    return this.outgoing.length > 0
  }

  /** Sends a header block, the first one of the answer. */
  headers(fields: Fields, endStream: boolean): void {
    if (this.closed) return
    this.connection.writer.headers(this.id, fields, endStream)
    this.answered()
    if (endStream) this.finished()
  }

  /**
   * Sends a piece of the body in parts of `byteLength` bytes in all. `sent` is called once: when the parts may change again, perhaps
   * before this returns. `false`: wait for `StreamHandler.onRoom`.
   */
  send(parts: ReadonlyArray<Uint8Array>, byteLength: number, sent: () => void): boolean {
    const { sender } = this.connection
    if (this.closed || this.ending || byteLength === 0) {
      sent()
      return true
    }
    if (!this.pending && sender.atOnce(this, byteLength)) {
      sender.put(this, parts, byteLength)
      this.answered()
      sent()
      return true
    }
    this.outgoing.push({ parts, sent, part: 0, from: 0, left: byteLength, attached: false })
    this.waiting += byteLength
    sender.ready(this)
    this.full ||= this.waiting > maxWaiting
    return !this.full
  }

  /** Ends the answer, with a last header block where there is one. */
  end(trailers: Fields | undefined): void {
    if (this.closed || this.ending) return
    this.ending = true
    this.trailers = trailers
    if (this.outgoing.length === 0) this.emitEnd()
  }

  /** Ends the stream at once. */
  reset(code: number): void {
    if (this.closed) return
    this.connection.resetStream(this.id, code)
    this.close()
  }

  /**
   * So many bytes of the body need no memory of this stream any more: the client may send as many again, where more than the `needed`
   * ones are to come.
   */
  consume(bytes: number, needed = Infinity): void {
    this.owed += bytes
    this.connection.consume(bytes)
    const { closed, connection, credit, ended, owed } = this
    if (!ended && !closed && owed >= connection.streamWindow / 2 && credit < needed) this.allow(owed)
  }

  /** The client may send so many bytes without waiting, for which memory is there. */
  expect(bytes: number): void {
    if (!this.ended && !this.closed && this.credit < bytes) this.allow(bytes - this.credit)
  }

  /** Nobody else changes the memory of the chunk of the last `onData`, so it may be kept. */
  get ownsChunk(): boolean {
    return this.connection.chunkOwned
  }

  /** The chunk of the last `onData` is kept by whoever received it. */
  keepChunk(): void {
    this.connection.chunkKept = true
  }

  private allow(bytes: number): void {
    this.owed -= bytes
    this.credit += bytes
    this.connection.writer.windowUpdate(this.id, bytes)
    this.connection.touch()
  }

  /** Writes one frame of what waits, of at most `most` bytes, and gives its size. Called by `Sender`. */
  emit(most: number): number {
    const { writer } = this.connection
    const first = this.outgoing[0]!
    const length = Math.min(first.left, most)
    writer.dataHead(this.id, length, false)
    let left = length
    while (left > 0) {
      const part = first.parts[first.part]!
      const end = Math.min(part.length, first.from + left)
      if (!writer.payload(first.from === 0 && end === part.length ? part : part.subarray(first.from, end))) {
        first.attached = true
      }
      left -= end - first.from
      if (end === part.length) {
        first.part++
        first.from = 0
      } else {
        first.from = end
      }
    }
    first.left -= length
    this.waiting -= length
    this.answered()
    if (first.left === 0) {
      this.outgoing.shift()
      if (first.attached) writer.taken(first.sent)
      else first.sent()
      if (this.ending && this.outgoing.length === 0) this.emitEnd()
    }
    if (this.full && !this.closed && this.waiting <= maxWaiting / 2) {
      this.full = false
      this.handler.onRoom()
    }
    return length
  }

  /** Something of the answer is in the output. */
  private answered(): void {
    this.moved = true
    this.connection.inbound.pings.answered()
    this.connection.touch()
  }

  private emitEnd(): void {
    const { connection, id, trailers } = this
    if (trailers === undefined) connection.writer.dataHead(id, 0, true)
    else connection.writer.headers(id, trailers, true)
    this.answered()
    this.finished()
  }

  /** The end of the answer is in the output. A client that is still sending is told to stop, soon or at once. */
  private finished(): void {
    this.whole = true
    if (!this.ended) this.connection.stop(this.id)
    this.close()
  }

  /** It is over. */
  close(): void {
    if (this.closed) return
    this.closed = true
    this.trailers = undefined
    this.waiting = 0
    this.connection.forget(this)
    // What was written of the first one may not have left.
    for (const { attached, sent } of this.outgoing.splice(0)) {
      if (attached) this.connection.writer.taken(sent)
      else sent()
    }
    this.handler.onClose()
  }
}
