/**
 * Brings the span of the caller to where requests are answered: as the header `traceparent` of its message.
 *
 * Effect's clients name their span beside the request, where the transport keeps a connection open, and among the headers of the POST
 * otherwise.
 */
import type { FromClientEncoded } from "effect/rpc/RpcMessage"
import { Protocol } from "effect/rpc/RpcServer"
import type { TraceContext as Span } from "../../../../schema/RequestTrace.ts"
import * as TraceContext from "../../../../schema/TraceContext.ts"

type RequestMessage = Extract<FromClientEncoded, { readonly _tag: "Request" }>

/** The headers by their names in lower case. @internal */
export interface Sent {
  readonly traceparent?: string | undefined
  readonly tracestate?: string | undefined
}

/** The span that headers name. @internal */
export const spanOf = ({ traceparent, tracestate }: Sent): Span | undefined =>
  traceparent === undefined ? undefined : TraceContext.parse(traceparent, tracestate)

/** The span that a message names beside its request. Nothing has looked at these fields before. */
const besides = ({ sampled, spanId, traceId }: RequestMessage): Span | undefined =>
  typeof traceId === "string" && typeof spanId === "string" && typeof sampled === "boolean"
    ? TraceContext.fromParts(traceId, spanId, sampled, undefined)
    : undefined

const ownHeader = ({ headers }: RequestMessage, wanted: string): string | undefined =>
  headers.find(([name]) => name.toLowerCase() === wanted)?.[1]

/**
 * What stands in the headers of a message itself comes before what came with the POST, and that before what the message says beside its
 * request.
 *
 * @internal
 */
export const sentWith = (message: RequestMessage, post: Sent = {}): Sent => {
  const traceparent = ownHeader(message, "traceparent")
  if (traceparent !== undefined) return { traceparent, tracestate: ownHeader(message, "tracestate") }
  if (post.traceparent !== undefined) {
    return { traceparent: post.traceparent, tracestate: post.tracestate ?? ownHeader(message, "tracestate") }
  }
  const span = besides(message)
  return span === undefined
    ? {}
    : { traceparent: TraceContext.traceparent(span), tracestate: ownHeader(message, "tracestate") }
}

/** The message with that as its headers. @internal */
export const propagated = (message: FromClientEncoded, post?: Sent): FromClientEncoded => {
  if (message._tag !== "Request") return message
  const { traceparent, tracestate } = sentWith(message, post)
  if (traceparent === undefined || ownHeader(message, "traceparent") !== undefined) return message
  const state = tracestate === undefined || tracestate === ownHeader(message, "tracestate")
    ? []
    : [["tracestate", tracestate] as [string, string]]
  return { ...message, headers: [...message.headers, ["traceparent", traceparent], ...state] }
}

/** A protocol whose messages bring the span of the caller, as long as `wanted`. @internal */
export const propagating = (protocol: Protocol["Service"], wanted: () => boolean): Protocol["Service"] =>
  Protocol.of({
    ...protocol,
    run: (receive) => protocol.run((client, message) => receive(client, wanted() ? propagated(message) : message))
  })
