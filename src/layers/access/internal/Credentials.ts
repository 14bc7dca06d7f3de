/** The API key that a request brings. Source: RFC 6750 §2.1. */
import type { Asker } from "../../../services/Access.ts"

/** That of `Authorization: Bearer` before that of `X-API-Key`; `undefined`: none. @internal */
export const keyOf = ({ apiKey, authorization }: Asker): string | undefined => {
  if (authorization !== undefined) {
    const bearer = /^bearer +(\S+) *$/i.exec(authorization)
    if (bearer !== null) return bearer[1]
  }
  return apiKey === undefined || apiKey === "" ? undefined : apiKey.trim()
}
