/** Cuts what a client sends into frames, where it lies: nothing is joined but the small frames that two chunks share. */
import { Flag, headBytes, preface } from "./Frame.ts"

/** What to do with the payload of a frame. After `stop` nothing more is read. @internal */
export type Treatment = "whole" | "data" | "skip" | "stop"

/** Takes frames in order. @internal */
export interface FrameSink {
  /** What the client sent first is no HTTP/2. */
  badPreface(received: Uint8Array): void
  /** The head of a frame. A frame that is taken `whole` is kept in memory. */
  frame(length: number, type: number, flags: number, stream: number): Treatment
  /** The payload of a frame that is taken whole. */
  payload(bytes: Buffer, start: number, end: number): void
  /** A piece of a `data` payload, without padding. */
  dataPart(chunk: Buffer, start: number, end: number): void
  /** Bytes of padding, and of their announcement, in a `data` payload. */
  dataPadding(bytes: number): void
  /** There is more padding than payload. */
  badPadding(): void
  /** The end of a `data` payload. */
  dataEnd(): void
}

const inPreface = 0
const inHead = 1
const inWhole = 2
const inPadLength = 3
const inData = 4
const inPadding = 5
const inSkip = 6
const stopped = 7

const nothing = Buffer.alloc(0)

/** @internal */
export class FrameReader {
  private readonly sink: FrameSink
  private state = inPreface
  /** A head, or the payload of a whole frame, of which a part has come. */
  private partial: Buffer = nothing
  private have = 0
  private readonly head = Buffer.alloc(Math.max(headBytes, preface.length))
  /** Bytes of the payload that are still to come. */
  private left = 0
  private padding = 0

  constructor(sink: FrameSink) {
    this.sink = sink
  }

  /** Nothing more is read. */
  stop(): void {
    this.state = stopped
  }

  /** Reads a chunk to its end. */
  push(chunk: Buffer): void {
    const end = chunk.length
    let at = 0
    while (at < end) {
      switch (this.state) {
        case inHead:
          at = this.have === 0 && end - at >= headBytes ? this.begin(chunk, at) : this.gatherHead(chunk, at)
          break
        case inWhole:
          at = this.whole(chunk, at)
          break
        case inData:
          at = this.data(chunk, at)
          break
        case inPadLength:
          at = this.padLength(chunk, at)
          break
        case inPadding:
        case inSkip:
          at = this.pass(chunk, at)
          break
        case inPreface:
          at = this.preface(chunk, at)
          break
        default:
          return
      }
    }
  }

  private preface(chunk: Buffer, at: number): number {
    const count = Math.min(preface.length - this.have, chunk.length - at)
    chunk.copy(this.head, this.have, at, at + count)
    this.have += count
    if (this.head.compare(preface, 0, this.have, 0, this.have) !== 0) {
      this.state = stopped
      this.sink.badPreface(this.head.subarray(0, this.have))
    } else if (this.have === preface.length) {
      this.have = 0
      this.state = inHead
    }
    return at + count
  }

  private gatherHead(chunk: Buffer, at: number): number {
    const count = Math.min(headBytes - this.have, chunk.length - at)
    for (let i = 0; i < count; i++) this.head[this.have + i] = chunk[at + i]!
    this.have += count
    if (this.have === headBytes) {
      this.have = 0
      this.begin(this.head, 0)
    }
    return at + count
  }

  /** Reads a head and gives the place behind it. */
  private begin(bytes: Buffer, at: number): number {
    const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!
    const flags = bytes[at + 4]!
    const stream = ((bytes[at + 5]! & 0x7f) << 24) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 8) | bytes[at + 8]!
    const treatment = this.sink.frame(length, bytes[at + 3]!, flags, stream)
    if (this.state === stopped) return at + headBytes
    this.left = length
    switch (treatment) {
      case "data":
        this.padding = 0
        if ((flags & Flag.padded) === 0) {
          this.state = inData
          if (length === 0) this.endData()
        } else {
          this.state = inPadLength
        }
        break
      case "whole":
        if (length === 0) this.sink.payload(nothing, 0, 0)
        else this.state = inWhole
        break
      case "skip":
        if (length > 0) this.state = inSkip
        break
      default:
        this.state = stopped
    }
    return at + headBytes
  }

  private whole(chunk: Buffer, at: number): number {
    if (this.have === 0 && chunk.length - at >= this.left) {
      const end = at + this.left
      this.state = inHead
      this.sink.payload(chunk, at, end)
      return end
    }
    if (this.have === 0) this.partial = Buffer.allocUnsafeSlow(this.left)
    const count = Math.min(this.left - this.have, chunk.length - at)
    chunk.copy(this.partial, this.have, at, at + count)
    this.have += count
    if (this.have === this.left) {
      const whole = this.partial
      this.partial = nothing
      this.have = 0
      this.state = inHead
      this.sink.payload(whole, 0, whole.length)
    }
    return at + count
  }

  private padLength(chunk: Buffer, at: number): number {
    this.padding = chunk[at]!
    this.left -= 1 + this.padding
    if (this.left < 0) {
      this.state = stopped
      this.sink.badPadding()
      return at + 1
    }
    this.state = inData
    this.sink.dataPadding(1 + this.padding)
    if (this.left === 0) this.dataOver()
    return at + 1
  }

  private data(chunk: Buffer, at: number): number {
    const count = Math.min(this.left, chunk.length - at)
    this.left -= count
    this.sink.dataPart(chunk, at, at + count)
    if (this.left === 0 && this.state === inData) this.dataOver()
    return at + count
  }

  private dataOver(): void {
    if (this.padding === 0) return this.endData()
    this.left = this.padding
    this.state = inPadding
  }

  private endData(): void {
    this.state = inHead
    this.sink.dataEnd()
  }

  private pass(chunk: Buffer, at: number): number {
    const count = Math.min(this.left, chunk.length - at)
    this.left -= count
    if (this.left === 0) {
      if (this.state === inPadding) this.endData()
      else this.state = inHead
    }
    return at + count
  }
}
