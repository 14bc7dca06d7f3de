/**
 * Writes JSON as bytes, in the form of Triton's writer.
 *
 * Bytes and not a string: BYTES tensors are copied as they are, and need not be UTF-8.
 *
 * Source: protocol.md 2.4.
 */
import * as ByteCopy from "../../../ByteCopy.ts"
import { formatDouble } from "./NumberFormat.ts"

const scratchSize = 64 * 1024
let scratch: Buffer | undefined = Buffer.allocUnsafeSlow(scratchSize)
const empty = Buffer.alloc(0)

/** Integers that memory is made ready for at a time. */
const run = 1024

const hexDigits = "0123456789ABCDEF"

/** What stands behind the backslash for a control character or a character that JSON reserves, 0: `u00XX`; −1: as it is. */
const escapes = Int8Array.from({ length: 256 }, (_, c) => {
  const short = { 8: "b", 9: "t", 10: "n", 12: "f", 13: "r", 34: "\"", 92: "\\" }[c]
  return short === undefined ? c < 0x20 ? 0 : -1 : short.charCodeAt(0)
})

const pairs = Uint8Array.from({ length: 200 }, (_, i) => 0x30 + (i % 2 === 0 ? Math.floor(i / 20) : (i >> 1) % 10))

/** @category models */
export class JsonWriter {
  private buffer: Buffer
  private length = 0

  /** Small texts are written into memory that all writers share in turn: call {@link finish} before anything asynchronous. */
  constructor() {
    this.buffer = scratch ?? Buffer.allocUnsafeSlow(scratchSize)
    scratch = undefined
  }

  /** Bytes written so far. */
  get byteLength(): number {
    return this.length
  }

  /** Makes room for `size` more bytes. */
  private reserve(size: number): Buffer {
    if (this.length + size > this.buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.length + size))
      this.buffer.copy(larger, 0, 0, this.length)
      if (this.buffer.length === scratchSize) scratch = this.buffer
      this.buffer = larger
    }
    return this.buffer
  }

  /** Writes ASCII text as it is. */
  raw(text: string): void {
    const buffer = this.reserve(text.length)
    let o = this.length
    for (let i = 0; i < text.length; i++) buffer[o++] = text.charCodeAt(i)
    this.length = o
  }

  /** Writes bytes as they are. */
  copy(bytes: Uint8Array): void {
    const { length } = bytes
    const buffer = this.reserve(length)
    ByteCopy.whole(bytes, buffer, this.length)
    this.length += length
  }

  /** Writes one byte as it is. */
  byte(value: number): void {
    this.reserve(1)[this.length++] = value
  }

  /** Writes a string with its quotes. */
  string(text: string): void {
    const buffer = this.reserve(text.length + 2)
    let o = this.length
    buffer[o++] = 0x22
    for (let i = 0; i < text.length; i++) {
      const c = text.charCodeAt(i)
      if (c >= 0x80 || escapes[c] !== -1) {
        const bytes = Buffer.from(text)
        return this.bytes(bytes, 0, bytes.length)
      }
      buffer[o++] = c
    }
    buffer[o++] = 0x22
    this.length = o
  }

  /** Writes the bytes from `start` to `end` as a string: escaped where JSON needs it, otherwise as they are. */
  bytes(bytes: Uint8Array, start: number, end: number): void {
    // At most six bytes each; counted only where that would be much.
    let room = (end - start) * 6 + 2
    if (room > 4096) {
      room = end - start + 2
      for (let i = start; i < end; i++) if (escapes[bytes[i]!] !== -1) room += 5
    }
    const buffer = this.reserve(room)
    let o = this.length
    buffer[o++] = 0x22
    for (let i = start; i < end; i++) {
      const c = bytes[i]!
      const escape = escapes[c]!
      if (escape === -1) {
        buffer[o++] = c
        continue
      }
      buffer[o++] = 0x5c
      if (escape !== 0) {
        buffer[o++] = escape
        continue
      }
      buffer[o++] = 0x75
      buffer[o++] = 0x30
      buffer[o++] = 0x30
      buffer[o++] = hexDigits.charCodeAt(c >> 4)
      buffer[o++] = hexDigits.charCodeAt(c & 15)
    }
    buffer[o++] = 0x22
    this.length = o
  }

  /** Writes an integer. */
  integer(value: number | bigint): void {
    if (typeof value === "bigint") return this.raw(value.toString())
    const buffer = this.reserve(20)
    let rest = value
    if (rest < 0) {
      buffer[this.length++] = 0x2d
      rest = -rest
    }
    if (rest > 999999999) {
      const upper = Math.floor(rest / 1e9)
      if (upper > 999999999) return this.raw(String(rest))
      this.small(buffer, upper, 0)
      this.small(buffer, rest - upper * 1e9, 9)
    } else this.small(buffer, rest, 0)
  }

  /** Digits of an integer below 10^9, in at least `width` places. */
  private small(buffer: Buffer, value: number, width: number): void {
    let digits = value < 10 ?
      1 :
      value < 100 ?
      2 :
      value < 1000 ?
      3 :
      value < 10000 ?
      4 :
      value < 100000 ?
      5 :
      value < 1000000
      ? 6
      : value < 10000000
      ? 7
      : value < 100000000
      ? 8
      : 9
    if (digits < width) digits = width
    let o = this.length + digits
    this.length = o
    let rest = value | 0
    while (digits >= 2) {
      const upper = (rest / 100) | 0
      const pair = (rest - upper * 100) << 1
      buffer[--o] = pairs[pair + 1]!
      buffer[--o] = pairs[pair]!
      rest = upper
      digits -= 2
    }
    if (digits === 1) buffer[--o] = 0x30 + rest
  }

  /** Writes the first `count` integers of `data`, little-endian, of 1, 2, 4 or 8 bytes each, with commas between them. */
  integers(data: Uint8Array, count: number, size: number, signed: boolean): void {
    let { buffer } = this
    let o = this.length
    for (let i = 0, at = 0; i < count; i++, at += size) {
      if (i % run === 0) {
        this.length = o
        buffer = this.reserve(Math.min(run, count - i) * 21)
      }
      if (i > 0) buffer[o++] = 0x2c
      let value = data[at]!
      if (size === 1) {
        if (signed) value = value << 24 >> 24
      } else if (size === 2) {
        value |= data[at + 1]! << 8
        if (signed) value = value << 16 >> 16
      } else {
        value |= data[at + 1]! << 8 | data[at + 2]! << 16 | data[at + 3]! << 24
        if (size === 8) {
          const high = data[at + 4]! | data[at + 5]! << 8 | data[at + 6]! << 16 | data[at + 7]! << 24
          if (high !== (signed ? value >> 31 : 0) || (!signed && value < 0)) {
            this.length = o
            this.wide(signed ? high : high >>> 0, value >>> 0)
            o = this.length
            continue
          }
        } else if (!signed) value >>>= 0
      }
      if (value < 0) {
        buffer[o++] = 0x2d
        value = -value
      }
      if (value < 10) buffer[o++] = 0x30 + value
      else if (value < 100) {
        buffer[o++] = pairs[value << 1]!
        buffer[o++] = pairs[(value << 1) + 1]!
      } else {
        this.length = o
        this.integer(value)
        o = this.length
      }
    }
    this.length = o
  }

  /** Writes a 64-bit integer from its halves; the upper one carries the sign where there is one. */
  wide(high: number, low: number): void {
    const value = high * 4294967296 + low
    if (Number.isSafeInteger(value)) this.integer(value)
    else this.raw((BigInt(high) * 4294967296n + BigInt(low)).toString())
  }

  /** Writes a double: shortest digits that read back the same, `.0` behind integral values, `NaN` and `Infinity` bare. */
  double(value: number): void {
    this.length = formatDouble(value, this.reserve(32), this.length)
  }

  /**
   * Writes doubles with commas between them. The engine prints an array of them twice as fast as one by one, and differs from
   * {@link double} only in what is not finite or has no fraction: a run that holds such a number is written number by number.
   */
  doubles(values: ReadonlyArray<number>): void {
    let alike = true
    for (let i = 0; i < values.length; i++) alike &&= Math.floor(values[i]!) !== values[i] && Number.isFinite(values[i])
    if (alike) {
      const text = JSON.stringify(values)
      const buffer = this.reserve(text.length)
      buffer.write(text.slice(1, -1), this.length, "latin1")
      this.length += text.length - 2
      return
    }
    for (let i = 0; i < values.length; i++) {
      if (i > 0) this.byte(0x2c)
      this.double(values[i]!)
    }
  }

  /** A copy of what was written from `start` to `end`. */
  piece(start: number, end: number): Uint8Array {
    return new Uint8Array(this.buffer.subarray(start, end))
  }

  /** The text. The writer must not be used after it. */
  finish(): Buffer {
    const { buffer, length } = this
    const text = buffer.length > scratchSize ? buffer.subarray(0, length) : Buffer.allocUnsafe(length)
    if (buffer.length === scratchSize) buffer.copy(text, 0, 0, length)
    this.recycle()
    return text
  }

  /** The text with a character for each byte. The writer must not be used after it. */
  finishText(): string {
    const text = this.buffer.toString("latin1", 0, this.length)
    this.recycle()
    return text
  }

  /** The text followed by `tail`, in one piece. The writer must not be used after it. */
  finishWith(tail: ReadonlyArray<Uint8Array>, tailLength: number): Buffer {
    const out = Buffer.allocUnsafe(this.length + tailLength)
    this.buffer.copy(out, 0, 0, this.length)
    let o = this.length
    for (const part of tail) {
      out.set(part, o)
      o += part.length
    }
    this.recycle()
    return out
  }

  /** Gives the memory back without a text. */
  discard(): void {
    this.recycle()
  }

  private recycle(): void {
    if (this.buffer.length === scratchSize) scratch = this.buffer
    this.buffer = empty
  }
}
