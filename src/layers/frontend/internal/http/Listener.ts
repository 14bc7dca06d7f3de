/**
 * An HTTP/1.1 listener with bounded connections and times, whose scope ends it gracefully.
 *
 * It knows nothing of routes: `serve` gets every request as a `Call`.
 */
import { type Cause, Effect, FiberSet, type Scope } from "effect"
import { createServer, IncomingMessage } from "node:http"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import type { ListenFailed } from "../../../../schema/Errors.ts"
import { Departure } from "../../../../services/Departure.ts"
import { bind, type Bound } from "../Bind.ts"
import type { InFlight } from "../InFlight.ts"
import { Occupancy } from "../Occupancy.ts"
import { withoutSpan } from "../tracing/WithoutSpan.ts"
import { closingBytes } from "./Answer.ts"
import { Call } from "./Call.ts"
import { Connection, type Tenant } from "./Connection.ts"
import { CallResponse, type Surroundings } from "./Exchange.ts"
import { wireFailure } from "./WireFailure.ts"

/** Times in milliseconds. @internal */
export interface ListenerOptions {
  /** What the listener serves, as start-up errors name it: `HTTP`. */
  readonly service: string
  readonly address: string
  readonly port: number
  readonly reusePort: boolean
  readonly maxConnections: number
  /** Bytes of a request's head. */
  readonly maxHeaderSize: number
  /** Until the head of a request is complete. */
  readonly headerTimeout: number
  /** Pause within a body, or within the reception of an answer. */
  readonly bodyTimeout: number
  /** Until a whole request is complete. */
  readonly requestTimeout: number
  /** Between two requests. */
  readonly idleTimeout: number
  /** For requests in flight when the scope closes. */
  readonly exitTimeout: number
  /** For requests that are half received then to arrive. */
  readonly exitReceiveTimeout: number
  readonly inFlight: InFlight
}

/** Takes connections that ask to leave HTTP. @internal */
export interface Upgrades {
  /** Whether a request with the header `Upgrade` may leave HTTP; otherwise it is served like any other. */
  readonly wants: (request: IncomingMessage) => boolean
  /** Takes a connection over, or answers the request and ends it. */
  readonly take: (request: IncomingMessage, socket: Socket, head: Buffer, server: Surroundings) => Tenant | undefined
}

/**
 * Listens until the scope closes. Then it stops accepting, closes idle connections, waits up to `exitTimeout` for requests in
 * flight, up to `exitReceiveTimeout` for those that are still arriving, and interrupts the rest. From the departure of the server
 * on, connections close after their next answer.
 *
 * @internal
 */
export const listen: (
  options: ListenerOptions,
  serve: (call: Call) => void,
  upgrades?: Upgrades
) => Effect.Effect<Bound, ListenFailed, Scope.Scope> = Effect.fn("Listener.listen")(
  function*(options: ListenerOptions, serve: (call: Call) => void, upgrades?: Upgrades) {
    const fork = yield* withoutSpan(FiberSet.makeRuntime<never, unknown, unknown>())
    const departure = yield* Departure
    const connections = new Set<Connection>()
    const occupancy = new Occupancy("requests")
    const surroundings: Surroundings = {
      inFlight: options.inFlight,
      fork,
      entered: occupancy.entered,
      closing: occupancy.isClosing,
      leaving: () => occupancy.isClosing() || departure.begun(),
      left: occupancy.left,
      report: (cause: Cause.Cause<unknown>) => {
        fork(Effect.logError("A request met a bug in the server", cause))
      }
    }
    const accept = (request: IncomingMessage, response: CallResponse, expecting: boolean): Call => {
      surroundings.entered()
      return new Call(request, response, Connection.of(request.socket), surroundings, expecting)
    }
    const start = (request: IncomingMessage, response: CallResponse, expecting: boolean): void => {
      const call = accept(request, response, expecting)
      call.guard(() => serve(call))
    }

    const server = createServer({
      IncomingMessage,
      ServerResponse: CallResponse,
      ...(upgrades === undefined ? {} : { shouldUpgradeCallback: upgrades.wants }),
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
      noDelay: true,
      requireHostHeader: false,
      maxHeaderSize: options.maxHeaderSize,
      headersTimeout: options.headerTimeout,
      requestTimeout: Math.max(options.requestTimeout, options.headerTimeout),
      keepAliveTimeout: options.idleTimeout,
      keepAliveTimeoutBuffer: 0,
      connectionsCheckingInterval: Math.min(5000, Math.max(50, Math.ceil(options.headerTimeout / 4)))
    })
    server.timeout = options.bodyTimeout
    server.maxConnections = options.maxConnections
    server.on("connection", (socket: Socket) => {
      const connection = new Connection(socket)
      connections.add(connection)
      socket.on("close", () => {
        connections.delete(connection)
        connection.closed()
      })
    })
    server.on("request", (request, response) => start(request, response, false))
    server.on("checkContinue", (request, response) => start(request, response, true))
    server.on("checkExpectation", (request, response) => {
      const call = accept(request, response, true)
      call.error(417, `The expectation '${request.headers.expect}' is not known here, only 100-continue.`)
    })
    server.on("connect", (_request, socket) => socket.end(closingBytes(405, "Method Not Allowed")))
    if (upgrades !== undefined) {
      server.on("upgrade", (request, stream: Duplex, head: Buffer) => {
        // What this listener accepts are sockets.
        const socket = stream as Socket
        // A Node that does not know `shouldUpgradeCallback` asks for every protocol.
        if (upgrades.wants(request)) Connection.of(socket).tenant = upgrades.take(request, socket, head, surroundings)
        else socket.end(closingBytes(400, "The only protocol that this server upgrades to is WebSocket."))
      })
    }
    server.on("clientError", (error: Error, socket: Socket) => {
      const failure = wireFailure(error)
      if (failure === undefined || !socket.writable) socket.destroy()
      else Connection.of(socket).fail(failure.status, failure.message)
    })
    server.on("timeout", (socket: Socket) => Connection.of(socket).stalled())

    const stop = Effect.gen(function*() {
      occupancy.close()
      server.close()
      for (const connection of connections) {
        if (connection.tenant !== undefined) connection.tenant.retire()
        else if (!connection.busy) connection.socket.destroy()
      }
      const cutShort = Effect.sync(() => {
        for (const connection of connections) connection.cutShort()
      })
      yield* Effect.raceFirst(
        occupancy.drained(options.exitTimeout),
        Effect.andThen(Effect.delay(cutShort, options.exitReceiveTimeout), Effect.never)
      )
      // What was answered still leaves its last bytes; the rest is cut, which interrupts its fibers.
      for (const connection of connections) {
        if (!connection.busy) connection.socket.destroySoon()
        else {
          connection.socket.destroy()
          connection.closed()
        }
      }
    })
    return yield* Effect.acquireRelease(bind(server, options), () => stop)
  }
)
