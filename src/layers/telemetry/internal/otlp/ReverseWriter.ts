/**
 * Writes protobuf messages back to front: the length of a message is known once it is written, so that nothing is measured before
 * or moved after. Fields are to be written in the reverse of their order.
 *
 * Source: protobuf encoding, https://protobuf.dev/programming-guides/encoding/
 */

import type { Block, Blocks } from "./Block.ts"

const encoder = new TextEncoder()

/** A message that was written. @category models */
export class Written {
  readonly block: Block
  readonly from: number
  readonly to: number

  constructor(block: Block, from: number, to: number) {
    this.block = block
    this.from = from
    this.to = to
  }

  get length(): number {
    return this.to - this.from
  }

  /** Its bytes, until it is released. */
  get bytes(): Uint8Array {
    return this.block.bytes.subarray(this.from, this.to)
  }
}

/** @category models */
export class ReverseWriter {
  private readonly blocks: Blocks
  private block: Block
  private bytes: Uint8Array
  private view: DataView
  private at: number
  /** What was taken begins here. */
  private end: number

  constructor(blocks: Blocks) {
    this.blocks = blocks
    const { bytes, view } = this.block = blocks.take(0)
    this.bytes = bytes
    this.view = view
    this.at = this.end = bytes.length
  }

  /** Bytes written so far: what a message that is written next ends before. */
  get length(): number {
    return this.end - this.at
  }

  /** What was written since the last time, in its order. Its memory is used again once it was released. */
  take(): Written {
    const { at, block, end } = this
    block.held++
    this.end = at
    return new Written(block, at, end)
  }

  /** Nobody reads it any more. It is called once at most; what is never released is left to the garbage collector. */
  release({ block }: Written): void {
    if (--block.held === 0 && block !== this.block) this.blocks.give(block)
  }

  /** Makes room for so many bytes more. */
  private room(size: number): void {
    if (this.at >= size) return
    const { block: old, length } = this
    const { bytes, view } = this.block = this.blocks.take(2 * (length + size))
    bytes.set(this.bytes.subarray(this.at, this.end), bytes.length - length)
    this.bytes = bytes
    this.view = view
    this.end = bytes.length
    this.at = bytes.length - length
    if (old.held === 0) this.blocks.give(old)
  }

  /** One byte, such as a tag of the fields 1 to 15: field number times 8 plus wire type. */
  byte(value: number): void {
    this.room(1)
    this.bytes[--this.at] = value
  }

  /** An unsigned integer of 32 bits, such as a length or a tag. */
  uint32(value: number): void {
    if (value < 0x80) return this.byte(value)
    this.room(5)
    const size = value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5
    let at = this.at -= size
    for (; value > 0x7f; value >>>= 7) this.bytes[at++] = (value & 0x7f) | 0x80
    this.bytes[at] = value
  }

  /** An integer, ten bytes when negative; beyond 64 bits it wraps. */
  int64(value: number): void {
    if (value >= 0 && value <= 0xffffffff) return this.uint32(value)
    const groups: Array<number> = []
    let rest = BigInt.asUintN(64, BigInt(value))
    for (; rest > 0x7fn; rest >>= 7n) groups.push(Number(rest & 0x7fn) | 0x80)
    groups.push(Number(rest))
    this.room(10)
    this.at -= groups.length
    this.bytes.set(groups, this.at)
  }

  /** Four bytes. */
  fixed32(value: number): void {
    this.room(4)
    this.view.setUint32(this.at -= 4, value, true)
  }

  /** Eight bytes of an integer in two halves. */
  fixed64(high: number, low: number): void {
    this.room(8)
    this.at -= 8
    this.putHalves(0, high, low)
  }

  double(value: number): void {
    this.room(8)
    this.view.setFloat64(this.at -= 8, value, true)
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array): void {
    this.room(bytes.length)
    this.bytes.set(bytes, this.at -= bytes.length)
  }

  /** Four bytes of an id, the first digits of it first. */
  word(value: number): void {
    this.room(4)
    this.at -= 4
    this.putWord(0, value)
  }

  /** Puts a word of an id into what was written, so many bytes behind what was written last. */
  putWord(offset: number, value: number): void {
    this.view.setInt32(this.at + offset, value, false)
  }

  /** Puts an integer of eight bytes, in two halves, into what was written. */
  putHalves(offset: number, high: number, low: number): void {
    this.view.setInt32(this.at + offset, low, true)
    this.view.setInt32(this.at + offset + 4, high, true)
  }

  /** What was written since `length` was this, until something else is written. */
  since(length: number): Uint8Array {
    return this.bytes.subarray(this.at, this.end - length)
  }

  /** Length and UTF-8 bytes. */
  string(text: string): void {
    const { length } = text
    // No character of UTF-16 takes more than three bytes.
    this.room(3 * length + 5)
    const end = this.at
    let at = end - length
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i)
      if (code > 0x7f) return this.unicode(text)
      this.bytes[at + i] = code
    }
    this.at = at
    this.uint32(length)
  }

  private unicode(text: string): void {
    const utf8 = encoder.encode(text)
    this.at -= utf8.length
    this.bytes.set(utf8, this.at)
    this.uint32(utf8.length)
  }

  /** The length of a message that was written since `length` was this. */
  message(since: number): void {
    this.uint32(this.length - since)
  }
}
