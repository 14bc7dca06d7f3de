/** The headers of a request over HTTP/2, in the form that node:http gives to those over HTTP/1.1. */
import type { IncomingHttpHeaders } from "node:http"
import type { RequestHead } from "../../http2/RequestHead.ts"

/** Of several, node:http takes the first. */
const firstCounts: ReadonlySet<string> = new Set([
  "age",
  "authorization",
  "content-length",
  "content-type",
  "etag",
  "expires",
  "from",
  "host",
  "if-modified-since",
  "if-unmodified-since",
  "last-modified",
  "location",
  "max-forwards",
  "proxy-authorization",
  "referer",
  "retry-after",
  "server",
  "user-agent"
])

/** @internal */
export class StreamHeaders {
  /** Names and values in turn. */
  readonly raw: ReadonlyArray<string>
  readonly record: IncomingHttpHeaders
  private lists: NodeJS.Dict<Array<string>> | undefined = undefined

  constructor({ authority, raw }: RequestHead) {
    // The authority is what `Host` was.
    this.raw = authority === undefined ? raw : ["host", authority, ...raw]
    const record: NodeJS.Dict<string> & { "set-cookie"?: never } = {}
    for (let i = 0; i < this.raw.length; i += 2) {
      const name = this.raw[i]!
      const value = this.raw[i + 1]!
      const before = Object.hasOwn(record, name) ? record[name] : undefined
      if (name === "set-cookie") continue
      if (name === "__proto__") continue
      if (before === undefined) record[name] = value
      else if (!firstCounts.has(name)) record[name] = `${before}${name === "cookie" ? "; " : ", "}${value}`
    }
    this.record = record
  }

  /** Of a request; the same object for the same head, which nobody changes. */
  static of(head: RequestHead): StreamHeaders {
    if (head.memo instanceof StreamHeaders) return head.memo
    const made = new StreamHeaders(head)
    head.memo = made
    return made
  }

  /** Every value of each name. */
  get distinct(): NodeJS.Dict<Array<string>> {
    if (this.lists !== undefined) return this.lists
    const lists: NodeJS.Dict<Array<string>> = Object.create(null)
    for (let i = 0; i < this.raw.length; i += 2) (lists[this.raw[i]!] ??= []).push(this.raw[i + 1]!)
    this.lists = lists
    return lists
  }
}
