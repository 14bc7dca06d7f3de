/** Writes frames. Source: RFC 9113 §4, §6. */
import { defaultFrameSize, Flag, FrameType, headBytes } from "./Frame.ts"
import { type Fields, HpackEncoder } from "./HpackEncoder.ts"
import { Output } from "./Output.ts"

/** @internal */
export class FrameWriter extends Output {
  readonly encoder = new HpackEncoder()
  /** Largest payload that the other side takes. */
  maxFrame: number = defaultFrameSize

  private head(length: number, type: number, flags: number, stream: number): void {
    this.reserve(headBytes + Math.min(length, 64))
    const { at, block } = this
    block[at] = length >>> 16
    block[at + 1] = length >>> 8
    block[at + 2] = length
    block[at + 3] = type
    block[at + 4] = flags
    block[at + 5] = stream >>> 24
    block[at + 6] = stream >>> 16
    block[at + 7] = stream >>> 8
    block[at + 8] = stream
    this.at = at + headBytes
  }

  private uint32(value: number): void {
    this.at = this.block.writeUInt32BE(value, this.at)
  }

  /** Identifiers and values in turn. */
  settings(settings: ReadonlyArray<number>): void {
    this.head(settings.length * 3, FrameType.settings, 0, 0)
    for (let i = 0; i < settings.length; i += 2) {
      this.at = this.block.writeUInt16BE(settings[i]!, this.at)
      this.uint32(settings[i + 1]!)
    }
  }

  settingsAck(): void {
    this.head(0, FrameType.settings, Flag.ack, 0)
  }

  /** `payload`: eight bytes. */
  ping(payload: Uint8Array, ack: boolean): void {
    this.head(8, FrameType.ping, ack ? Flag.ack : 0, 0)
    this.add(payload)
  }

  rstStream(stream: number, code: number): void {
    this.head(4, FrameType.rstStream, 0, stream)
    this.uint32(code)
  }

  windowUpdate(stream: number, increment: number): void {
    this.head(4, FrameType.windowUpdate, 0, stream)
    this.uint32(increment)
  }

  goAway(lastStream: number, code: number, reason: string): void {
    const debug = Buffer.from(reason, "latin1")
    this.head(8 + debug.length, FrameType.goAway, 0, 0)
    this.uint32(lastStream)
    this.uint32(code)
    this.add(debug)
  }

  headers(stream: number, fields: Fields, endStream: boolean): void {
    const block = this.encoder.encode(fields)
    const flags = endStream ? Flag.endStream : 0
    const { maxFrame } = this
    if (block.length <= maxFrame) {
      this.head(block.length, FrameType.headers, flags | Flag.endHeaders, stream)
      this.add(block)
      return
    }
    this.head(maxFrame, FrameType.headers, flags, stream)
    this.add(block.subarray(0, maxFrame))
    for (let from = maxFrame; from < block.length; from += maxFrame) {
      const end = Math.min(block.length, from + maxFrame)
      this.head(end - from, FrameType.continuation, end === block.length ? Flag.endHeaders : 0, stream)
      this.add(block.subarray(from, end))
    }
  }

  /** The head of a DATA frame; its payload is added with `payload`. */
  dataHead(stream: number, length: number, endStream: boolean): void {
    this.head(length, FrameType.data, endStream ? Flag.endStream : 0, stream)
  }

  /** A piece of the payload. `true`: it was copied. */
  payload(bytes: Uint8Array): boolean {
    return this.add(bytes)
  }

  /** Calls back when everything up to here was taken by the operating system, or never will be. */
  taken(callback: () => void): void {
    this.whenWritten(callback)
  }
}
