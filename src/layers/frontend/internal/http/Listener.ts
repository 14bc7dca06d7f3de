/**
 * A listener of HTTP/1.1 and HTTP/2 with bounded connections and times, whose scope ends it gracefully.
 *
 * It knows nothing of routes: `serve` gets every request as a `Call`.
 */
import { Cause, Effect, type Scope } from "effect"
import type { IncomingMessage } from "node:http"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import { ListenFailed } from "../../../../schema/Errors.ts"
import { Departure } from "../../../../services/Departure.ts"
import type { TensorMemory } from "../../../../services/TensorMemory.ts"
import { bind, type Bound } from "../Bind.ts"
import * as Forks from "../Forks.ts"
import { Fronts } from "../fronts/Fronts.ts"
import type { InFlight } from "../InFlight.ts"
import { Occupancy } from "../Occupancy.ts"
import type { Renewal } from "../tls/Renewal.ts"
import { withoutSpan } from "../tracing/WithoutSpan.ts"
import { closingBytes } from "./Answer.ts"
import { Call } from "./Call.ts"
import type { CallResponse } from "./CallResponse.ts"
import { Connection, type Tenant } from "./Connection.ts"
import type { Surroundings } from "./Exchange.ts"
import * as NodeServer from "./NodeServer.ts"
import * as PlainDoor from "./PlainDoor.ts"
import * as StreamDoor from "./streams/StreamDoor.ts"
import { wireFailure } from "./WireFailure.ts"

/** Times in milliseconds. @internal */
export interface ListenerOptions {
  /** What the listener serves, as start-up errors name it: `HTTP`. */
  readonly service: string
  readonly address: string
  readonly port: number
  readonly reusePort: boolean
  /** The certificate; `undefined`: in the clear. */
  readonly tls?: Renewal | undefined
  readonly maxConnections: number
  /** Requests of one connection of HTTP/2 at a time. */
  readonly maxConcurrentStreams: number
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
  /** For which the thread stays awake after an answer. */
  readonly awake: number
  /** For requests in flight when the scope closes. */
  readonly exitTimeout: number
  /** For requests that are half received then to arrive. */
  readonly exitReceiveTimeout: number
  readonly inFlight: InFlight
  /** Threads that accept connections, in the clear; absent: this one does. */
  readonly fronts?: {
    readonly count: number
    /** Where they receive large bodies. */
    readonly memory: TensorMemory["Service"]
  } | undefined
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
    const fork = yield* withoutSpan(Forks.make)
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
      const { headers } = request
      const length = headers["content-length"]
      const bodied = (length !== undefined && length !== "0") || headers["transfer-encoding"] !== undefined
      return new Call(request, response, Connection.of(request.socket), surroundings, bodied, expecting)
    }
    const start = (request: IncomingMessage, response: CallResponse, expecting: boolean): void => {
      const call = accept(request, response, expecting)
      call.guard(() => serve(call))
    }

    const streams = StreamDoor.make(options, surroundings, serve)
    const plain = PlainDoor.make(options, surroundings, serve, {
      http2: (socket) => streams.accept(socket),
      other: (socket) => {
        const connection = new Connection(socket)
        connections.add(connection)
        socket.on("close", () => {
          connections.delete(connection)
          connection.closed()
        })
        node.serve(socket)
      }
    })
    const node = yield* Effect.try({
      try: () =>
        NodeServer.make({ ...options, tls: options.tls?.material, mayUpgrade: upgrades?.wants }, {
          http1: (socket) => plain.accept(socket),
          http2: (socket) => streams.accept(socket)
        }),
      catch: (thrown) =>
        new ListenFailed({
          code: "INVALID_ARG",
          message:
            `failed to start ${options.service} service: Invalid argument - the certificate or key cannot be used: ${
              thrown instanceof Error ? thrown.message : String(thrown)
            }`
        })
    }).pipe(
      Effect.onError(() =>
        Effect.sync(() => {
          plain.destroy()
          streams.destroy()
        })
      )
    )
    const { destroy, renew, server } = node
    const fronts = options.fronts === undefined ? undefined : new Fronts({
      ...options.fronts,
      endpoint: options,
      maxConnections: options.maxConnections,
      http: PlainDoor.http1OptionsOf(options),
      serve: (front, bodied, expecting) => {
        surroundings.entered()
        const call = new Call(front, front, front.carrier, surroundings, bodied, expecting)
        call.guard(() => serve(call))
      },
      // All that is asked of a socket here, it does as well.
      relayed: (socket) => plain.accept(socket as Duplex as Socket),
      defect: (thrown) => surroundings.report(Cause.die(thrown)),
      fork
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
      destroy()
      fronts?.retire()
      plain.closeIdle()
      streams.shutdown()
      for (const connection of connections) {
        if (connection.tenant !== undefined) connection.tenant.retire()
        else if (!connection.busy) connection.socket.destroy()
      }
      const cutShort = Effect.sync(() => {
        for (const connection of connections) connection.cutShort()
        plain.cutShort()
        streams.cutShort()
        fronts?.cutShort()
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
      plain.destroy()
      streams.destroy()
      if (fronts !== undefined) yield* fronts.finish
    })
    const bound = (fronts === undefined ? bind(server, options) : fronts.listen).pipe(
      Effect.onError(() =>
        Effect.sync(() => {
          destroy()
          plain.destroy()
          streams.destroy()
        })
      )
    )
    const listening = yield* Effect.acquireRelease(bound, () => stop)
    if (options.tls !== undefined) yield* options.tls.watch(renew)
    yield* departure.watch(() => streams.leave())
    return listening
  }
)
