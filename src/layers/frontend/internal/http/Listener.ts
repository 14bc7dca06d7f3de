/**
 * An HTTP/1.1 listener with bounded connections and times, whose scope ends it gracefully.
 *
 * It knows nothing of routes: `serve` gets every request as a `Call`.
 */
import { type Cause, Context, Duration, Effect, FiberSet, type Scope } from "effect"
import { createServer, IncomingMessage, type Server } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { ListenFailed } from "../../../../schema/Errors.ts"
import { closingBytes } from "./Answer.ts"
import { Call, CallResponse, type Surroundings } from "./Call.ts"
import { Connection } from "./Connection.ts"
import type { InFlight } from "./InFlight.ts"
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
  readonly inFlight: InFlight
}

/** @internal */
export interface Bound {
  readonly address: string
  readonly port: number
}

/**
 * Listens until the scope closes. Then it stops accepting, closes idle connections, waits up to `exitTimeout` for requests in
 * flight, and interrupts the rest.
 *
 * @internal
 */
export const listen: (
  options: ListenerOptions,
  serve: (call: Call) => void
) => Effect.Effect<Bound, ListenFailed, Scope.Scope> = Effect.fn("Listener.listen")(
  function*(options: ListenerOptions, serve: (call: Call) => void) {
    const services = yield* Effect.context<never>()
    const fork = yield* FiberSet.makeRuntime<never, unknown, unknown>()
    const connections = new Set<Connection>()
    let calls = 0
    let closing = false
    let whenIdle: (() => void) | undefined = undefined
    const surroundings: Surroundings = {
      inFlight: options.inFlight,
      fork,
      closing: () => closing,
      left: () => {
        calls--
        if (calls === 0) whenIdle?.()
      },
      report: (cause: Cause.Cause<unknown>) => {
        Effect.runForkWith(services)(Effect.logError("A request met a bug in the server", cause))
      }
    }
    const accept = (request: IncomingMessage, response: CallResponse, expecting: boolean): Call => {
      calls++
      return new Call(request, response, Connection.of(request.socket), surroundings, expecting)
    }
    const start = (request: IncomingMessage, response: CallResponse, expecting: boolean): void => {
      const call = accept(request, response, expecting)
      call.guard(() => serve(call))
    }

    const server = createServer({
      IncomingMessage,
      ServerResponse: CallResponse,
      keepAlive: false,
      noDelay: true,
      requireHostHeader: false,
      maxHeaderSize: options.maxHeaderSize,
      headersTimeout: options.headerTimeout,
      requestTimeout: Math.max(options.requestTimeout, options.headerTimeout),
      keepAliveTimeout: options.idleTimeout,
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
    server.on("clientError", (error: Error, socket: Socket) => {
      const failure = wireFailure(error)
      if (failure === undefined || !socket.writable) socket.destroy()
      else Connection.of(socket).fail(failure.status, failure.message)
    })
    server.on("timeout", (socket: Socket) => Connection.of(socket).stalled())

    const stop = Effect.gen(function*() {
      closing = true
      const closed = Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        for (const connection of connections) if (connection.calls.size === 0) connection.socket.destroy()
      })
      const idle = Effect.callback<void>((resume) => {
        if (calls === 0) return resume(Effect.void)
        whenIdle = () => resume(Effect.void)
      })
      const ended = yield* Effect.forkChild(closed, { startImmediately: true })
      yield* Effect.timeoutOption(idle, Duration.millis(options.exitTimeout))
      for (const connection of connections) {
        if (connection.calls.size === 0) connection.socket.destroySoon()
        else connection.socket.destroy()
      }
      yield* Effect.timeoutOption(Effect.flatMap(Effect.succeed(ended), (fiber) => fiberJoin(fiber)), "1 second")
      server.closeAllConnections()
    })
    return yield* Effect.acquireRelease(bind(server, options), () => stop)
  }
)
