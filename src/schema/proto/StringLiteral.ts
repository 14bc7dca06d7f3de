/** String literals of protobuf's text format: the bytes that escape sequences stand for. */
import { backslash, code, isHex, isOctal } from "./Characters.ts"
import { SyntaxProblem } from "./SyntaxProblem.ts"

const simpleEscapes = new Map([
  [code("a"), 7],
  [code("b"), 8],
  [code("f"), 12],
  [code("n"), 10],
  [code("r"), 13],
  [code("t"), 9],
  [code("v"), 11],
  [backslash, backslash],
  [code("?"), code("?")],
  [code("'"), code("'")],
  [code("\""), code("\"")]
])

/**
 * The length of the escape sequence at an offset; the bytes that it stands for are appended to `into`.
 *
 * @internal
 */
export const escapeLength = (bytes: Uint8Array, at: number, into: Array<number> | undefined): number => {
  const invalid = (length: number) =>
    new SyntaxProblem("Invalid escape sequence in string literal.", { start: at, end: at + length })
  const second = bytes[at + 1] ?? -1
  const simple = simpleEscapes.get(second)
  if (simple !== undefined) {
    into?.push(simple)
    return 2
  }
  const digits = (from: number, most: number, accepts: (c: number) => boolean): string => {
    let text = ""
    while (text.length < most && accepts(bytes[from + text.length] ?? -1)) {
      text += String.fromCharCode(bytes[from + text.length]!)
    }
    return text
  }
  if (isOctal(second)) {
    const octal = digits(at + 1, 3, isOctal)
    const value = parseInt(octal, 8)
    if (value > 255) throw invalid(1 + octal.length)
    into?.push(value)
    return 1 + octal.length
  }
  if (second === code("x")) {
    const hex = digits(at + 2, 2, isHex)
    if (hex === "") {
      throw new SyntaxProblem("Expected hex digits for escape sequence.", { start: at, end: at + 2 })
    }
    into?.push(parseInt(hex, 16))
    return 2 + hex.length
  }
  if (second === code("u") || second === code("U")) {
    const wanted = second === code("u") ? 4 : 8
    const hex = digits(at + 2, wanted, isHex)
    let point = parseInt(hex, 16)
    let length = 2 + wanted
    if (hex.length < wanted || point > 0x10ffff) {
      throw new SyntaxProblem(
        wanted === 4
          ? "Expected four hex digits for \\u escape sequence."
          : "Expected eight hex digits up to 10ffff for \\U escape sequence",
        { start: at, end: at + 2 + hex.length }
      )
    }
    if (point >= 0xd800 && point < 0xdc00 && bytes[at + 6] === backslash && bytes[at + 7] === code("u")) {
      const trail = digits(at + 8, 4, isHex)
      const low = parseInt(trail, 16)
      if (trail.length === 4 && low >= 0xdc00 && low < 0xe000) {
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00)
        length = 12
      }
    }
    if (point >= 0xd800 && point < 0xe000) throw invalid(length)
    into?.push(...new TextEncoder().encode(String.fromCodePoint(point)))
    return length
  }
  throw invalid(2)
}

/**
 * Appends the bytes that a whole literal stands for; `start` and `end` are the offsets of the literal with its quotes.
 *
 * @internal
 */
export const unquote = (
  bytes: Uint8Array,
  literal: { readonly start: number; readonly end: number },
  into: Array<number>
): void => {
  let at = literal.start + 1
  while (at < literal.end - 1) {
    if (bytes[at] === backslash) at += escapeLength(bytes, at, into)
    else into.push(bytes[at++]!)
  }
}
