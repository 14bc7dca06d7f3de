/**
 * How a connection that its front cannot serve reaches main: its bytes travel in messages, both ways, for as long as it lasts.
 *
 * Each end sends at most `maxUnanswered` bytes that the other one has not taken. This module is loaded by both threads.
 */

/** Bytes on their way in one direction. @internal */
export const maxUnanswered = 256 * 1024

/** Bytes, or a sign. @internal */
export type RelayMessage =
  | Uint8Array<ArrayBuffer>
  /** So many bytes were taken. */
  | number
  /** No more bytes come from there. */
  | "end"
  /** The connection is to be closed, or is. */
  | "close"

/** Both ends of the connection. @internal */
export interface RelayedWire {
  readonly remoteAddress: string | undefined
  readonly remotePort: number | undefined
  readonly localAddress: string | undefined
  readonly localPort: number | undefined
}

/** Bytes in memory of their own, which a message can carry away. @internal */
export const movable = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes)
