/**
 * Writes protobuf messages back to front: the length of a message is known once it is written, so that nothing is measured before
 * or moved after. Fields are to be written in the reverse of their order.
 *
 * Source: protobuf encoding, https://protobuf.dev/programming-guides/encoding/
 */

const encoder = new TextEncoder()

/** @category models */
export class ReverseWriter {
  private readonly size: number
  private bytes: Uint8Array
  private view: DataView
  private at: number
  /** What was taken begins here. */
  private end: number

  /** `size`: bytes of a block of memory; a message that is longer has a block of its own. */
  constructor(size: number) {
    this.size = size
    this.bytes = new Uint8Array(size)
    this.view = new DataView(this.bytes.buffer)
    this.at = this.end = size
  }

  /** Bytes written so far: what a message that is written next ends before. */
  get length(): number {
    return this.end - this.at
  }

  /** What was written since the last time, in its order. It shares its memory with what was taken before and after it. */
  take(): Uint8Array {
    const taken = this.bytes.subarray(this.at, this.end)
    this.end = this.at
    return taken
  }

  /** Makes room for so many bytes more. */
  private room(size: number): void {
    if (this.at >= size) return
    const { length } = this
    const bytes = new Uint8Array(Math.max(this.size, 2 * (length + size)))
    bytes.set(this.bytes.subarray(this.at, this.end), bytes.length - length)
    this.bytes = bytes
    this.view = new DataView(bytes.buffer)
    this.end = bytes.length
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
    this.view.setUint32(this.at -= 4, value, true)
  }

  /** Eight bytes of an unsigned integer. */
  fixed64(value: bigint): void {
    this.room(8)
    this.view.setBigUint64(this.at -= 8, value, true)
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
    this.view.setInt32(this.at -= 4, value, false)
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
