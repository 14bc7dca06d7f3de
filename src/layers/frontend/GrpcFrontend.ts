/**
 * gRPC front end: KServe V2 with Triton's extensions, health checks and reflection.
 *
 * Upstream: clients. Downstream: `InferenceServer`. The transport is `internal/grpc`, over `internal/http2`; the RPCs are a table
 * (`internal/grpc/rpcs`), one file for each noun.
 *
 * Source: protocol §7.
 */
import { Context, Duration, Effect, Layer, type Scope } from "effect"
import { type ListenFailed, Restricted } from "../../schema/Errors.ts"
import * as Operations from "../../schema/Operations.ts"
import type { CompressionLevel } from "../../schema/options/GrpcRows.ts"
import type { Restriction } from "../../schema/options/ValueTypes.ts"
import { rpcPath } from "../../schema/proto/Descriptor.ts"
import { InferenceService } from "../../schema/proto/InferenceService.ts"
import * as ProtoFiles from "../../schema/proto/ProtoFiles.ts"
import { Access, type AccessState } from "../../services/Access.ts"
import { Certificates } from "../../services/Certificates.ts"
import { ClientMemory } from "../../services/ClientMemory.ts"
import { InferenceServer } from "../../services/InferenceServer.ts"
import { LogSettings } from "../../services/LogSettings.ts"
import { TensorMemory } from "../../services/TensorMemory.ts"
import * as AdminOperations from "./internal/AdminOperations.ts"
import type { GrpcCall } from "./internal/grpc/Call.ts"
import * as Listener from "./internal/grpc/Listener.ts"
import type { Metadata as CallMetadata } from "./internal/grpc/Metadata.ts"
import type { Door } from "./internal/grpc/rpcs/Door.ts"
import { Ending } from "./internal/grpc/rpcs/Ending.ts"
import * as Health from "./internal/grpc/rpcs/Health.ts"
import * as Infer from "./internal/grpc/rpcs/Infer.ts"
import * as Logging from "./internal/grpc/rpcs/Logging.ts"
import * as Metadata from "./internal/grpc/rpcs/Metadata.ts"
import * as Readiness from "./internal/grpc/rpcs/Readiness.ts"
import * as Reflection from "./internal/grpc/rpcs/Reflection.ts"
import * as Repository from "./internal/grpc/rpcs/Repository.ts"
import { refuse, type Rpc, shuttingDown, unsuccessful } from "./internal/grpc/rpcs/Rpc.ts"
import * as SharedMemory from "./internal/grpc/rpcs/SharedMemory.ts"
import * as Statistics from "./internal/grpc/rpcs/Statistics.ts"
import * as StreamInfer from "./internal/grpc/rpcs/StreamInfer.ts"
import * as Trace from "./internal/grpc/rpcs/Trace.ts"
import { Status } from "./internal/grpc/Status.ts"
import * as Guard from "./internal/Guard.ts"
import * as HeaderForwarding from "./internal/HeaderForwarding.ts"
import { ClientTensors } from "./internal/infer/ClientTensors.ts"
import { InFlight } from "./internal/InFlight.ts"
import * as Restrictions from "./internal/Restrictions.ts"
import * as Renewal from "./internal/tls/Renewal.ts"
import * as TraceSettings from "./internal/TraceSettings.ts"
import * as Arrivals from "./internal/tracing/Arrivals.ts"
import { renewalOf, type TlsOptions } from "./Tls.ts"

/** Pings of both sides. @category models */
export interface KeepAliveOptions {
  /** Time without traffic after which a client is pinged. Default 2 hours. */
  readonly time?: Duration.Input
  /** Time in which it must answer. Default 20 seconds. */
  readonly timeout?: Duration.Input
  /** Pings are sent and accepted without a call in progress. Default `false`. */
  readonly permitWithoutCalls?: boolean
  /** Shortest time between two pings of a client without data in between. Default 5 minutes. */
  readonly minRecvPingInterval?: Duration.Input
  /** Pings that may come too early before the connection is closed; 0: any number. Default 2. */
  readonly maxPingStrikes?: number
  /** Pings that the server sends without data in between; 0: any number. Default 2. */
  readonly maxPingsWithoutData?: number
}

/** @category models */
export interface Options {
  /** Address to listen on. Default `0.0.0.0`. */
  readonly address?: string
  /** Port to listen on; 0: a free one, see `GrpcFrontend.port`. Default 8001. */
  readonly port?: number
  /** Several processes may listen on the same port (SO_REUSEPORT). Default `false`. */
  readonly reusePort?: boolean
  /** Serve over TLS. Default: plain. */
  readonly tls?: TlsOptions | undefined
  /** Bytes of one message of a client, also after decompression. Default 2147483647. */
  readonly maxMessageBytes?: number
  /** Bytes of one message to a client. Default 2147483647. */
  readonly maxSendMessageBytes?: number
  /** Bytes of messages in the server at a time. Default 4 GiB. */
  readonly maxInflightBytes?: number
  /** Calls in the server at a time. Default 4096. */
  readonly maxInflightRequests?: number
  /** Requests of one `ModelStreamInfer` in the server at a time; beyond them its reading pauses. Default 256. */
  readonly maxStreamRequests?: number
  /** Watches of `grpc.health.v1.Health` open at a time. Default 1000. */
  readonly maxHealthWatches?: number
  /** Time from a change until they are told, at most. Default 250 ms. */
  readonly healthWatchInterval?: Duration.Input
  /** Tools may ask for the descriptions of all messages. Default `true`. */
  readonly reflection?: boolean
  /** Connections open at a time; the next one is closed at once. Default 16384. */
  readonly maxConnections?: number
  /** Calls of one connection at a time. Default 1024. */
  readonly maxConcurrentStreams?: number
  /** Bytes of a call's metadata. Default 16 KiB. */
  readonly maxMetadataBytes?: number
  readonly keepAlive?: KeepAliveOptions
  /** Age at which a connection takes no more calls. Default: none. */
  readonly maxConnectionAge?: Duration.Input | undefined
  /** Time for the calls of a connection that came of age. Default: without end. */
  readonly maxConnectionAgeGrace?: Duration.Input | undefined
  /** Time until TLS and the beginning of HTTP/2 are through. Default 10 seconds. */
  readonly handshakeTimeout?: Duration.Input
  /** Longest pause while a message is received or an answer is sent. Default 60 seconds. */
  readonly bodyTimeout?: Duration.Input
  /** Time that a connection may stay open without calls. Default: without end. */
  readonly idleTimeout?: Duration.Input
  /** Time for which a thread stays awake after an answer, where there is more than one processor. Default 50 µs; 0: none. */
  readonly stayAwake?: Duration.Input
  /** Time for calls in flight to end when the layer's scope closes. Default 30 seconds. */
  readonly exitTimeout?: Duration.Input
  /** Time for messages that are half received when the layer's scope closes to arrive. Default 5 seconds. */
  readonly exitReceiveTimeout?: Duration.Input
  /** Inference responses are compressed where the client can read that. Default `none`. */
  readonly compression?: CompressionLevel
  /** Load, unload, trace and log settings and shared memory are refused, because HTTP has an address for them. Default `false`. */
  readonly adminElsewhere?: boolean
  /** APIs that are answered only to calls with certain metadata; a category may be named once. Default none. */
  readonly restrictions?: ReadonlyArray<Restriction>
  /**
   * Metadata whose name matches this regular expression becomes parameters of inference requests. Case counts only after a
   * leading `(?-i)`. Default `""`: none.
   */
  readonly headerForwardPattern?: string
}

/** The running front end. @category services */
export class GrpcFrontend extends Context.Service<GrpcFrontend, {
  /** The address that it listens on. */
  readonly address: string
  /** The port that it listens on. */
  readonly port: number
  /** What the limits count at this moment: calls, and the bytes of their messages. */
  readonly inFlight: () => { readonly requests: number; readonly bytes: number }
}>()("galatea/layers/frontend/GrpcFrontend") {}

const largestMessage = 2147483647

const make: (
  options: Options
) => Effect.Effect<GrpcFrontend["Service"], ListenFailed, InferenceServer | TensorMemory | Scope.Scope> = Effect.fn(
  "GrpcFrontend.make"
)(function*(options: Options) {
  const server = yield* InferenceServer
  const memory = yield* TensorMemory
  const access = yield* Access
  const maxMessageBytes = options.maxMessageBytes ?? largestMessage
  const maxSendMessageBytes = options.maxSendMessageBytes ?? largestMessage
  const inFlight = new InFlight({
    protocol: "grpc",
    maxRequests: options.maxInflightRequests ?? 4096,
    maxBytes: options.maxInflightBytes ?? 4 * 1024 ** 3,
    maxRequestBytes: maxMessageBytes
  })
  const clientMemory = yield* ClientMemory
  const surroundings = { regions: clientMemory, memory, inFlight }
  const door: Door = {
    server,
    logSettings: yield* LogSettings,
    memory,
    clientMemory,
    clientTensors: () => new ClientTensors(surroundings),
    traceSettings: yield* TraceSettings.make(server.repository),
    ending: new Ending(),
    forward: HeaderForwarding.make(options.headerForwardPattern ?? "", access !== undefined),
    arrivals: yield* Arrivals.make,
    compression: options.compression ?? "none",
    maxSendMessageBytes,
    maxStreamRequests: options.maxStreamRequests ?? 256
  }
  // Watches of health outlive the listener, so that its end can tell them.
  const health = yield* Health.make(door, {
    services: ProtoFiles.all.flatMap(({ services }) => services.map(({ fullName }) => fullName)),
    maxWatches: options.maxHealthWatches ?? 1000,
    watchIntervalMillis: Duration.toMillis(options.healthWatchInterval ?? "250 millis")
  })
  const reflection = options.reflection === false ? [] : Reflection.make(ProtoFiles.all, door.ending)
  const rpcs = new Map([...inferenceRpcs(door), ...health, ...reflection])
  const tls = options.tls === undefined
    ? undefined
    : yield* Renewal.make(renewalOf("GRPC", options.tls, yield* Certificates))
  const keepAlive = options.keepAlive ?? {}
  const bound = yield* Listener.listen(
    {
      address: options.address ?? "0.0.0.0",
      port: options.port ?? 8001,
      reusePort: options.reusePort ?? false,
      tls,
      memory,
      inFlight,
      maxConnections: options.maxConnections ?? 16384,
      maxConcurrentStreams: options.maxConcurrentStreams ?? 1024,
      maxMetadataBytes: options.maxMetadataBytes ?? 16 * 1024,
      maxMessageBytes,
      maxSendMessageBytes,
      keepAlive: {
        time: Duration.toMillis(keepAlive.time ?? "2 hours"),
        timeout: Duration.toMillis(keepAlive.timeout ?? "20 seconds"),
        permitWithoutCalls: keepAlive.permitWithoutCalls ?? false,
        minRecvPingInterval: Duration.toMillis(keepAlive.minRecvPingInterval ?? "5 minutes"),
        maxPingStrikes: keepAlive.maxPingStrikes ?? 2,
        maxPingsWithoutData: keepAlive.maxPingsWithoutData ?? 2
      },
      maxConnectionAge: millis(options.maxConnectionAge),
      maxConnectionAgeGrace: millis(options.maxConnectionAgeGrace),
      handshakeTimeout: Duration.toMillis(options.handshakeTimeout ?? "10 seconds"),
      bodyTimeout: Duration.toMillis(options.bodyTimeout ?? "60 seconds"),
      idleTimeout: Duration.toMillis(options.idleTimeout ?? Duration.infinity),
      awake: Duration.toMillis(options.stayAwake ?? "50 micros"),
      exitTimeout: Duration.toMillis(options.exitTimeout ?? "30 seconds"),
      exitReceiveTimeout: Duration.toMillis(options.exitReceiveTimeout ?? "5 seconds")
    },
    dispatch({
      door,
      rpcs,
      restrictions: Restrictions.make(options.restrictions ?? [], carrier),
      access,
      adminElsewhere: options.adminElsewhere ?? false
    })
  )
  // Runs before the listener ends, which waits for calls in flight.
  yield* Effect.addFinalizer(() => Effect.sync(() => door.ending.begin()))
  return GrpcFrontend.of({
    address: bound.address,
    port: bound.port,
    inFlight: () => ({ requests: inFlight.requests, bytes: inFlight.bytes })
  })
})

const millis = (duration: Duration.Input | undefined): number | undefined =>
  duration === undefined ? undefined : Duration.toMillis(duration)

const carrier: Restrictions.Carrier<CallMetadata> = {
  prefix: "triton-grpc-protocol-",
  value: (metadata, name) => metadata.get(name)
}

type InferenceRpcs = Readonly<Record<(typeof InferenceService.rpcs)[number]["name"], Rpc>>

/** The procedures of the inference service by their paths. */
const inferenceRpcs = (door: Door): ReadonlyArray<readonly [path: string, rpc: Rpc]> => {
  const inference: InferenceRpcs = {
    ...Infer.rpcs(door),
    ...StreamInfer.rpcs(door),
    ...Readiness.rpcs(door),
    ...Metadata.rpcs(door),
    ...Statistics.rpcs(door),
    ...Repository.rpcs(door),
    ...Trace.rpcs(door),
    ...Logging.rpcs(door),
    ...SharedMemory.rpcs(door)
  }
  return InferenceService.rpcs.map((rpc) => [rpcPath(InferenceService, rpc), inference[rpc.name]])
}

/** What stands before the procedures. */
interface Policies {
  readonly door: Door
  readonly rpcs: ReadonlyMap<string, Rpc>
  readonly restrictions: Restrictions.Restrictions<CallMetadata>
  readonly access: AccessState | undefined
  /** Administration has an address of its own, which is not this one. */
  readonly adminElsewhere: boolean
}

const answers: Guard.Answers<GrpcCall> = { refuse, interrupted: unsuccessful }

/** Gives a call to its procedure, in the order of protocol §7.4: the end of the server, restriction; then access. */
const dispatch = ({ access, adminElsewhere, door, restrictions, rpcs }: Policies) => {
  // Also without access: a method that is missing in the table must not come to be served by then.
  const operations = new Map(Array.from(rpcs.keys(), (path) => [path, Operations.ofMethod(path)]))
  return (call: GrpcCall): void => {
    const rpc = rpcs.get(call.path)
    if (rpc === undefined) return call.finish(Status.unimplemented, "")
    rpc.arrived?.(call)
    if (call.closing || door.server.stopping()) return call.failure(shuttingDown())
    if (adminElsewhere && AdminOperations.isAdmin(rpc.category, call.path)) {
      return call.failure(new Restricted({ message: AdminOperations.refusal }))
    }
    if (rpc.category !== undefined) {
      const header = restrictions.missing(rpc.category, call.metadata)
      if (header !== undefined) {
        return call.failure({
          code: "UNAVAILABLE",
          message: `This protocol is restricted, expecting header '${header}'`
        })
      }
    }
    if (access === undefined) return rpc.serve(call)
    const { metadata } = call
    const operation = operations.get(call.path)!
    const question = {
      operation,
      asker: {
        authorization: metadata.get("authorization"),
        apiKey: metadata.get("x-api-key"),
        peer: call.peer,
        forwardedFor: metadata.get("x-forwarded-for")
      },
      // Others name it in their message, or say there what they need.
      model: operation.about === "server" && operation.change === undefined ? "" : undefined
    }
    Guard.guard(access, question, call, answers, rpc.serve)
  }
}

/**
 * Listens while its scope is open; it then answers what is in flight and ends. Errors: `ListenFailed` where the address or the
 * port cannot be had, or a file of TLS cannot be used. A `headerForwardPattern` that is no regular expression is a defect.
 *
 * @category layers
 */
export const layer = (
  options: Options = {}
): Layer.Layer<GrpcFrontend, ListenFailed, InferenceServer | TensorMemory> => Layer.effect(GrpcFrontend, make(options))
