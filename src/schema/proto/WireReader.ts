/**
 * A cursor over the bytes of a protobuf message. Nothing is allocated for a field except its value, and `bytes` values are
 * views of the input.
 *
 * Every method reads one thing at `pos`, moves past it, and throws a `WireProblem` where the bytes end early or break the
 * format. `end` is the end of the innermost message.
 *
 * Source: protobuf encoding, https://protobuf.dev/programming-guides/encoding/
 */
import { VarintReader } from "./VarintReader.ts"
import { fromUtf8 } from "./WireStrings.ts"

/** Wire types: how the bytes after a tag are to be read. @category models */
export const wire = { varint: 0, fixed64: 1, delimited: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const

/** Groups and messages inside each other, at most. @category models */
export const deepest = 100

/** @category models */
export class WireReader extends VarintReader {
  /** The number of messages and groups around `pos`. */
  depth = 0
  private view: DataView | undefined

  /** Begins with other bytes, so that one reader serves many messages. */
  reset(input: Uint8Array): void {
    this.input = input
    this.pos = 0
    this.end = input.length
    this.depth = 0
    this.view = undefined
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
