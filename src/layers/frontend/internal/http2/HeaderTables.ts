/** The tables of header fields that both sides of a connection know. Source: RFC 7541 §2.3, §4, Appendix A. */

const names: Array<string> = [""]
const values: Array<string> = [""]
for (
  const field of [
    ":authority",
    ":method GET",
    ":method POST",
    ":path /",
    ":path /index.html",
    ":scheme http",
    ":scheme https",
    ":status 200",
    ":status 204",
    ":status 206",
    ":status 304",
    ":status 400",
    ":status 404",
    ":status 500",
    "accept-charset",
    "accept-encoding gzip, deflate",
    "accept-language",
    "accept-ranges",
    "accept",
    "access-control-allow-origin",
    "age",
    "allow",
    "authorization",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "etag",
    "expect",
    "expires",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "last-modified",
    "link",
    "location",
    "max-forwards",
    "proxy-authenticate",
    "proxy-authorization",
    "range",
    "referer",
    "refresh",
    "retry-after",
    "server",
    "set-cookie",
    "strict-transport-security",
    "transfer-encoding",
    "user-agent",
    "vary",
    "via",
    "www-authenticate"
  ]
) {
  const space = field.indexOf(" ")
  names.push(space === -1 ? field : field.slice(0, space))
  values.push(space === -1 ? "" : field.slice(space + 1))
}

/** Names of the static table; its first place is 1. @internal */
export const staticNames: ReadonlyArray<string> = names
/** Values of the static table. @internal */
export const staticValues: ReadonlyArray<string> = values
/** Place of the first entry of a dynamic table. @internal */
export const firstDynamic = names.length

/** What one entry counts besides its name and its value. @internal */
export const entryOverhead = 32

/** The fields that one side told the other to remember, newest first, within a bound on their size. @internal */
export class DynamicTable {
  /** Grows with every change, so that what was derived from the table can be told to be old. */
  version = 0
  private names: Array<string> = []
  private values: Array<string> = []
  /** The oldest entry that still counts. */
  private oldest = 0
  private size = 0
  private maxSize: number

  constructor(maxSize: number) {
    this.maxSize = maxSize
  }

  /** Entries at this moment. */
  get length(): number {
    return this.names.length - this.oldest
  }

  /** Largest sum of entries that is kept. */
  get limit(): number {
    return this.maxSize
  }

  /** Name of the entry at a place, 0 for the newest. */
  name(place: number): string {
    return this.names[this.names.length - 1 - place]!
  }

  value(place: number): string {
    return this.values[this.values.length - 1 - place]!
  }

  /** Remembers a field. One that is larger than the whole table empties it. */
  insert(name: string, value: string): void {
    const size = name.length + value.length + entryOverhead
    this.version++
    this.shrink(this.maxSize - size)
    if (size > this.maxSize) return
    this.names.push(name)
    this.values.push(value)
    this.size += size
  }

  /** Sets the bound, and forgets what is beyond it. */
  resize(maxSize: number): void {
    this.version++
    this.maxSize = maxSize
    this.shrink(maxSize)
  }

  private shrink(size: number): void {
    while (this.size > Math.max(0, size)) {
      this.size -= this.names[this.oldest]!.length + this.values[this.oldest]!.length + entryOverhead
      this.names[this.oldest] = ""
      this.values[this.oldest] = ""
      this.oldest++
    }
    if (this.oldest > 64 && this.oldest * 2 > this.names.length) {
      this.names = this.names.slice(this.oldest)
      this.values = this.values.slice(this.oldest)
      this.oldest = 0
    }
  }
}
