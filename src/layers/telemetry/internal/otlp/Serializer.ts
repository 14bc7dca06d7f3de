/** How the requests of one signal are written. */
import type { Protocol } from "./SignalSettings.ts"

/** @category models */
export interface Writing<Request> {
  /** Spans, data points or log records in it. */
  readonly items: (request: Request) => number
  readonly write: (request: Request) => Uint8Array
  /** A body has been sent, and nobody reads it any more. It is not called where that is not sure. */
  readonly sent?: (body: Uint8Array) => void
}

/** In either form. @category models */
export interface Serializer<Request> {
  readonly items: Writing<Request>["items"]
  readonly protobuf: Writing<Request>["write"]
  readonly json: Writing<Request>["write"]
}

/** In the form that a protocol has. @category conversions */
export const of = <Request>({ items, json, protobuf }: Serializer<Request>, protocol: Protocol): Writing<Request> => ({
  items,
  write: protocol === "http/json" ? json : protobuf
})
