/**
 * Writes protobuf messages back to front: the length of a message is known once it is written, so that nothing is measured before
 * or moved after. Fields are to be written in the reverse of their order.
 *
 * Source: protobuf encoding, https://protobuf.dev/programming-guides/encoding/
 */

const encoder = new TextEncoder()

/** Value of a hexadecimal digit by its character; other characters count as 0. */
const digits = new Uint8Array(128)
for (let value = 0; value < 16; value++) digits[value.toString(16).charCodeAt(0)] = value

/** @category models */
export class ReverseWriter {
  private bytes: Uint8Array
  private at: number

  /** `size`: bytes to begin with; more are taken as they are needed. */
  constructor(size: number) {
    this.bytes = new Uint8Array(size)
    this.at = size
  }

  /** Bytes written so far: what a message that is written next ends before. */
  get length(): number {
    return this.bytes.length - this.at
  }

  /** What was written, in its order. The writer is not to be used any more. */
  finish(): Uint8Array {
    return this.bytes.subarray(this.at)
  }

  /** Makes room for so many bytes more. */
  private room(size: number): void {
    if (this.at >= size) return
    const { length } = this
    const bytes = new Uint8Array(2 * (length + size))
    bytes.set(this.bytes.subarray(this.at), bytes.length - length)
    this.bytes = bytes
    this.at = bytes.length - length
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
    const at = this.at -= 4
    const { bytes } = this
    bytes[at] = value & 0xff
    bytes[at + 1] = (value >>> 8) & 0xff
    bytes[at + 2] = (value >>> 16) & 0xff
    bytes[at + 3] = value >>> 24
  }

  /** Eight bytes of an unsigned integer, given as two halves. */
  fixed64(low: number, high: number): void {
    this.fixed32(high)
    this.fixed32(low)
  }

  double(value: number): void {
    this.room(8)
    this.at -= 8
    new DataView(this.bytes.buffer).setFloat64(this.at, value, true)
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

  /** Length and bytes of an id of hexadecimal digits. */
  id(hexadecimal: string): void {
    const size = hexadecimal.length >> 1
    this.room(size)
    const at = this.at -= size
    for (let i = 0; i < size; i++) {
      this.bytes[at + i] = (digits[hexadecimal.charCodeAt(2 * i)]! << 4) | digits[hexadecimal.charCodeAt(2 * i + 1)]!
    }
    this.uint32(size)
  }

  /** The length of a message that was written since `length` was this. */
  message(since: number): void {
    this.uint32(this.length - since)
  }
}
