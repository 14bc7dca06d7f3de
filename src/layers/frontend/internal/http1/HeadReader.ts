/**
 * Reads heads of requests of HTTP/1.1 that are beyond doubt. Whatever is malformed, unusual or asks for more than an answer is
 * `odd` and left to node:http, so nothing is understood here that is understood otherwise elsewhere. Source: RFC 9112 §2–§6.
 */
import { Head } from "./Head.ts"

/** The end of the head is not here yet; what is here is well formed. @internal */
export const incomplete = 0
/** Not a head that is read here. @internal */
export const odd = 1

const methods = ["GET ", "POST ", "HEAD ", "OPTIONS ", "PUT ", "PATCH ", "DELETE "].map((text) => Buffer.from(text))

/** HTTP/2 with prior knowledge begins with it, and no method does. */
const preface = Buffer.from("PRI")
const version = Buffer.from(" HTTP/1.1\r\n")

const maxFields = 100
const maxLengthDigits = 15

const inName = 1
const inValue = 2
const inTarget = 4

/** What each byte may be part of. */
const classes = new Uint8Array(256)
for (let code = 0x21; code < 0x7f; code++) classes[code] = inValue | inTarget
for (const code of Buffer.from("#\"<>\\^`{|}")) classes[code] = inValue
classes[0x20] = inValue
classes[0x09] = inValue
for (const code of Buffer.from("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&'*+-.^_`|~")) {
  classes[code]! |= inName
}

const [carriageReturn, lineFeed, colon, space, tab, slash] = [13, 10, 58, 32, 9, 47]

/**
 * The head that begins at a place, if it takes at most `maxSize` bytes.
 *
 * @internal
 */
export const readHead = (
  bytes: Buffer,
  start: number,
  maxSize: number
): Head | typeof incomplete | typeof odd => {
  const limit = Math.min(bytes.length, start + maxSize)
  const partial = bytes.length - start < maxSize ? incomplete : odd
  const method = methodAt(bytes, start, limit)
  if (typeof method === "number") return method === incomplete ? partial : odd
  const targetAt = start + method.length
  if (targetAt === limit) return partial
  if (bytes[targetAt] !== slash) return odd
  let at = targetAt + 1
  while (at < limit && (classes[bytes[at]!]! & inTarget) !== 0) at++
  const targetEnd = at
  for (const code of version) {
    if (at === limit) return partial
    if (bytes[at++] !== code) return odd
  }
  const fields: Array<number> = []
  for (;;) {
    if (at === limit) return partial
    if (bytes[at] === carriageReturn) {
      if (at + 1 === limit) return partial
      if (bytes[at + 1] !== lineFeed) return odd
      return headOf(bytes, start, at + 2, targetAt, targetEnd, fields)
    }
    const nameAt = at
    while (at < limit && (classes[bytes[at]!]! & inName) !== 0) at++
    if (at === limit) return partial
    if (at === nameAt || bytes[at] !== colon || fields.length === 4 * maxFields) return odd
    const nameEnd = at++
    while (at < limit && (bytes[at] === space || bytes[at] === tab)) at++
    const valueAt = at
    while (at < limit && (classes[bytes[at]!]! & inValue) !== 0) at++
    if (at === limit) return partial
    if (bytes[at] !== carriageReturn) return odd
    if (at + 1 === limit) return partial
    if (bytes[at + 1] !== lineFeed) return odd
    let valueEnd = at
    while (valueEnd > valueAt && (bytes[valueEnd - 1] === space || bytes[valueEnd - 1] === tab)) valueEnd--
    fields.push(nameAt - start, nameEnd - start, valueAt - start, valueEnd - start)
    at += 2
  }
}

const methodAt = (bytes: Buffer, start: number, limit: number): Buffer | typeof incomplete | typeof odd => {
  for (const method of methods) {
    const here = Math.min(method.length, limit - start)
    if (bytes.compare(method, 0, here, start, start + here) === 0) return here === method.length ? method : incomplete
  }
  const here = limit - start
  return here < preface.length && bytes.compare(preface, 0, here, start, limit) === 0 ? incomplete : odd
}

/** Sorts out what the fields mean. `fields`: where names and values begin and end, counted from `start`. */
const headOf = (
  bytes: Buffer,
  start: number,
  end: number,
  targetAt: number,
  targetEnd: number,
  fields: ReadonlyArray<number>
): Head | typeof odd => {
  const text = bytes.toString("latin1", start, end)
  const raw: Array<string> = []
  const names: Array<string> = []
  let length: string | undefined = undefined
  let connection: string | undefined = undefined
  let expects = false
  for (let i = 0; i < fields.length; i += 4) {
    const sent = text.slice(fields[i], fields[i + 1])
    const value = text.slice(fields[i + 2], fields[i + 3])
    const name = sent.toLowerCase()
    raw.push(sent, value)
    names.push(name)
    switch (name) {
      case "content-length":
        if (length !== undefined || !isLength(value)) return odd
        length = value
        break
      case "connection":
        if (connection !== undefined) return odd
        connection = value.toLowerCase()
        break
      case "expect":
        if (value.toLowerCase() !== "100-continue") return odd
        expects = true
        break
      case "host":
        if (names.indexOf(name) !== names.length - 1) return odd
        break
      case "__proto__":
      case "proxy-connection":
      case "set-cookie":
      case "transfer-encoding":
      case "upgrade":
        return odd
    }
  }
  if (connection !== undefined && connection !== "keep-alive" && connection !== "close") return odd
  return new Head(
    Buffer.from(text, "latin1"),
    text.slice(0, targetAt - start - 1),
    text.slice(targetAt - start, targetEnd - start),
    raw,
    names,
    length === undefined ? 0 : Number(length),
    connection !== "close",
    expects
  )
}

/** Decimal digits, written in the one way that there is. */
const isLength = (text: string): boolean => {
  if (text === "" || text.length > maxLengthDigits || (text.length > 1 && text.charCodeAt(0) === 48)) return false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 48 || code > 57) return false
  }
  return true
}
