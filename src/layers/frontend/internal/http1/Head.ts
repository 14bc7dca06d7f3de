/** The head of a request as it was read. The same head is the same object, so nobody changes it. */
import type { IncomingHttpHeaders } from "node:http"
import { recordOf } from "./HeaderRecord.ts"

/** @internal */
export class Head {
  readonly method: string
  /** In origin form. */
  readonly target: string
  /** Names and values in turn, as they were sent. */
  readonly raw: ReadonlyArray<string>
  /** Bytes of the body. */
  readonly contentLength: number
  /** The connection stays after the answer. */
  readonly keepsAlive: boolean
  /** The client waits for `100 Continue` before it sends the body. */
  readonly expects: boolean
  /** What it was read from. */
  readonly bytes: Buffer
  private readonly names: ReadonlyArray<string>
  private all: IncomingHttpHeaders | undefined = undefined
  private lists: NodeJS.Dict<Array<string>> | undefined = undefined

  /** `names`: those of `raw` in lower case. */
  constructor(
    bytes: Buffer,
    method: string,
    target: string,
    raw: ReadonlyArray<string>,
    names: ReadonlyArray<string>,
    contentLength: number,
    keepsAlive: boolean,
    expects: boolean
  ) {
    this.bytes = bytes
    this.method = method
    this.target = target
    this.raw = raw
    this.names = names
    this.contentLength = contentLength
    this.keepsAlive = keepsAlive
    this.expects = expects
  }

  /** Values by names in lower case, joined as node:http does. */
  get headers(): IncomingHttpHeaders {
    return this.all ??= recordOf(this.names, this.raw)
  }

  /** Every value of each name. */
  get headersDistinct(): NodeJS.Dict<Array<string>> {
    if (this.lists !== undefined) return this.lists
    const lists: NodeJS.Dict<Array<string>> = Object.create(null)
    for (const [i, name] of this.names.entries()) (lists[name] ??= []).push(this.raw[2 * i + 1]!)
    return this.lists = lists
  }

  /** Whether the bytes at a place are this head once more. */
  isAt(bytes: Buffer, at: number): boolean {
    const { length } = this.bytes
    const end = at + length
    return end <= bytes.length && bytes.compare(this.bytes, 0, length, at, end) === 0
  }
}
