/** The head of an answer over HTTP/1.1 as it is sent. Source: RFC 9112 §4, §6, §9.3. */
import { STATUS_CODES } from "node:http"

/** What node:http lets nobody put into a header. */
const invalid = /[^\t\x20-\x7e\x80-\xff]/

const statusLines = new Map<number, string>()

const statusLine = (status: number): string => {
  let line = statusLines.get(status)
  if (line === undefined) statusLines.set(status, line = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "unknown"}\r\n`)
  return line
}

/** Whether headers tell the length of the body, which is sent in chunks otherwise. @internal */
export const isSized = (headers: ReadonlyArray<string>): boolean => {
  // Whoever knows the length says so last.
  for (let i = headers.length - 2; i >= 0; i -= 2) if (headers[i] === "Content-Length") return true
  return false
}

/** `headers`: names and values in turn. Throws on a value that no header may have. @internal */
export const textOf = (status: number, headers: ReadonlyArray<string>, keepsAlive: boolean, sized: boolean): string => {
  let text = statusLine(status)
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!
    const value = headers[i + 1]!
    if (invalid.test(value)) {
      throw new Error(`The header ${name} of an answer holds a character that no header may hold`)
    }
    text += `${name}: ${value}\r\n`
  }
  if (!keepsAlive) text += "Connection: close\r\n"
  return sized ? `${text}\r\n` : `${text}Transfer-Encoding: chunked\r\n\r\n`
}
