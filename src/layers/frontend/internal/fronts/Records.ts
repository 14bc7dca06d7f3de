/**
 * What travels between the main thread and a front. Fields of 32 bits come first, then bytes.
 *
 * Calls and connections have numbers, which their front gives out. A head is sent once and then named by its place in a table: the
 * requests of a client have mostly the same. This module is loaded by both threads.
 */
import type { MessagePort } from "node:worker_threads"
import type { RelayedWire } from "./Relay.ts"

/** From a front. @internal */
export const Up = {
  /** `connection, remote port, local port, length of the remote address`; remote address, local address. */
  joined: 1,
  /** `call, connection, place of the head, flags, length of the head, length of the body`; the head if it is new; the body. */
  request: 2,
  /** `call`; a piece of its body. */
  data: 3,
  /** `call`: its body is complete. */
  ended: 4,
  /** `call`: its body is where main wanted it; or nothing more is written there. */
  filled: 5,
  /** `call`: what main wanted to know the end of was sent. */
  sent: 6,
  /** `call`: there is room for more of its answer. */
  room: 7,
  /** `call, status`; why its body cannot be received. */
  fault: 8,
  /** `connection`: it is closed. */
  gone: 9
} as const

/** Flags of a request. @internal */
export const RequestFlag = {
  /** A body may come. */
  bodied: 1,
  /** The client waits for `100 Continue`. */
  expecting: 2,
  /** The body lies in the record, all of it. */
  whole: 4,
  /** What the client expects is not known. */
  strange: 8,
  /** Nothing more is read from its connection: its answer says so. */
  last: 16
} as const

/** Length of the fields of a request in bytes. @internal */
export const requestFields = 24

/** The place of a head that is not kept. @internal */
export const noPlace = -1

/** Heads that are kept, for each front. @internal */
export const headPlaces = 256

/** To a front. @internal */
export const Down = {
  /** `call, flags`; a whole answer, its head and its body. */
  answer: 1,
  /** `call, flags, length of the head`; the head, a piece of the body. */
  piece: 2,
  /** `call`: its answer ends. */
  end: 3,
  /** `call, flags, length of the head, parts, (memory, offset, length)…`; the head, the parts that lie here (memory 0). */
  parts: 4,
  /** `call`: the client may send the body. */
  goOn: 5,
  /** `call`: the body may flow. */
  take: 6,
  /** `call`: the body is dropped. */
  drop: 7,
  /** `call, memory, offset, length`: the body is received there. */
  fill: 8,
  /** `connection`: it is closed after a while, whatever still comes. */
  linger: 9,
  /** `connection`: nothing more is sent after what is on its way. */
  close: 10,
  /** `connection`: it is closed now. */
  destroy: 11,
  /** Connections without requests are closed, and no more are accepted. */
  retire: 12,
  /** Each connection is closed after the answer to its next request: the client connects anew, perhaps to another front. */
  renew: 13
} as const

/** Flags of an answer. @internal */
export const AnswerFlag = {
  /** The connection stays. */
  keepAlive: 1,
  /** Main wants to know when it was sent. */
  notify: 2,
  /** Main wants to know when the next piece may come. */
  pace: 4,
  /** The body is sent in chunks, which the front makes. */
  chunked: 8
} as const

/** Length of the fields of a piece in bytes; a whole answer has one less, parts have more. @internal */
export const pieceFields = 12

/** Bytes of a ring, in each direction. @internal */
export const ringBytes = 512 * 1024

/** Most bytes of a piece of a body, either way. @internal */
export const maxPiece = 64 * 1024

/** Longer heads do not fit into a record with a body: connections that bring one are left to main. @internal */
export const maxHead = 128 * 1024

/** A body up to this size lies in the record of its request, where it is there by then. @internal */
export const maxInline = 16 * 1024 - 1

/** Bytes of parts that are copied into the record of their answer rather than named. @internal */
export const maxCopied = 4 * 1024

/** What main tells a front in messages, besides 0: look at the ring. @internal */
export type ToFront =
  /** Memory that records name from now on. */
  | { readonly _tag: "Memory"; readonly id: number; readonly buffer: SharedArrayBuffer }
  | { readonly _tag: "Forget"; readonly id: number }
  /** It accepts connections from now on. */
  | { readonly _tag: "Listen" }
  /** Answers are sent, connections closed, and the thread ends. */
  | { readonly _tag: "Finish" }

/** What a front tells main in messages, besides 0: look at the ring. @internal */
export type FromFront =
  /** It runs, and does not listen yet. */
  | { readonly _tag: "Spare" }
  | { readonly _tag: "Listening"; readonly address: string; readonly port: number }
  | { readonly _tag: "Refused"; readonly code: string; readonly message: string }
  | { readonly _tag: "Finished" }
  /** A connection that main serves. */
  | { readonly _tag: "Relay"; readonly port: MessagePort; readonly wire: RelayedWire }
  /** Something threw that is a bug; its connection ended. */
  | { readonly _tag: "Defect"; readonly text: string }
