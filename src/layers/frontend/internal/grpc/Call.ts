/**
 * One RPC from its headers to its trailers, as the services behind the transport see it.
 *
 * What breaks the protocol is answered by the transport; a service reads messages, runs effects and answers.
 */
import type { Cause, Effect, Exit } from "effect"
import type { Code } from "../../../../schema/Errors.ts"
import type { Pass } from "../../../../services/Access.ts"
import type { Begun } from "../../../../services/Begun.ts"
import type { Region } from "../../../../services/TensorMemory.ts"
import type { ArrivalFacts } from "../../../../services/Tracing.ts"
import type { Deadline } from "../infer/Deadline.ts"
import type { Traced } from "../tracing/Traced.ts"
import type { Metadata } from "./Metadata.ts"

/** A typed failure: its status follows from its code. @internal */
export interface Failure {
  readonly code: Code
  readonly message: string
  /** Tells whether another try can mend it. */
  readonly _tag?: string
}

/** How the bytes of a message may be compressed. @internal */
export type Coding = "identity" | "gzip" | "deflate"

/** Begins to note what happens to a request, by the names that the client gave; `undefined`: nobody wants to know of this one. @internal */
export type Begin = (model: string, version: string) => Traced | undefined

/** What takes the messages of a stream of them. @internal */
export interface MessageHandler {
  /**
   * One message. Its bytes stay until `release` was called, or until the call is over. The next message comes after `more()`, which may
   * be called from here.
   */
  onMessage(message: Uint8Array, release: () => void): void
  /** The client sends no more messages; every message before was delivered. */
  onEnd(): void
  /** No more messages come, because the call was cancelled, failed, or its connection broke. Not called after `onEnd`. */
  onCancel(): void
}

/** @internal */
export interface GrpcCall {
  /** `/package.Service/Method`, as the client sent it. */
  readonly path: string
  readonly metadata: Metadata
  /** The address of the client; `undefined`: it is gone. */
  readonly peer: string | undefined
  /** What the client may see and do; `undefined`: everything. */
  pass: Pass | undefined
  /** Where what happens to the call is noted; its transport adds how it ends. */
  readonly traced: Traced | undefined
  /** When nobody waits any more, from the client's `grpc-timeout`. The transport itself ends the call then. */
  readonly deadline: Deadline | undefined
  /** A status was chosen, or nobody waits for one. */
  readonly settled: boolean
  /** The server takes no more requests. */
  readonly closing: boolean

  /**
   * Receives exactly one message and the end of the request, then calls `onMessage` once. Nothing is called where that never comes:
   * none, two, too large, an unknown compression, a client that goes away.
   *
   * The bytes belong to the call until it is over. Their place *ends* on a multiple of 8, so the last field of the message, where
   * tensors are, starts aligned for its own element type. From 16 KiB on they lie in tensor memory and end on a multiple of 64.
   *
   * `counted`: the call takes a place within the limits of requests and bytes, and is refused where there is none. Calls that must be
   * answered by a full server say `false`; their message is small.
   */
  receiveOne(onMessage: (message: Uint8Array) => void, counted?: boolean): void

  /** Receives any number of messages. The first one comes after the first `more()`. */
  receiveMany(handler: MessageHandler): Receiver

  /** Keeps a region, or what holds several, until the call is over. */
  hold(region: Pick<Region, "release">): void

  /**
   * Runs an effect for this call. A client that cancels, a deadline that passes or a connection that breaks interrupts it. `onExit` is
   * called exactly once. Several may run at a time.
   */
  run<A, E>(effect: Effect.Effect<A, E>, onExit: (exit: Exit.Exit<A, E>) => void): void

  /**
   * As `run`, of what needs no fiber. `begin` calls `resume` once, at once or later, unless it is cancelled before, with an exit or with an
   * effect that is run then.
   */
  start<A, E>(
    begin: (resume: (answer: Effect.Effect<A, E>) => void) => Begun,
    onExit: (exit: Exit.Exit<A, E>) => void
  ): void

  /**
   * Somebody may want to know what happens to the call: `begin` is called once, by `arrived`, or with empty names where the call ends
   * before its request was read. What it gives is `traced` from then on.
   */
  mayTrace(begin: Begin): void

  /** The request of a call was read, of which `mayTrace` told. */
  arrived(model: string, version: string): void

  /** What traces say of the way that the call came. */
  facts(): ArrivalFacts

  /**
   * Sends one message, given in parts of `byteLength` bytes in all. `sent` is called once: when the parts may be reused, perhaps before
   * this returns. `false`: the client reads slowly; more should be sent only after `onDrain`.
   */
  send(parts: ReadonlyArray<Uint8Array>, byteLength: number, sent: () => void): boolean

  /** Called when the client has read enough to be sent more, after a `send` that returned `false`. */
  onDrain: (() => void) | undefined

  /** Sends the only message and ends the call with status OK. `sent` as in `send`. */
  reply(parts: ReadonlyArray<Uint8Array>, byteLength: number, sent: () => void): void

  /** Ends the call with a status, once; a second end is dropped. The message is any text. */
  finish(status: number, message: string): void

  /**
   * Ends the call with the status and the text of a typed failure, and tells when to try again where that can mend it. `more`: further
   * names and values of the last block in turn.
   */
  failure(failure: Failure, more?: ReadonlyArray<string>): void

  /** Reports a bug to the operator and ends the call with INTERNAL. */
  defect(cause: Cause.Cause<unknown>): void

  /** Compresses the messages sent from here on, where the client takes that coding. Has to come before the first message. */
  compress(coding: Coding): void
}

/** The reading end of a stream of messages. @internal */
export interface Receiver {
  /** Asks for one more message. */
  more(): void
}
