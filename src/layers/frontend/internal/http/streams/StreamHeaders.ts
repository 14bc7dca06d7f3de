/** The headers of a request over HTTP/2, in the form that node:http gives to those over HTTP/1.1. */
import type { IncomingHttpHeaders } from "node:http"
import { recordOf } from "../../http1/HeaderRecord.ts"
import type { RequestHead } from "../../http2/RequestHead.ts"

/** @internal */
export class StreamHeaders {
  /** Names and values in turn. */
  readonly raw: ReadonlyArray<string>
  readonly record: IncomingHttpHeaders
  private lists: NodeJS.Dict<Array<string>> | undefined = undefined

  constructor({ authority, raw }: RequestHead) {
    // The authority is what `Host` was.
    this.raw = authority === undefined ? raw : ["host", authority, ...raw]
    this.record = recordOf(this.raw.filter((_, i) => i % 2 === 0), this.raw)
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
