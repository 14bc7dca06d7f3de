/** The headers of a request as `IncomingMessage.headers` has them. */
import type { IncomingHttpHeaders } from "node:http"

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

/**
 * `names` in lower case, `raw` with names and values in turn. Without `set-cookie`, which is none of requests, and without what is
 * no name in an object.
 *
 * @internal
 */
export const recordOf = (names: ReadonlyArray<string>, raw: ReadonlyArray<string>): IncomingHttpHeaders => {
  const record: NodeJS.Dict<string> & { "set-cookie"?: never } = {}
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!
    const value = raw[2 * i + 1]!
    const before = Object.hasOwn(record, name) ? record[name] : undefined
    if (name === "set-cookie") continue
    if (name === "__proto__") continue
    if (before === undefined) record[name] = value
    else if (!firstCounts.has(name)) record[name] = `${before}${name === "cookie" ? "; " : ", "}${value}`
  }
  return record
}
