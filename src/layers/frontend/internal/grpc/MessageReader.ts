/**
 * Cuts the body of a call into messages and puts each one where it will lie.
 *
 * Source: gRPC over HTTP/2, "Length-Prefixed-Message".
 */
import type { TensorMemory } from "../../../../services/TensorMemory.ts"
import * as ByteCopy from "../../../ByteCopy.ts"
import { Backlog } from "../http2/Backlog.ts"
import type { Stream } from "../http2/Stream.ts"
import type { Coding } from "./Call.ts"
import { type MessageSink, prefixBytes } from "./Message.ts"
import { decompress, type Refusal, tooLarge } from "./MessageCoding.ts"
import * as MessagePlace from "./MessagePlace.ts"
import type { Place } from "./MessagePlace.ts"
import { Status } from "./Status.ts"

/** @internal */
export interface ReaderOptions {
  readonly memory: TensorMemory["Service"]
  readonly maxMessageBytes: number
  /** What compressed messages are compressed with. */
  readonly coding: Coding
}

const internal = (message: string): Refusal => ({ status: Status.internal, message })

/** @internal */
export class MessageReader {
  private readonly stream: Stream
  private readonly sink: MessageSink
  private readonly options: ReaderOptions
  private backlog: Backlog | undefined = undefined
  private wanted = false
  /** The request has ended. */
  private ended = false
  /** Nothing is taken any more. */
  private stopped = false
  private pouring = false
  /** Bytes of the prefix that came; `prefixBytes`: a message is being received. */
  private prefix = 0
  private compressed = 0
  private length = 0
  private place: Place | undefined = undefined
  private have = 0
  /** Stops the decompression in progress. */
  private stopWork: (() => void) | undefined = undefined

  constructor(stream: Stream, options: ReaderOptions, sink: MessageSink) {
    this.stream = stream
    this.options = options
    this.sink = sink
  }

  /** A message has begun and is not complete. */
  get within(): boolean {
    return this.prefix > 0 && this.stopWork === undefined
  }

  /** Asks for one more message. */
  more(): void {
    if (this.wanted || this.stopped) return
    this.wanted = true
    if (!this.pouring && this.stopWork === undefined) this.pour()
  }

  /** Takes a piece of the body. */
  push(chunk: Buffer, start: number, end: number): void {
    if (this.stopped) return this.stream.consume(end - start)
    const behind = this.backlog !== undefined && this.backlog.size > 0
    const at = behind ? start : this.read(chunk, start, end)
    if (at < end && !this.stopped) this.keep(chunk, at, end)
  }

  /** The body is complete. */
  end(): void {
    this.ended = true
    if (!this.pouring) this.settle()
  }

  /** Takes nothing more, and gives back what an incomplete message holds. */
  stop(): void {
    if (this.stopped) return
    this.stopped = true
    this.stopWork?.()
    this.stopWork = undefined
    this.dropPlace()
    if (this.backlog !== undefined) {
      this.stream.consume(this.backlog.size)
      this.backlog = undefined
    }
  }

  private keep(chunk: Buffer, start: number, end: number): void {
    this.backlog ??= new Backlog()
    if (this.backlog.push(chunk, start, end, this.stream.ownsChunk)) this.stream.keepChunk()
  }

  /** Reads what had to wait, as far as messages are wanted. */
  private pour(): void {
    this.pouring = true
    while (this.reading) {
      const piece = this.backlog?.shift()
      if (piece === undefined) break
      const at = this.read(piece, 0, piece.length)
      if (at < piece.length) this.backlog?.unshift(piece.subarray(at))
    }
    this.pouring = false
    this.settle()
  }

  /** More bytes are taken now. */
  private get reading(): boolean {
    return !this.stopped && this.stopWork === undefined && (this.wanted || this.prefix > 0)
  }

  /** Ends the reading where there is nothing more to come. */
  private settle(): void {
    if (!this.ended || this.stopped || this.stopWork !== undefined) return
    if (this.backlog !== undefined && this.backlog.size > 0) return
    this.stopped = true
    if (this.prefix > 0) {
      this.dropPlace()
      this.sink.refuse(internal("The request ended within a message. Send as many bytes as its prefix says."))
    } else {
      this.sink.end()
    }
  }

  /** Reads as far as messages are wanted, and gives the place reached. */
  private read(chunk: Buffer, start: number, end: number): number {
    let at = start
    while (at < end && this.reading) {
      at = this.prefix < prefixBytes ? this.readPrefix(chunk, at, end) : this.readBody(chunk, at, end)
    }
    if (at > start) this.stream.consume(at - start, this.needed)
    if (this.stopped && at < end) {
      this.stream.consume(end - at)
      return end
    }
    return at
  }

  /** Bytes that are still to come, with the one by which a message too many shows. */
  private get needed(): number {
    if (this.stopped || !this.sink.takesOne) return Infinity
    return this.prefix === prefixBytes ? this.length - this.have + 1 : 1
  }

  private readPrefix(chunk: Buffer, start: number, end: number): number {
    let at = start
    while (at < end && this.prefix < prefixBytes) {
      const byte = chunk[at++]!
      if (this.prefix++ === 0) {
        this.compressed = byte
        this.length = 0
      } else {
        this.length = this.length * 256 + byte
      }
    }
    if (this.prefix === prefixBytes) this.begin(end - at)
    return at
  }

  /** A prefix is complete. `near`: bytes that are here already. */
  private begin(near: number): void {
    const { coding, maxMessageBytes } = this.options
    const { compressed, length } = this
    const refusal = compressed > 1
      ? internal(`The flag of a message must be 0 or 1, got: ${compressed}`)
      : compressed === 1 && coding === "identity"
      ? internal("A message is flagged as compressed, and the call has no grpc-encoding.")
      : length > maxMessageBytes
      ? tooLarge(length, maxMessageBytes)
      : this.sink.admit(length)
    if (refusal !== undefined) return this.refuse(refusal)
    this.wanted = false
    this.have = 0
    if (length === 0) this.complete(new Uint8Array(0), undefined)
    else if (length > near) this.stream.expect(length - near)
  }

  private readBody(chunk: Buffer, at: number, end: number): number {
    const { length } = this
    const place = this.place ??= this.take(length)
    if (place === undefined) return end
    const count = Math.min(length - this.have, end - at)
    ByteCopy.part(chunk, at, at + count, place.bytes, this.have)
    this.have += count
    if (this.have === length) {
      this.place = undefined
      this.complete(place.bytes, place.region)
    }
    return at + count
  }

  /** Memory for a message; where there is none the call is refused. */
  private take(length: number): Place | undefined {
    try {
      return MessagePlace.take(this.options.memory, length)
    } catch {
      this.refuse(noMemory(length))
      return undefined
    }
  }

  private dropPlace(): void {
    this.place?.region?.release()
    this.place = undefined
  }

  private complete(bytes: Uint8Array, region: Place["region"]): void {
    const { coding, maxMessageBytes } = this.options
    const counted = this.length
    this.prefix = 0
    if (this.compressed === 0 || coding === "identity") return this.sink.message({ bytes, region, counted })
    let total = counted
    let working = true
    let later = false
    const stop = decompress(bytes, {
      coding,
      limit: maxMessageBytes,
      admit: (more) => {
        total += more
        return this.sink.admit(more)
      },
      done: (outcome) => {
        working = false
        this.stopWork = undefined
        if (outcome instanceof Uint8Array) this.decompressed(outcome, total)
        else this.refuse(outcome)
        region?.release()
        if (later && !this.stopped) this.pour()
      }
    })
    later = true
    if (working) {
      this.stopWork = () => {
        stop()
        region?.release()
      }
    }
  }

  /** A message came out of its compression: it goes where it would lie without. */
  private decompressed(bytes: Uint8Array, counted: number): void {
    if (this.stopped) return
    const place = this.take(bytes.length)
    if (place === undefined) return
    ByteCopy.whole(bytes, place.bytes, 0)
    this.sink.message({ ...place, counted })
  }

  private refuse(refusal: Refusal): void {
    this.stop()
    this.sink.refuse(refusal)
  }
}

const noMemory = (bytes: number): Refusal => ({
  status: Status.resourceExhausted,
  message: `There is no memory for a message of ${bytes} bytes. Retry later, or send less at a time.`
})
