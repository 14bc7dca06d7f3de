/**
 * A gRPC listener with bounded connections, calls and times, whose scope ends it gracefully.
 *
 * It knows nothing of services: `serve` gets every call.
 */
import { Cause, Effect, type Scope } from "effect"
import { ListenFailed } from "../../../../schema/Errors.ts"
import { Departure } from "../../../../services/Departure.ts"
import { bind, type Bound } from "../Bind.ts"
import * as Forks from "../Forks.ts"
import { ErrorCode } from "../http2/Frame.ts"
import type { RequestHead } from "../http2/RequestHead.ts"
import { Server, type ServerOptions } from "../http2/Server.ts"
import type { Stream, StreamHandler } from "../http2/Stream.ts"
import { Occupancy } from "../Occupancy.ts"
import { withoutSpan } from "../tracing/WithoutSpan.ts"
import type { GrpcCall } from "./Call.ts"
import { CallHead } from "./CallHead.ts"
import { Deadlines } from "./Deadlines.ts"
import type { ListenerOptions } from "./ListenerOptions.ts"
import { ServerCall } from "./ServerCall.ts"
import * as Status from "./Status.ts"
import type { Surroundings } from "./Surroundings.ts"

/**
 * Listens until the scope closes. Then it stops accepting, tells the clients, waits up to `exitTimeout` for calls in flight, up to
 * `exitReceiveTimeout` for those whose message is still arriving, and interrupts the rest. When the server departs, the clients of
 * that moment are told to take their next calls elsewhere.
 *
 * @internal
 */
export const listen: (
  options: ListenerOptions,
  serve: (call: GrpcCall) => void
) => Effect.Effect<Bound, ListenFailed, Scope.Scope> = Effect.fn("Listener.listen")(
  function*(options: ListenerOptions, serve: (call: GrpcCall) => void) {
    const departure = yield* Departure
    const fork = yield* withoutSpan(Forks.make)
    const deadlines = new Deadlines()
    const occupancy = new Occupancy("calls")
    const surroundings: Surroundings = {
      inFlight: options.inFlight,
      memory: options.memory,
      deadlines,
      maxMessageBytes: options.maxMessageBytes,
      maxSendMessageBytes: options.maxSendMessageBytes,
      fork,
      closing: occupancy.isClosing,
      left: occupancy.left,
      report: (cause: Cause.Cause<unknown>) => {
        fork(Effect.logError("A call met a bug in the server", cause))
      }
    }
    const onRequest = (stream: Stream, head: RequestHead): void => {
      const callHead = CallHead.of(head)
      if (callHead.foreign !== undefined && !head.tooLarge) return foreign(stream, callHead.foreign)
      occupancy.entered()
      const call = new ServerCall(stream, callHead, surroundings)
      begin(call, head.tooLarge, callHead, options, serve)
    }
    const server = yield* Effect.try({
      try: () => new Server(serverOptions(options, onRequest, (thrown) => surroundings.report(Cause.die(thrown)))),
      catch: (cause) =>
        new ListenFailed({
          code: "INVALID_ARG",
          message: `failed to start GRPC service: Invalid argument - the certificate or key cannot be used: ${
            cause instanceof Error ? cause.message : String(cause)
          }`
        })
    })

    const stop = Effect.gen(function*() {
      occupancy.close()
      server.shutdown()
      yield* Effect.raceFirst(
        occupancy.drained(options.exitTimeout),
        Effect.andThen(Effect.delay(Effect.sync(() => server.cutShort()), options.exitReceiveTimeout), Effect.never)
      )
      server.destroy()
      deadlines.clear()
    })
    const bound = bind(server.net, { ...options, service: "GRPC" }).pipe(
      Effect.onError(() => Effect.sync(() => server.destroy()))
    )
    const listening = yield* Effect.acquireRelease(bound, () => stop)
    if (options.tls !== undefined) yield* options.tls.watch((material) => server.renew(material))
    yield* departure.watch(() => server.leave())
    return listening
  }
)

/** Gives a call to the services, unless its headers are enough to answer it. */
const begin = (
  call: ServerCall,
  tooLarge: boolean,
  head: CallHead,
  options: ListenerOptions,
  serve: (call: GrpcCall) => void
): void => {
  if (tooLarge) {
    call.conclude(
      Status.Status.resourceExhausted,
      `The metadata of the call exceeds ${options.maxMetadataBytes} bytes. Send less of it.`,
      []
    )
  } else if (Number.isNaN(head.timeout)) {
    call.conclude(
      Status.Status.internal,
      `grpc-timeout must be up to eight digits and one of the units H M S m u n, got: ${
        head.metadata.get("grpc-timeout")?.slice(0, 64)
      }`,
      []
    )
  } else if (head.encoding === undefined) {
    call.conclude(
      Status.Status.unimplemented,
      `The compression '${head.metadata.get("grpc-encoding")?.slice(0, 64)}' is not known here, only gzip and deflate.`,
      Status.acceptedCodings
    )
  } else if (head.timeout === 0) {
    call.expired()
  } else {
    call.guard(() => serve(call))
  }
}

/** Tells in words what the port is for, when the request is complete; its body is dropped. */
const foreign = (stream: Stream, { status, text }: NonNullable<CallHead["foreign"]>): void => {
  const handler: StreamHandler = {
    onData: (_chunk, start, end) => stream.consume(end - start),
    onEnd: () => {
      const body = Buffer.from(text)
      stream.headers(Status.plain(status, body.length), false)
      stream.send([body], body.length, () => {})
      stream.end(undefined)
    },
    onRoom: () => {},
    onStill: () => stream.reset(ErrorCode.cancel),
    onCut: () => stream.reset(ErrorCode.cancel),
    onClose: () => {}
  }
  stream.handler = handler
}

const serverOptions = (
  options: ListenerOptions,
  onRequest: (stream: Stream, head: RequestHead) => void,
  onDefect: (thrown: unknown) => void
): ServerOptions => {
  const { keepAlive } = options
  return {
    tls: options.tls?.material,
    maxConnections: options.maxConnections,
    connection: {
      maxConcurrentStreams: options.maxConcurrentStreams,
      maxHeaderListBytes: options.maxMetadataBytes,
      stopAfter: 0,
      awake: options.awake,
      pings: {
        minInterval: keepAlive.minRecvPingInterval,
        maxStrikes: keepAlive.maxPingStrikes,
        permitWithoutStreams: keepAlive.permitWithoutCalls
      },
      onRequest,
      onDefect
    },
    upkeep: {
      handshakeTimeout: options.handshakeTimeout,
      stillTimeout: options.bodyTimeout,
      idleTimeout: options.idleTimeout,
      pingAfter: keepAlive.time,
      pingTimeout: keepAlive.timeout,
      pingWithoutStreams: keepAlive.permitWithoutCalls,
      maxPingsWithoutAnswer: keepAlive.maxPingsWithoutData,
      maxAge: options.maxConnectionAge ?? Infinity,
      maxAgeGrace: options.maxConnectionAgeGrace ?? Infinity
    }
  }
}
