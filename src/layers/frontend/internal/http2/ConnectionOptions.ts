/** What a connection is told. */
import type { RequestHead } from "./RequestHead.ts"
import type { Stream } from "./Stream.ts"

/** @internal */
export interface ConnectionOptions {
  /** Requests at a time. */
  readonly maxConcurrentStreams: number
  /** Bytes of the header fields of a request, and 32 more for each. */
  readonly maxHeaderListBytes: number
  /**
   * How long a client may go on with a request that was answered before it was complete, in milliseconds: it is told to stop after that,
   * and 0 is at once. Clients are known that forget an answer when the word to stop comes along with it.
   */
  readonly stopAfter: number
  /** For how many milliseconds its thread stays awake after an answer, see `Attention`. */
  readonly awake: number
  /** A client that pings without need. */
  readonly pings: PingPolicy
  /** A request came: gives its stream a handler. Must not throw. */
  readonly onRequest: (stream: Stream, head: RequestHead) => void
  /** Something in the server threw: a bug, which ends the connection it happened on. */
  readonly onDefect: (thrown: unknown) => void
}

/** When a client pings too often. Times in milliseconds. @internal */
export interface PingPolicy {
  /** Pings closer than this, without an answer in between, are counted. */
  readonly minInterval: number
  /** So many are forgiven; 0: all. */
  readonly maxStrikes: number
  /** `false`: without a request in progress the interval is two hours. */
  readonly permitWithoutStreams: boolean
}
