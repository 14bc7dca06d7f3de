/**
 * Tokens of protobuf's text format, over the bytes of a file.
 *
 * Bytes, because a comment may hold text in any encoding and a string literal may spell bytes by escapes; both are checked
 * where they end up in the config.
 *
 * Source: protobuf text format specification; wording of the errors as in libprotobuf.
 */

import { backslash, code, isDigit, isHex, isOctal } from "./Characters.ts"
import { escapeLength } from "./StringLiteral.ts"
import { SyntaxProblem } from "./SyntaxProblem.ts"

/** @category models */
export interface Token {
  readonly kind: "identifier" | "integer" | "float" | "string" | "symbol" | "end"
  /** Offset of the first byte, and of the byte behind the last. */
  readonly start: number
  readonly end: number
}

const utf8 = new TextDecoder()
const lf = 10
const isLetter = (c: number): boolean => (c >= 65 && c <= 90) || (c >= 97 && c <= 122) || c === 95
const isSpace = (c: number): boolean => c === 32 || (c >= 9 && c <= 13)

/** Reads tokens one after the other; `current` is the one not yet consumed. @internal */
export class TextTokenizer {
  readonly bytes: Uint8Array
  current: Token = { kind: "symbol", start: 0, end: 0 }
  private at = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
      throw new SyntaxProblem("The file begins with a byte order mark; save it as UTF-8 without one.", {
        start: 0,
        end: 3
      })
    }
    this.next()
  }

  /** Moves to the next token and returns the one that was current. */
  next(): Token {
    const consumed = this.current
    this.current = this.scan()
    return consumed
  }

  /** The text of a token as it stands in the file, cut after 100 characters. */
  text(token: Token): string {
    const whole = utf8.decode(this.bytes.subarray(token.start, Math.min(token.end, token.start + 400)))
    return whole.length > 100 ? `${whole.slice(0, 100)}…` : whole
  }

  private byte(offset = 0): number {
    return this.bytes[this.at + offset] ?? -1
  }

  private scan(): Token {
    this.skipSpace()
    const start = this.at
    const first = this.byte()
    if (first === -1) return { kind: "end", start, end: start }
    if (isLetter(first)) {
      while (isLetter(this.byte()) || isDigit(this.byte())) this.at++
      return { kind: "identifier", start, end: this.at }
    }
    if (isDigit(first) || (first === code(".") && isDigit(this.byte(1)))) return this.number(start)
    if (first === code("\"") || first === code("'")) return this.string(start, first)
    if (first < 32 || first === 127) {
      throw new SyntaxProblem("Invalid control characters encountered in text.", { start, end: start + 1 })
    }
    if (first > 127) {
      let end = start + 1
      while (((this.bytes[end] ?? 0) & 0xc0) === 0x80) end++
      const char = utf8.decode(this.bytes.subarray(start, end))
      const name = (char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")
      throw new SyntaxProblem(`Character U+${name} is allowed in strings and comments only.`, { start, end })
    }
    this.at++
    return { kind: "symbol", start, end: this.at }
  }

  private skipSpace(): void {
    for (;;) {
      const c = this.byte()
      if (isSpace(c)) this.at++
      else if (c === code("#")) {
        while (this.byte() !== lf && this.byte() > 0) this.at++
      } else return
    }
  }

  private number(start: number): Token {
    let float = false
    if (this.byte() === 48 && (this.byte(1) === code("x") || this.byte(1) === code("X"))) {
      this.at += 2
      if (!isHex(this.byte())) throw this.problem("\"0x\" must be followed by hex digits.", start)
      while (isHex(this.byte())) this.at++
    } else if (this.byte() === 48 && isDigit(this.byte(1))) {
      while (isOctal(this.byte())) this.at++
      if (isDigit(this.byte())) throw this.problem("Numbers starting with leading zero must be in octal.", start)
    } else {
      while (isDigit(this.byte())) this.at++
      if (this.byte() === code(".")) {
        float = true
        this.at++
        while (isDigit(this.byte())) this.at++
      }
      if (this.byte() === code("e") || this.byte() === code("E")) {
        float = true
        this.at++
        if (this.byte() === code("-") || this.byte() === code("+")) this.at++
        if (!isDigit(this.byte())) throw this.problem("\"e\" must be followed by exponent.", start)
        while (isDigit(this.byte())) this.at++
      }
      if (this.byte() === code("f") || this.byte() === code("F")) {
        float = true
        this.at++
      }
    }
    if (isLetter(this.byte())) throw this.problem("Need space between number and identifier.", start)
    if (this.byte() === code(".")) {
      throw this.problem(
        float
          ? "Already saw decimal point or exponent; can't have another one."
          : "Hex and octal numbers must be integers.",
        start
      )
    }
    return { kind: float ? "float" : "integer", start, end: this.at }
  }

  private problem(detail: string, start: number): SyntaxProblem {
    return new SyntaxProblem(detail, { start, end: Math.max(this.at, start + 1) })
  }

  private string(start: number, quote: number): Token {
    this.at++
    for (;;) {
      const c = this.byte()
      if (c === quote) {
        this.at++
        return { kind: "string", start, end: this.at }
      }
      if (c === -1) throw this.problem("Unexpected end of string.", start)
      if (c === 0) throw this.problem("Invalid control characters encountered in text.", this.at)
      if (c === lf) throw this.problem("Multiline strings are not allowed. Did you miss a \"?.", start)
      this.at += c === backslash ? escapeLength(this.bytes, this.at, undefined) : 1
    }
  }
}
