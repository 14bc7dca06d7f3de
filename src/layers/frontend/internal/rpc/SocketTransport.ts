/**
 * RPC over connections that stay open: messages of any number of requests go back and forth.
 *
 * A protocol of Effect's RPC server; what a connection is made of is its user's affair.
 */
import { Effect, Queue } from "effect"
import type { FromClientEncoded, FromServerEncoded } from "effect/rpc/RpcMessage"
import type { Parser } from "effect/rpc/RpcSerialization"
import { Protocol } from "effect/rpc/RpcServer"
import * as Envelope from "./Envelope.ts"
import { Lines } from "./Lines.ts"
import * as Peer from "./Peer.ts"
import { propagated } from "./Propagation.ts"
import { defect, type Serialization } from "./Serialization.ts"

/** Where messages of one client go, and what is to be told of its requests. @internal */
export interface Line {
  /** Headers of all its requests. */
  readonly headers: ReadonlyArray<readonly [string, string]>
  /** What the transport says of the connection: it wins over what a client says. */
  readonly said: ReadonlyArray<[string, string]>
  /** Sends a message; completes when there is room for another one. */
  readonly send: (encoded: Uint8Array | string) => Effect.Effect<void>
  /** A request was read that will be answered. */
  readonly entered: () => void
  /** A request got its last message. */
  readonly left: () => void
}

/** @internal */
export interface SocketTransport {
  readonly protocol: Protocol["Service"]
  readonly connect: (line: Line) => SocketClient
}

/** `maxMessageBytes`: see `Limits.maxMessage`. `propagates`: somebody may want to know the spans of callers. @internal */
export const make = Effect.fnUntraced(function*(
  serialization: Serialization,
  maxMessageBytes: number,
  propagates: () => boolean
): Effect.fn.Return<SocketTransport> {
  const disconnects = yield* Queue.make<number>()
  const clients = new Map<number, SocketClient>()
  const describe = defect(serialization)
  let last = 0
  let write: (client: number, message: FromClientEncoded) => Effect.Effect<void> = () => Effect.void

  const protocol = yield* Protocol.make((writeRequest) => {
    write = writeRequest
    return Effect.succeed({
      disconnects,
      send: (id, message) => clients.get(id)?.send(message) ?? Effect.void,
      end: () => Effect.void,
      clientIds: Effect.sync(() => new Set(clients.keys())),
      initialMessage: Effect.succeedNone,
      supportsAck: true,
      supportsTransferables: false,
      supportsSpanPropagation: true,
      supportsNotifications: true,
      codecFor: serialization.codecFor
    })
  })

  const connect = (line: Line): SocketClient => {
    const id = last++
    const client: SocketClient = new SocketClient(line, serialization, maxMessageBytes, {
      write: (message) => write(id, propagates() ? propagated(message) : message),
      describe,
      closed: () => {
        clients.delete(id)
        Queue.offerUnsafe(disconnects, id)
      }
    })
    clients.set(id, client)
    return client
  }

  return { protocol, connect }
})

interface Server {
  readonly write: (message: FromClientEncoded) => Effect.Effect<void>
  readonly describe: (message: string) => FromServerEncoded
  readonly closed: () => void
}

/** One client. @internal */
export class SocketClient {
  private readonly line: Line
  private readonly serialization: Serialization
  private readonly server: Server
  private parser: Parser
  /** What came of a line of text that is not complete. */
  private readonly lines: Lines
  /** Ids of the requests that were not answered yet. */
  private readonly open = new Set<string | number>()
  /** Those whose last piece the client has not acknowledged. */
  private readonly unacknowledged = new Set<string | number>()

  constructor(line: Line, serialization: Serialization, maxMessageBytes: number, server: Server) {
    this.line = line
    this.serialization = serialization
    this.server = server
    this.parser = serialization.makeUnsafe()
    this.lines = new Lines(maxMessageBytes)
  }

  /** The next move is the client's. */
  get awaitsClient(): boolean {
    return this.unacknowledged.size > 0
  }

  /** Hands over what was received: whole messages, or pieces of them. */
  receive(data: Uint8Array | string): Effect.Effect<void> {
    let messages: ReadonlyArray<FromClientEncoded>
    try {
      messages = Envelope.read(this.parser.decode(typeof data === "string" ? this.lines.add(data) : data))
    } catch (thrown) {
      // A parser that has failed reads nothing more; the next message is read afresh.
      this.parser = this.serialization.makeUnsafe()
      return this.send(this.server.describe(`The message is no RPC message: ${String(thrown)}`))
    }
    if (messages.length === 1) return this.forward(messages[0]!)
    let next = 0
    return Effect.whileLoop({
      while: () => next < messages.length,
      body: () => this.forward(messages[next++]!),
      step: () => {}
    })
  }

  /** The connection is gone: whatever still runs for this client ends. */
  closed(): void {
    this.server.closed()
    for (let i = this.open.size; i > 0; i--) this.line.left()
    this.open.clear()
    this.unacknowledged.clear()
  }

  send(message: FromServerEncoded): Effect.Effect<void> {
    const encoded = this.parser.encode(message)
    const sent = encoded === undefined ? Effect.void : this.line.send(encoded)
    if (message._tag === "Chunk") this.unacknowledged.add(message.requestId)
    else if (message._tag === "Exit") this.unacknowledged.delete(message.requestId)
    return message._tag === "Exit" && this.open.has(message.requestId) ? this.leave(sent, message.requestId) : sent
  }

  private leave(sent: Effect.Effect<void>, id: string | number): Effect.Effect<void> {
    return Effect.andThen(
      sent,
      Effect.sync(() => {
        if (this.open.delete(id)) this.line.left()
      })
    )
  }

  private forward(message: FromClientEncoded): Effect.Effect<void> {
    if (message._tag !== "Request") {
      if (message._tag === "Ack") this.unacknowledged.delete(message.requestId)
      return this.server.write(message)
    }
    const { id } = message
    if (message.isNotification !== true) {
      if (this.open.has(id)) {
        return this.send(this.server.describe(`The id ${id} belongs to a request that was not answered yet.`))
      }
      this.open.add(id)
      this.line.entered()
    }
    return this.server.write(
      this.line.headers.length === 0 && this.line.said.length === 0
        ? message
        : { ...message, headers: Peer.merged(this.line.headers, message.headers, this.line.said) }
    )
  }
}
