/**
 * A cursor over the bytes of a JSON text, with the rules of Triton's reader: strict JSON, and also the literals `NaN`,
 * `Inf` and `Infinity` with an optional minus sign.
 *
 * Methods throw `MalformedRequest` for syntax, with RapidJSON's text and byte offset, and `InvalidRequest` for nesting that is
 * too deep. Nothing past `end` is ever taken for JSON, although the array may go on (binary tensors follow the JSON).
 *
 * Source: protocol.md 2.5.
 */
import { isUtf8 } from "node:buffer"
import * as Escape from "./Escape.ts"
import { malformed, maximumDepth, notUtf8, tooDeep } from "./JsonSyntax.ts"
import { JsonDouble } from "./JsonValue.ts"
import * as StringCache from "./StringCache.ts"

const isDigit = (c: number): boolean => c >= 0x30 && c <= 0x39

/** The first byte that begins no UTF-8 character. Called only where there is one. */
const firstInvalid = (bytes: Uint8Array, end: number): number => {
  let i = 0
  while (i < end) {
    const c = bytes[i]!
    const length = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4
    if (i + length > end || !isUtf8(bytes.subarray(i, i + length))) return i
    i += length
  }
  return end
}

/** @category models */
export class JsonScanner {
  readonly bytes: Uint8Array
  readonly end: number
  pos = 0
  /** A byte beyond ASCII was met inside a string: the text needs {@link checkUtf8}. */
  nonAscii = false
  /** Set by {@link skipString}: the string holds a backslash. */
  escaped = false
  private buffer: Buffer | undefined = undefined

  constructor(bytes: Uint8Array, end: number = bytes.length) {
    this.bytes = bytes
    this.end = end
  }

  /** Text from `start` to `end` as Latin-1; what numbers are converted from. */
  ascii(start: number, end: number): string {
    return this.view().toString("latin1", start, end)
  }

  private view(): Buffer {
    return this.buffer ??= Buffer.from(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength)
  }

  /** The byte at the cursor, 0 at the end. */
  peek(): number {
    return this.pos < this.end ? this.bytes[this.pos]! : 0
  }

  /** Moves over white space and gives the byte there, 0 at the end. */
  next(): number {
    while (this.pos < this.end) {
      const c = this.bytes[this.pos]!
      if (c > 0x20 || (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09)) return c
      this.pos++
    }
    return 0
  }

  /** Moves to the root value, over a byte order mark and white space. */
  begin(): void {
    const { bytes } = this
    if (this.end >= 3 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) this.pos = 3
    if (this.next() === 0) throw malformed("empty", this.pos)
  }

  /** Checks that nothing follows the root value, and the encoding of the whole text. */
  finish(): void {
    this.next()
    if (this.pos < this.end) throw malformed("rootNotSingular", this.pos)
    this.checkUtf8()
  }

  /** Refuses a text that is not UTF-8. Cheap where no byte beyond ASCII was met. */
  checkUtf8(): void {
    if (!this.nonAscii) return
    if (isUtf8(this.bytes.subarray(0, this.end))) return
    throw notUtf8(firstInvalid(this.bytes, this.end))
  }

  /** Opens an object at the cursor. `false`: it is empty, and was closed. */
  openObject(): boolean {
    this.pos++
    if (this.next() !== 0x7d) return true
    this.pos++
    return false
  }

  /** Reads a member's name and moves to its value. */
  key(): string {
    if (this.peek() !== 0x22) throw malformed("memberName", this.pos)
    const name = this.string()
    if (this.next() !== 0x3a) throw malformed("colon", this.pos)
    this.pos++
    this.next()
    return name
  }

  /** Moves on after a member's value. `false`: the object was closed. */
  moreMembers(): boolean {
    const c = this.next()
    if (c !== 0x2c && c !== 0x7d) throw malformed("commaOrBrace", this.pos)
    this.pos++
    if (c === 0x7d) return false
    this.next()
    return true
  }

  /** Opens an array at the cursor. `false`: it is empty, and was closed. */
  openArray(): boolean {
    this.pos++
    if (this.next() !== 0x5d) return true
    this.pos++
    return false
  }

  /** Moves on after an element. `false`: the array was closed. */
  moreElements(): boolean {
    const c = this.next()
    if (c !== 0x2c && c !== 0x5d) throw malformed("commaOrBracket", this.pos)
    this.pos++
    if (c === 0x5d) return false
    this.next()
    return true
  }

  /** Reads the string at the cursor. */
  string(): string {
    const start = this.pos + 1
    const before = this.nonAscii
    this.nonAscii = false
    this.skipString()
    const ascii = !this.nonAscii
    if (before) this.nonAscii = true
    const end = this.pos - 1
    if (this.escaped) {
      const out = Buffer.allocUnsafe(end - start)
      return out.toString("utf8", 0, this.unescape(start, end, out, 0))
    }
    return ascii ? StringCache.fromAscii(this.bytes, start, end) : this.view().toString("utf8", start, end)
  }

  /** Moves over the string at the cursor and gives the count of bytes that its contents have in UTF-8. */
  skipString(): number {
    const { bytes, end } = this
    const start = this.pos + 1
    let i = start
    let surplus = 0
    let high = 0
    this.escaped = false
    for (;;) {
      const c = i < end ? bytes[i]! : 0
      if (c === 0x22) break
      if (c === 0x5c) {
        this.escaped = true
        const length = Escape.length(bytes, i, end)
        surplus += length - Escape.decodedLength(bytes, i)
        i += length
      } else if (c < 0x20) {
        throw malformed(c === 0 ? "quotationMark" : "escape", i)
      } else {
        high |= c
        i++
      }
    }
    if (high >= 0x80) this.nonAscii = true
    this.pos = i + 1
    return i - start - surplus
  }

  /** Writes the contents of a string that {@link skipString} has accepted, as UTF-8, and gives the offset after them. */
  unescape(start: number, end: number, out: Uint8Array, offset: number): number {
    return Escape.decode(this.bytes, start, end, out, offset)
  }

  /** Set by {@link skipNumber}: the literal has no fraction, no exponent, and is not `NaN` or `Infinity`. */
  integral = false

  /** Moves over the number at the cursor and gives its value, rounded to a double. */
  number(): number {
    const start = this.pos
    this.skipNumber()
    const last = this.bytes[this.pos - 1]!
    if (!isDigit(last)) {
      return last === 0x4e ? NaN : this.bytes[start] === 0x2d ? -Infinity : Infinity
    }
    return Number(this.ascii(start, this.pos))
  }

  /** Moves over the number at the cursor. */
  skipNumber(): void {
    const { bytes, end } = this
    const start = this.pos
    let i = start
    let evaluate = false
    this.integral = true
    if (i < end && bytes[i] === 0x2d) i++
    const first = i
    const c = i < end ? bytes[i]! : 0
    if (c === 0x30) {
      i++
    } else if (isDigit(c)) {
      while (i < end && isDigit(bytes[i]!)) i++
      evaluate = i - first > 300
    } else if (c === 0x49 || c === 0x4e) {
      this.integral = false
      i = this.skipLiteral(i, c === 0x4e ? "NaN" : "Inf")
      if (c === 0x49 && i < end && bytes[i] === 0x69) i = this.skipLiteral(i, "inity")
      this.pos = i
      return
    } else {
      throw malformed("value", i)
    }
    if (i < end && bytes[i] === 0x2e) {
      this.integral = false
      i++
      if (i >= end || !isDigit(bytes[i]!)) throw malformed("fraction", i)
      while (i < end && isDigit(bytes[i]!)) i++
    }
    if (i < end && (bytes[i]! | 0x20) === 0x65) {
      this.integral = false
      evaluate = true
      i++
      if (i < end && (bytes[i] === 0x2b || bytes[i] === 0x2d)) i++
      if (i >= end || !isDigit(bytes[i]!)) throw malformed("exponent", i)
      while (i < end && isDigit(bytes[i]!)) i++
    }
    this.pos = i
    if (evaluate && !Number.isFinite(Number(this.ascii(start, i)))) throw malformed("tooBig", start)
  }

  /** Moves over `literal` from `at`; the failure is at the first byte that differs. */
  private skipLiteral(at: number, literal: string): number {
    let i = at
    for (let k = 0; k < literal.length; k++, i++) {
      if (i >= this.end || this.bytes[i] !== literal.charCodeAt(k)) throw malformed("value", i)
    }
    return i
  }

  /** Reads a string, number, boolean or null. An array or object is moved over, and gives `undefined`. */
  scalar(): null | boolean | string | number | bigint | JsonDouble | undefined {
    switch (this.peek()) {
      case 0x22:
        return this.string()
      case 0x74:
        this.pos = this.skipLiteral(this.pos, "true")
        return true
      case 0x66:
        this.pos = this.skipLiteral(this.pos, "false")
        return false
      case 0x6e:
        this.pos = this.skipLiteral(this.pos, "null")
        return null
      case 0x5b:
      case 0x7b:
        this.skip()
        return undefined
      default:
        return this.numeric()
    }
  }

  private numeric(): number | bigint | JsonDouble {
    const start = this.pos
    // Integers of up to nine digits, which is what shapes and sizes are.
    let i = start
    let value = 0
    while (i < this.end && i < start + 9 && isDigit(this.bytes[i]!)) value = value * 10 + this.bytes[i++]! - 0x30
    const c = i < this.end ? this.bytes[i]! : 0
    if (i > start && (c === 0x2c || c === 0x5d || c === 0x7d) && (i === start + 1 || this.bytes[start] !== 0x30)) {
      this.pos = i
      return value
    }
    const double = this.number()
    if (!this.integral) return new JsonDouble(double)
    if (Number.isSafeInteger(double)) return double === 0 ? 0 : double
    if (this.pos - start > 20) return new JsonDouble(double)
    const exact = BigInt(this.ascii(start, this.pos))
    return exact >= -0x8000_0000_0000_0000n && exact <= 0xffff_ffff_ffff_ffffn ? exact : new JsonDouble(double)
  }

  /** Moves over the value at the cursor, whatever it is. */
  skip(depth = 1): void {
    switch (this.peek()) {
      case 0x22:
        this.skipString()
        return
      case 0x74:
        this.pos = this.skipLiteral(this.pos, "true")
        return
      case 0x66:
        this.pos = this.skipLiteral(this.pos, "false")
        return
      case 0x6e:
        this.pos = this.skipLiteral(this.pos, "null")
        return
      case 0x5b:
        if (depth >= maximumDepth) throw tooDeep()
        if (this.openArray()) {
          do this.skip(depth + 1)
          while (this.moreElements())
        }
        return
      case 0x7b:
        if (depth >= maximumDepth) throw tooDeep()
        if (this.openObject()) {
          do {
            if (this.peek() !== 0x22) throw malformed("memberName", this.pos)
            this.skipString()
            if (this.next() !== 0x3a) throw malformed("colon", this.pos)
            this.pos++
            this.next()
            this.skip(depth + 1)
          } while (this.moreMembers())
        }
        return
      default:
        this.skipNumber()
    }
  }
}
