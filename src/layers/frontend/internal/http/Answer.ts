/** The answers that have a fixed form: error bodies and the bytes of answers outside any request. Source: protocol §2.2–2.4. */
import { STATUS_CODES } from "node:http"

/** @internal */
export type ContentType =
  | "text/plain"
  | "text/plain; charset=utf-8"
  | "application/openmetrics-text; version=1.0.0; charset=utf-8"
  | "application/json"
  | "application/octet-stream"

/** `{"error":"…"}` with Triton's escapes: control characters get upper-case hex. @internal */
export const errorBody = (message: string): string => `{"error":${quote(message)}}`

/** A JSON string. @internal */
export const quote = (text: string): string => {
  const quoted = JSON.stringify(text)
  return controls.test(text)
    ? quoted.replace(
      /\\(?:u[0-9a-f]{4}|.)/g,
      (escape) => escape.length === 6 ? `\\u${escape.slice(2).toUpperCase()}` : escape
    )
    : quoted
}

// oxlint-disable-next-line no-control-regex
const controls = /[\u0000-\u001f]/

/** A whole answer for a connection on which no request can be answered any more; the connection closes after it. @internal */
export const closingBytes = (status: number, message: string): Buffer => {
  const body = Buffer.from(errorBody(message))
  const head =
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n` +
    "Connection: close\r\n\r\n"
  return Buffer.concat([Buffer.from(head, "latin1"), body])
}
