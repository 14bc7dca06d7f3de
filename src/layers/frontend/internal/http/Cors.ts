/**
 * Lets pages of other origins ask this server: the headers of Cross-Origin Resource Sharing.
 *
 * Nothing is sent unless the operator names origins. A page may then send any header, so that restricted APIs and tracing work
 * from it, and see the headers that belong to this protocol. Cookies play no part. Source: the Fetch standard.
 */
import type { IncomingHttpHeaders } from "node:http"

/** @internal */
export interface Cors {
  /** Whether pages of an origin may ask. */
  readonly allows: (origin: string) => boolean
  /** Headers for any answer to this request, as name and value in turn. */
  readonly headers: (request: IncomingHttpHeaders) => ReadonlyArray<string>
  /** Further headers for the answer to a browser that asks before it sends the request itself. */
  readonly preflight: (request: IncomingHttpHeaders) => ReadonlyArray<string>
}

/** Whether a request only asks if another may be sent. @internal */
export const isPreflight = (method: string | undefined, headers: IncomingHttpHeaders): boolean =>
  method === "OPTIONS" && headers["access-control-request-method"] !== undefined

const exposed = [
  "Access-Control-Expose-Headers",
  "Inference-Header-Content-Length, RateLimit, RateLimit-Policy, Retry-After, Server-Timing, WWW-Authenticate"
]

/** How long a browser remembers that it may. */
const maxAgeSeconds = "7200"

/** `undefined` without origins; `*` allows every page. @internal */
export const make = (origins: ReadonlyArray<string>): Cors | undefined => {
  if (origins.length === 0) return undefined
  const any = origins.includes("*")
  const allowed = new Set(origins)
  return {
    allows: (origin) => any || allowed.has(origin),
    headers: ({ origin }) => {
      if (any) return origin === undefined ? [] : ["Access-Control-Allow-Origin", "*", ...exposed]
      return origin !== undefined && allowed.has(origin)
        ? ["Access-Control-Allow-Origin", origin, ...vary, ...exposed]
        : vary
    },
    preflight: (request) => {
      const wanted = request["access-control-request-headers"]
      return [
        "Access-Control-Allow-Methods",
        "GET, POST",
        ...(wanted === undefined ? [] : ["Access-Control-Allow-Headers", wanted]),
        "Access-Control-Max-Age",
        maxAgeSeconds
      ]
    }
  }
}

/** Tells caches that the answer depends on who asks. */
const vary = ["Vary", "Origin"]
