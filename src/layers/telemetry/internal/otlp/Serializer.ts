/** How the requests of one signal are written. */

/** @category models */
export interface Serializer<Request> {
  /** Spans, data points or log records in it. */
  readonly items: (request: Request) => number
  readonly protobuf: (request: Request) => Uint8Array
  readonly json: (request: Request) => Uint8Array
}
