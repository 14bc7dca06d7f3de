/**
 * A cursor over the bytes of a protobuf message. Nothing is allocated for a field except its value, and `bytes` values are
 * views of the input.
 *
 * Every method reads one thing at `pos`, moves past it, and throws a `WireProblem` where the bytes end early or break the
 * format. `end` is the end of the innermost message.
 *
 * Source: protobuf encoding, https://protobuf.dev/programming-guides/encoding/
 */
import { WireProblem } from "./WireProblem.ts"
import { fromUtf8 } from "./WireStrings.ts"

/** Wire types: how the bytes after a tag are to be read. @category models */
export const wire = { varint: 0, fixed64: 1, delimited: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const

/** Groups and messages inside each other, at most. @category models */
export const deepest = 100

const scratch = new DataView(new ArrayBuffer(8))

/** @category models */
export class WireReader {
  input: Uint8Array
  pos = 0
  end: number
  /** The number of messages and groups around `pos`. */
  depth = 0
  private low = 0
  private high = 0
  private view: DataView | undefined

  constructor(input: Uint8Array) {
    this.input = input
    this.end = input.length
  }

  /** Begins with other bytes, so that one reader serves many messages. */
  reset(input: Uint8Array): void {
    this.input = input
    this.pos = 0
    this.end = input.length
    this.depth = 0
    this.view = undefined
  }

  /** The exception for something wrong at `at`. */
  problem(detail: string, at = this.pos): WireProblem {
    return new WireProblem(detail, at)
  }

  /** A tag: field number times 8 plus wire type. */
  tag(): number {
    const start = this.pos
    if (start < this.end) {
      const first = this.input[start]!
      if (first < 0x80) {
        if (first < 8) throw this.problem("field number 0")
        this.pos = start + 1
        return first
      }
    }
    this.varint()
    if (this.high !== 0 || this.pos - start > 5) throw this.problem("field number out of range", start)
    const tag = this.low >>> 0
    if (tag < 8) throw this.problem("field number 0", start)
    return tag
  }

  /** Reads a varint into `low` and `high`, its lower and upper 32 bits. */
  private varint(): void {
    const { end, input } = this
    let at = this.pos
    let low = 0
    let high = 0
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= end) throw this.problem("the bytes end inside a number")
      const byte = input[at++]!
      const seven = byte & 0x7f
      if (shift < 28) low |= seven << shift
      else if (shift === 28) {
        low |= seven << 28
        high = seven >>> 4
      } else high |= seven << (shift - 32)
      if (byte < 0x80) {
        this.pos = at
        this.low = low
        this.high = high
        return
      }
    }
    throw this.problem("a number of more than 10 bytes")
  }

  /** The lower 32 bits of a varint, unsigned. */
  uint32(): number {
    return this.int32() >>> 0
  }

  /** The lower 32 bits of a varint, signed. */
  int32(): number {
    const at = this.pos
    if (at < this.end) {
      const first = this.input[at]!
      if (first < 0x80) {
        this.pos = at + 1
        return first
      }
    }
    this.varint()
    return this.low
  }

  bool(): boolean {
    const at = this.pos
    if (at < this.end) {
      const first = this.input[at]!
      if (first < 0x80) {
        this.pos = at + 1
        return first !== 0
      }
    }
    this.varint()
    return (this.low | this.high) !== 0
  }

  uint64(): bigint {
    this.varint()
    if (this.high === 0) return BigInt(this.low >>> 0)
    scratch.setInt32(0, this.high)
    scratch.setInt32(4, this.low)
    return scratch.getBigUint64(0)
  }

  int64(): bigint {
    this.varint()
    if (this.high === 0) return BigInt(this.low >>> 0)
    scratch.setInt32(0, this.high)
    scratch.setInt32(4, this.low)
    return scratch.getBigInt64(0)
  }

  /** A signed 64-bit integer as a number; one beyond ±2^53 is a problem. */
  int64Number(): number {
    const at = this.pos
    if (at < this.end) {
      const first = this.input[at]!
      if (first < 0x80) {
        this.pos = at + 1
        return first
      }
    }
    this.varint()
    const value = this.high * 4294967296 + (this.low >>> 0)
    if (!Number.isSafeInteger(value)) throw this.problem("an integer beyond 2^53", at)
    return value
  }

  /** An unsigned 64-bit integer as a number; one beyond 2^53 is a problem. */
  uint64Number(): number {
    const at = this.pos
    this.varint()
    const value = (this.high >>> 0) * 4294967296 + (this.low >>> 0)
    if (!Number.isSafeInteger(value)) throw this.problem("an integer beyond 2^53", at)
    return value
  }

  float(): number {
    const at = this.fixed(4)
    this.view ??= new DataView(this.input.buffer, this.input.byteOffset, this.input.byteLength)
    return this.view.getFloat32(at, true)
  }

  double(): number {
    const at = this.fixed(8)
    this.view ??= new DataView(this.input.buffer, this.input.byteOffset, this.input.byteLength)
    return this.view.getFloat64(at, true)
  }

  private fixed(size: number): number {
    const at = this.pos
    if (size > this.end - at) throw this.problem("the bytes end inside a number")
    this.pos = at + size
    return at
  }

  /** The length before something of variable size, checked against what is left. */
  length(): number {
    const start = this.pos
    if (start < this.end) {
      const first = this.input[start]!
      if (first < 0x80 && first < this.end - start) {
        this.pos = start + 1
        return first
      }
    }
    this.varint()
    const length = (this.high >>> 0) * 4294967296 + (this.low >>> 0)
    if (length > this.end - this.pos) {
      throw this.problem(`a field of ${length} bytes runs past the end`, start)
    }
    return length
  }

  /** A string; bytes that are not UTF-8 are a problem. */
  string(): string {
    const length = this.length()
    const start = this.pos
    const text = fromUtf8(this.input, start, start + length)
    if (text === undefined) throw this.problem("a string that is not UTF-8", start)
    this.pos = start + length
    return text
  }

  /** A view of the input. */
  bytes(): Uint8Array {
    const length = this.length()
    const start = this.pos
    this.pos = start + length
    return this.input.subarray(start, start + length)
  }

  /** Enters a message after its tag: reads its length and makes its end the `end`. Give the result to `close`. */
  open(): number {
    const length = this.length()
    if (++this.depth > deepest) throw this.problem(`nested deeper than ${deepest} levels`)
    const outer = this.end
    this.end = this.pos + length
    return outer
  }

  /** Leaves a message that was read to its end. */
  close(outer: number): void {
    this.depth--
    this.end = outer
  }

  /** Moves past a field whose tag was read. */
  skip(tag: number): void {
    switch (tag & 7) {
      case wire.varint:
        this.varint()
        return
      case wire.fixed64:
        this.fixed(8)
        return
      case wire.delimited: {
        const length = this.length()
        this.pos += length
        return
      }
      case wire.startGroup:
        this.skipGroup(tag)
        return
      case wire.fixed32:
        this.fixed(4)
        return
      default:
        throw this.problem((tag & 7) === wire.endGroup ? "the end of a group that did not begin" : "unknown wire type")
    }
  }

  private skipGroup(tag: number): void {
    if (++this.depth > deepest) throw this.problem(`nested deeper than ${deepest} levels`)
    const last = tag + 1
    for (;;) {
      if (this.pos >= this.end) throw this.problem("the bytes end inside a group")
      const next = this.tag()
      if (next === last) break
      this.skip(next)
    }
    this.depth--
  }
}
