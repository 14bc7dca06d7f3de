/**
 * HTTP front end, of HTTP/1.1 and HTTP/2: KServe V2 with Triton's extensions, and Effect RPC at `/rpc`.
 *
 * Upstream: clients. Downstream: `InferenceServer`. Plain HTTP/1.1 is read by `internal/http1`, what is unusual of it by `node:http`,
 * HTTP/2 by `internal/http2`; routes are a table (`internal/http/routes`), one file for each noun.
 *
 * Source: protocol §2–4.
 */
import { Context, Duration, Effect, Layer, type Scope } from "effect"
import type { ListenFailed } from "../../schema/Errors.ts"
import type { AutoBool, Restriction } from "../../schema/options/ValueTypes.ts"
import { Access } from "../../services/Access.ts"
import { Certificates } from "../../services/Certificates.ts"
import { ClientMemory } from "../../services/ClientMemory.ts"
import { Console } from "../../services/Console.ts"
import { InferenceServer } from "../../services/InferenceServer.ts"
import { LogSettings } from "../../services/LogSettings.ts"
import { MetricsPort } from "../../services/MetricsPort.ts"
import { TensorMemory } from "../../services/TensorMemory.ts"
import { processStartSeconds } from "../ProcessStart.ts"
import * as HeaderForwarding from "./internal/HeaderForwarding.ts"
import * as Cors from "./internal/http/Cors.ts"
import * as Dispatch from "./internal/http/Dispatch.ts"
import * as Listener from "./internal/http/Listener.ts"
import * as ConsoleRoutes from "./internal/http/routes/Console.ts"
import type { Door } from "./internal/http/routes/Door.ts"
import * as MetricsPlace from "./internal/http/routes/MetricsPlace.ts"
import { ClientTensors } from "./internal/infer/ClientTensors.ts"
import { InFlight, type Limits } from "./internal/InFlight.ts"
import * as Restrictions from "./internal/Restrictions.ts"
import * as RpcDoor from "./internal/rpc/RpcDoor.ts"
import * as Renewal from "./internal/tls/Renewal.ts"
import * as TraceSettings from "./internal/TraceSettings.ts"
import * as Arrivals from "./internal/tracing/Arrivals.ts"
import { renewalOf, type TlsOptions } from "./Tls.ts"

/** @category models */
export interface Options {
  /** Address to listen on. Default `0.0.0.0`. */
  readonly address?: string
  /** Port to listen on; 0: a free one, see `HttpFrontend.port`. Default 8000. */
  readonly port?: number
  /** Several processes may listen on the same port (SO_REUSEPORT). Default `false`. */
  readonly reusePort?: boolean
  /**
   * Threads that accept connections at `address`. 1: the main thread itself. More: so many threads beside it, which receive and send
   * for it; not over TLS. The operating system must be able to share a port (Linux). Default 1.
   */
  readonly frontThreads?: number
  /** Serve over TLS. Default: plain. */
  readonly tls?: TlsOptions | undefined
  /**
   * Another address to listen on: load, unload, trace and log settings and shared memory are answered only there, and all else as
   * well. It has the same certificate, no CORS, and limits of its own. Default: none, and everything is answered at `address`.
   */
  readonly admin?: {
    readonly address: string
    /** 0: a free one, see `HttpFrontend.admin`. */
    readonly port: number
  }
  /** Requests of one connection of HTTP/2 at a time. Default 256. */
  readonly maxConcurrentStreams?: number
  /** Bytes of the JSON of a request, of a raw binary request, and of a body after decompression. Default 64 MiB. */
  readonly maxInputSize?: number
  /** Bytes of one request body, binary tensors included. Default 1 GiB. */
  readonly maxRequestBytes?: number
  /** Bytes of request bodies in the server at a time. Default 4 GiB. */
  readonly maxInflightBytes?: number
  /** Requests with a body in the server at a time. Default 4096. */
  readonly maxInflightRequests?: number
  /** Connections open at a time; the next one is closed at once. Default 16384. */
  readonly maxConnections?: number
  /** Bytes of a request's head. Default 16 KiB. */
  readonly maxHeaderSize?: number
  /** Time to send the head of a request. Default 10 seconds. */
  readonly headerTimeout?: Duration.Input
  /** Longest pause while a body is received or an answer is sent. Default 60 seconds. */
  readonly bodyTimeout?: Duration.Input
  /** Time to send a whole request. Default 10 minutes. */
  readonly requestTimeout?: Duration.Input
  /** Time that a connection may stay open between two requests. Default 75 seconds. */
  readonly idleTimeout?: Duration.Input
  /** Time for which a thread stays awake after an answer, where there is more than one processor. Default 50 µs; 0: none. */
  readonly stayAwake?: Duration.Input
  /** Time for requests in flight to end when the layer's scope closes. Default 30 seconds. */
  readonly exitTimeout?: Duration.Input
  /** Time for requests that are half received when the layer's scope closes to arrive. Default 5 seconds. */
  readonly exitReceiveTimeout?: Duration.Input
  /** APIs that are answered only to requests with a certain header; a category may be named once. Default none. */
  readonly restrictions?: ReadonlyArray<Restriction>
  /**
   * Headers whose name matches this regular expression become parameters of inference requests. Case counts only after a
   * leading `(?-i)`. Default `""`: none.
   */
  readonly headerForwardPattern?: string
  /** Answers to inference tell in the header `Server-Timing` where their time went. Default `false`. */
  readonly serverTiming?: boolean
  /** Origins of pages that may ask, such as `https://app.example`, or `*`. Default none. */
  readonly corsAllowOrigins?: ReadonlyArray<string>
  /** Serves `schema/rpc/InferenceRpcs` at `/rpc`, over POST and over WebSocket. Default `true`. */
  readonly rpc?: boolean
  /** Bytes of one RPC message over WebSocket. Default 64 MiB. */
  readonly rpcMaxMessageBytes?: number
  /**
   * Who may open the console, where the context has one: `auto`: clients on this machine that ask by one of its loopback names and
   * through no proxy; `true`: everybody. Default `auto`.
   */
  readonly console?: AutoBool
}

/** The running front end. @category services */
export class HttpFrontend extends Context.Service<HttpFrontend, {
  /** The address that it listens on. */
  readonly address: string
  /** The port that it listens on. */
  readonly port: number
  /** Whether it speaks TLS. */
  readonly secure: boolean
  /** Where administration is served, if not there. */
  readonly admin: { readonly address: string; readonly port: number } | undefined
  /** What the limits count at this moment: requests with a body, and the bytes of their bodies. */
  readonly inFlight: () => { readonly requests: number; readonly bytes: number }
}>()("galatea/layers/frontend/HttpFrontend") {}

const make: (
  options: Options
) => Effect.Effect<HttpFrontend["Service"], ListenFailed, InferenceServer | TensorMemory | Scope.Scope> = Effect.fn(
  "HttpFrontend.make"
)(function*(options: Options) {
  const server = yield* InferenceServer
  const access = yield* Access
  const limits: Limits = {
    protocol: "http",
    maxRequests: options.maxInflightRequests ?? 4096,
    maxBytes: options.maxInflightBytes ?? 4 * 1024 ** 3,
    maxRequestBytes: options.maxRequestBytes ?? 1024 ** 3
  }
  const inFlight = new InFlight(limits)
  const memory = yield* TensorMemory
  const clientMemory = yield* ClientMemory
  const surroundings = { regions: clientMemory, memory, inFlight }
  const door: Door = {
    server,
    logSettings: yield* LogSettings,
    memory,
    clientMemory,
    clientTensors: () => new ClientTensors(surroundings),
    traceSettings: yield* TraceSettings.make(server.repository),
    inFlight,
    arrivals: yield* Arrivals.make,
    maxInputSize: options.maxInputSize ?? 64 * 1024 ** 2,
    forward: HeaderForwarding.make(options.headerForwardPattern ?? "", access !== undefined),
    serverTiming: options.serverTiming ?? false
  }
  const restricted = options.restrictions ?? []
  const restrictions = Restrictions.make(restricted, Restrictions.plain)
  const idleTimeout = Duration.toMillis(options.idleTimeout ?? "75 seconds")
  const source = yield* Console
  const opens = options.console ?? "auto"
  const consoleRoutes = source === undefined || opens === "false"
    ? []
    : ConsoleRoutes.routes({ source, opens, restrictions, access })
  const metricsRoutes = MetricsPlace.routes({ port: yield* MetricsPort, processStartSeconds })
  const tls = options.tls === undefined
    ? undefined
    : yield* Renewal.make(renewalOf("HTTP", options.tls, yield* Certificates))

  const count = options.frontThreads ?? 1
  if (tls !== undefined && count > 1) {
    yield* Effect.logWarning(
      `${count} front threads were asked for, but HTTP is served over TLS, which one thread does; serve in the clear behind what ends TLS to use more`
    )
  }

  /** Serves a door at an address. */
  const open = Effect.fnUntraced(function*(
    opened: Door,
    place: Pick<Listener.ListenerOptions, "service" | "address" | "port" | "reusePort" | "fronts">,
    cors: Cors.Cors | undefined,
    adminElsewhere: boolean
  ) {
    const rpc = options.rpc === false ? undefined : yield* RpcDoor.make({
      ...opened,
      maxMessageBytes: options.rpcMaxMessageBytes ?? 64 * 1024 ** 2,
      idleTimeout,
      restrictions,
      access,
      adminElsewhere,
      readsHeaders: restricted.length > 0 || opened.forward !== undefined || access !== undefined,
      allowsOrigin: (origin) => cors?.allows(origin) ?? false
    })
    const more = [...metricsRoutes, ...consoleRoutes, ...(rpc === undefined ? [] : [rpc.route])]
    return yield* Listener.listen(
      {
        ...place,
        tls,
        maxConnections: options.maxConnections ?? 16384,
        maxConcurrentStreams: options.maxConcurrentStreams ?? 256,
        maxHeaderSize: options.maxHeaderSize ?? 16 * 1024,
        headerTimeout: Duration.toMillis(options.headerTimeout ?? "10 seconds"),
        bodyTimeout: Duration.toMillis(options.bodyTimeout ?? "60 seconds"),
        requestTimeout: Duration.toMillis(options.requestTimeout ?? "10 minutes"),
        idleTimeout,
        awake: Duration.toMillis(options.stayAwake ?? "50 micros"),
        exitTimeout: Duration.toMillis(options.exitTimeout ?? "30 seconds"),
        exitReceiveTimeout: Duration.toMillis(options.exitReceiveTimeout ?? "5 seconds"),
        inFlight: opened.inFlight
      },
      Dispatch.make({ door: opened, restrictions, cors, access, adminElsewhere }, more),
      rpc?.upgrades
    )
  })

  const bound = yield* open(
    door,
    {
      service: "HTTP",
      address: options.address ?? "0.0.0.0",
      port: options.port ?? 8000,
      reusePort: options.reusePort ?? false,
      fronts: count > 1 && tls === undefined ? { count, memory } : undefined
    },
    Cors.make(options.corsAllowOrigins ?? []),
    options.admin !== undefined
  )
  // A full server can still be administered.
  const admin = options.admin === undefined ? undefined : yield* open(
    { ...door, inFlight: new InFlight(limits) },
    { ...options.admin, service: "Admin", reusePort: false },
    undefined,
    false
  )
  return HttpFrontend.of({
    address: bound.address,
    port: bound.port,
    secure: tls !== undefined,
    admin,
    inFlight: () => ({ requests: inFlight.requests, bytes: inFlight.bytes })
  })
})

/**
 * Listens while its scope is open; it then answers what is in flight and ends. Errors: `ListenFailed` where the address or the
 * port cannot be had. A `headerForwardPattern` that is no regular expression is a defect.
 *
 * @category layers
 */
export const layer = (
  options: Options = {}
): Layer.Layer<HttpFrontend, ListenFailed, InferenceServer | TensorMemory> => Layer.effect(HttpFrontend, make(options))
