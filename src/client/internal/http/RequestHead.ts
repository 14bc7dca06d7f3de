/** What a request is sent with: the headers of the client, of the call and of the operation, and the body as it travels. */
import type { Bytes } from "../Elements.ts"
import { type Coding, compress } from "./Compress.ts"
import type { Operation } from "./Operation.ts"

/** What a client adds to every request: headers, and the coding of bodies. @category models */
export interface Sending {
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly compression?: {
    readonly request?: Coding | undefined
    readonly response?: Coding | undefined
  } | undefined
}

/** @internal */
export interface Prepared {
  readonly headers: Headers
  readonly body: Bytes | undefined
}

/** `leftMillis`: how long the caller waits for the answer, `undefined` without a limit. @internal */
export const prepare = async (
  operation: Operation<unknown>,
  { compression = {}, headers: always }: Sending,
  call: Readonly<Record<string, string>> | undefined,
  leftMillis: number | undefined
): Promise<Prepared> => {
  const { body, inference } = operation
  const headers = new Headers(always)
  for (const [name, value] of [...Object.entries(call ?? {}), ...Object.entries(operation.headers)]) {
    headers.set(name, value)
  }
  // Node would ask for gzip otherwise, which costs a server more than the network saves.
  headers.set("Accept-Encoding", (inference ? compression.response : undefined) ?? "identity")
  if (!inference) return { headers, body }
  if (leftMillis !== undefined) headers.set("X-Request-Timeout", Math.max(leftMillis, 0.001).toFixed(3))
  if (compression.request === undefined || body === undefined) return { headers, body }
  headers.set("Content-Encoding", compression.request)
  return { headers, body: await compress(body, compression.request) }
}
