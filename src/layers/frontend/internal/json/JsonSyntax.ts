/**
 * Why a text is not JSON, in the words of RapidJSON, and the failures made of them.
 *
 * Source: protocol.md 2.5 (the texts and the byte offsets of a running Triton).
 */
import { InvalidRequest, MalformedRequest } from "../../../../schema/Errors.ts"

/** @category models */
export const reasons = {
  empty: "The document is empty.",
  rootNotSingular: "The document root must not be followed by other values.",
  value: "Invalid value.",
  memberName: "Missing a name for object member.",
  colon: "Missing a colon after a name of object member.",
  commaOrBrace: "Missing a comma or '}' after an object member.",
  commaOrBracket: "Missing a comma or ']' after an array element.",
  hexDigit: "Incorrect hex digit after \\u escape in string.",
  surrogate: "The surrogate pair in string is invalid.",
  escape: "Invalid escape character in string.",
  quotationMark: "Missing a closing quotation mark in string.",
  tooBig: "Number too big to be stored in double.",
  fraction: "Miss fraction part in number.",
  exponent: "Miss exponent in number."
} as const

/** The text is not JSON: what is wrong and at which byte. @category errors */
export const malformed = (reason: keyof typeof reasons, offset: number): MalformedRequest =>
  new MalformedRequest({
    message: `failed to parse the request JSON buffer: ${reasons[reason]} at ${offset}`
  })

/** Arrays and objects may be nested less deep than this. @category models */
export const maximumDepth = 100

/** @category errors */
export const tooDeep = (): InvalidRequest =>
  new InvalidRequest({ message: `JSON nesting depth exceeds maximum allowed limit (${maximumDepth})` })

/** @category errors */
export const notUtf8 = (offset: number): InvalidRequest =>
  new InvalidRequest({
    message: `request JSON is not valid UTF-8: unexpected byte at ${offset}. JSON must be encoded as UTF-8.`
  })
