/** gRPC status codes and the header blocks that carry them. Source: gRPC over HTTP/2, "Responses". */
import * as RetryAfter from "../http/RetryAfter.ts"
import { Fields } from "../http2/HpackEncoder.ts"
import type { Coding } from "./Call.ts"

/** @internal */
export const Status = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14
} as const

/** Bytes of an encoded message; clients refuse trailers that are much larger. */
const maxMessage = 6000

/**
 * The text of a status as a header carries it: UTF-8 with everything but printable ASCII, and the percent sign, as `%XX`, and so are
 * blanks at its ends, which a header must not have. A very long one is cut.
 *
 * @internal
 */
export const encodeMessage = (message: string): string => {
  if (message.length <= maxMessage && /^(?! )[ -$&-~]*(?<! )$/.test(message)) return message
  const last = message.length - 1
  let at = 0
  let encoded = ""
  for (const char of message) {
    const isPlain = char >= " " && char <= "~" && char !== "%" && (char !== " " || (at > 0 && at < last))
    const next = isPlain ? char : percent(char)
    at += char.length
    if (encoded.length + next.length > maxMessage - 3) return `${encoded}...`
    encoded += next
  }
  return encoded
}

const percent = (char: string): string => {
  let encoded = ""
  for (const byte of Buffer.from(char)) encoded += `%${byte < 16 ? "0" : ""}${byte.toString(16).toUpperCase()}`
  return encoded
}

const head = [":status", "200", "content-type", "application/grpc"]
const accepted = ["grpc-accept-encoding", "identity, deflate, gzip"]

/** The first block of an answer with messages of a coding. @internal */
export const headers: Readonly<Record<Coding, Fields>> = {
  identity: new Fields([...head, ...accepted], true),
  gzip: new Fields([...head, "grpc-encoding", "gzip", ...accepted], true),
  deflate: new Fields([...head, "grpc-encoding", "deflate", ...accepted], true)
}

const okTrailers = new Fields(["grpc-status", "0"], true)
const okAlone = new Fields([...head, "grpc-status", "0"], true)

const status = (code: number, message: string, more: ReadonlyArray<string>): ReadonlyArray<string> => [
  "grpc-status",
  String(code),
  ...(message === "" ? [] : ["grpc-message", encodeMessage(message)]),
  ...more
]

/** The last block of an answer. `more`: names and values in turn. @internal */
export const trailers = (code: number, message: string, more: ReadonlyArray<string>): Fields =>
  code === 0 && message === "" && more.length === 0 ? okTrailers : new Fields(status(code, message, more))

/** The only block of an answer without messages. @internal */
export const trailersOnly = (code: number, message: string, more: ReadonlyArray<string>): Fields =>
  code === 0 && message === "" && more.length === 0
    ? okAlone
    : new Fields([...head, ...status(code, message, more)])

/** When a failure may be tried again: a name and a value of the last block, or nothing where no try can mend it. @internal */
export const retryAfter = (failure: RetryAfter.Failed): ReadonlyArray<string> => {
  const seconds = RetryAfter.secondsOf(failure)
  return seconds === undefined ? [] : ["grpc-retry-pushback-ms", String(seconds * 1000)]
}

/** What an answer that refuses a coding names. @internal */
export const acceptedCodings: ReadonlyArray<string> = accepted

/** The block of an answer to what is no gRPC. @internal */
export const plain = (httpStatus: number, byteLength: number, more: ReadonlyArray<string> = []): Fields =>
  new Fields([
    ":status",
    String(httpStatus),
    "content-type",
    "text/plain",
    "content-length",
    String(byteLength),
    ...more
  ])
