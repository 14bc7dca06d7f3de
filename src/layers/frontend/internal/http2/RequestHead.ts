/** The header fields of a request, checked. Source: RFC 9113 §8.2, §8.3, §8.5. */
import { entryOverhead } from "./HeaderTables.ts"
import type { FieldSink } from "./HpackDecoder.ts"

/** A well-formed request head. Equal requests of a connection may share one. @internal */
export interface RequestHead {
  readonly method: string
  readonly path: string
  readonly scheme: string
  readonly authority: string | undefined
  /** The other fields in order: names in lower case and values in turn. */
  readonly raw: ReadonlyArray<string>
  /** Bytes of the body as announced. */
  readonly contentLength: number | undefined
  /** More fields came than are taken; they are not all here. */
  readonly tooLarge: boolean
  /** What the layer above derived from it, kept for the next request with the same head. */
  memo: object | undefined
}

const nameChar = new Uint8Array(128)
for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") nameChar[char.charCodeAt(0)] = 1

const isName = (name: string): boolean => {
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i)
    if (code > 127 || nameChar[code] === 0) return false
  }
  return name.length > 0
}

const isValue = (value: string): boolean => {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if (code === 0 || code === 10 || code === 13) return false
  }
  return true
}

/** Fields that belong to one connection of HTTP/1 and have no meaning here. */
const forbidden: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade"
])

/** Collects the fields of one block. It is used for one after another: `begin`, the fields, then `head` or `wellFormed`. @internal */
export class HeadBuilder implements FieldSink {
  private readonly maxBytes: number
  private trailers = false
  private malformed = false
  private bytes = 0
  private method: string | undefined = undefined
  private path: string | undefined = undefined
  private scheme: string | undefined = undefined
  private authority: string | undefined = undefined
  private length: string | undefined = undefined
  private raw: Array<string> = []

  /** `maxBytes`: of the names and values, and 32 more for each. */
  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  begin(trailers: boolean): void {
    this.trailers = trailers
    this.malformed = false
    this.bytes = 0
    this.method = undefined
    this.path = undefined
    this.scheme = undefined
    this.authority = undefined
    this.length = undefined
    this.raw = []
  }

  field(name: string, value: string): void {
    this.bytes += name.length + value.length + entryOverhead
    if (this.bytes > this.maxBytes || this.malformed) return
    if (!isValue(value)) this.malformed = true
    else if (name.charCodeAt(0) === 58) this.pseudo(name, value)
    else this.regular(name, value)
  }

  /** The head of a request; `undefined` when it is malformed. */
  head(): RequestHead | undefined {
    const { authority, length, method, path, raw, scheme } = this
    const tooLarge = this.bytes > this.maxBytes
    if (tooLarge) {
      return {
        method: method ?? "",
        path: path ?? "",
        scheme: scheme ?? "",
        authority,
        raw,
        contentLength: undefined,
        tooLarge,
        memo: undefined
      }
    }
    if (this.malformed || method === undefined) return undefined
    if (method === "CONNECT") {
      if (authority === undefined || scheme !== undefined || path !== undefined) return undefined
    } else if (scheme === undefined || path === undefined || path === "") {
      return undefined
    }
    return {
      method,
      path: path ?? "",
      scheme: scheme ?? "",
      authority,
      raw,
      contentLength: length === undefined ? undefined : Number(length),
      tooLarge,
      memo: undefined
    }
  }

  /** Whether the fields may be what they are, the trailers of a request. */
  wellFormed(): boolean {
    return !this.malformed
  }

  private pseudo(name: string, value: string): void {
    if (this.trailers || this.raw.length > 0) this.malformed = true
    else if (name === ":method" && this.method === undefined) this.method = value
    else if (name === ":path" && this.path === undefined) this.path = value
    else if (name === ":scheme" && this.scheme === undefined) this.scheme = value
    else if (name === ":authority" && this.authority === undefined) this.authority = value
    else this.malformed = true
  }

  private regular(name: string, value: string): void {
    if (!isName(name) || forbidden.has(name) || (name === "te" && value !== "trailers")) {
      this.malformed = true
      return
    }
    if (name === "content-length") {
      if (!/^\d{1,15}$/.test(value) || (this.length !== undefined && this.length !== value)) this.malformed = true
      this.length = value
    }
    this.raw.push(name, value)
  }
}
