/** What a gRPC listener is told. */
import type { TensorMemory } from "../../../../services/TensorMemory.ts"
import type { InFlight } from "../InFlight.ts"
import type { Renewal } from "../tls/Renewal.ts"

/** Pings of both sides. Times in milliseconds. Source: protocol §7.1. @internal */
export interface KeepAlive {
  /** The server pings a client from which nothing came for so long. */
  readonly time: number
  /** The connection is cut when nothing came for so long after the ping. */
  readonly timeout: number
  /** Pings are sent and accepted without a call in progress. */
  readonly permitWithoutCalls: boolean
  /** A client that pings more often than this, without an answer sent to it in between, gets a strike. */
  readonly minRecvPingInterval: number
  /** The connection is ended with one strike more than these; 0: never. */
  readonly maxPingStrikes: number
  /** Pings that the server sends between two answers; 0: any number. */
  readonly maxPingsWithoutData: number
}

/** Times in milliseconds; `Infinity` is never. @internal */
export interface ListenerOptions {
  readonly address: string
  /** 0: a free one. */
  readonly port: number
  /** Several processes may listen on the same port. */
  readonly reusePort: boolean
  /** The certificate; `undefined`: in the clear. */
  readonly tls?: Renewal | undefined
  /** Takes messages from 16 KiB on. */
  readonly memory: TensorMemory["Service"]
  readonly inFlight: InFlight
  readonly maxConnections: number
  /** Calls at a time on one connection. */
  readonly maxConcurrentStreams: number
  /** Bytes of a call's headers, counted as HTTP/2 does: 32 more for each. */
  readonly maxMetadataBytes: number
  /** Bytes of one message received, before and after decompression. */
  readonly maxMessageBytes: number
  /** Bytes of one message sent. */
  readonly maxSendMessageBytes: number
  readonly keepAlive: KeepAlive
  /** From its beginning until a connection takes no more calls; each one has up to a tenth more or less. */
  readonly maxConnectionAge?: number | undefined
  /** For the calls on a connection that came of age. */
  readonly maxConnectionAgeGrace?: number | undefined
  /** Until TLS and the beginning of HTTP/2 are through. */
  readonly handshakeTimeout: number
  /** Pause within a message received, or while an answer is sent. */
  readonly bodyTimeout: number
  /** Of a connection without calls. */
  readonly idleTimeout: number
  /** For which the thread stays awake after an answer. */
  readonly awake: number
  /** For calls in flight when the scope closes. */
  readonly exitTimeout: number
  /** For calls whose message is half received then to arrive. */
  readonly exitReceiveTimeout: number
}
