/** The outside of messages, which nothing else looks at before it relies on it: their contents have schemas, these have not. */
import type { FromClientEncoded } from "effect/rpc/RpcMessage"

/** Gives what was decoded as messages. Throws an `Error` that says what is wrong with one that is none. @internal */
export const read = (decoded: ReadonlyArray<unknown>): ReadonlyArray<FromClientEncoded> => {
  for (const message of decoded) {
    const fault = faultOf(message)
    if (fault !== undefined) throw new Error(fault)
  }
  return decoded as ReadonlyArray<FromClientEncoded>
}

const faultOf = (message: unknown): string | undefined => {
  if (typeof message !== "object" || message === null) return "a message must be an object"
  const { _tag, headers, id, isNotification, tag }: { readonly [field: string]: unknown } = { ...message }
  if (typeof _tag !== "string") return "the '_tag' of a message must be a string"
  if (_tag !== "Request") return undefined
  if (isNotification !== true && typeof id !== "string" && typeof id !== "number") {
    return "the 'id' of a request must be a string or a number"
  }
  if (typeof tag !== "string") return "the 'tag' of a request must be the name of a procedure"
  return Array.isArray(headers) && headers.every(isHeader)
    ? undefined
    : "the 'headers' of a request must be an array of pairs of strings"
}

const isHeader = (header: unknown): boolean =>
  Array.isArray(header) && header.length === 2 && typeof header[0] === "string" && typeof header[1] === "string"
