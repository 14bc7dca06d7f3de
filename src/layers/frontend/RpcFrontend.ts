/**
 * Effect RPC front end: answers the procedures of `schema/rpc/InferenceRpcs` over whatever transport its user gives it.
 *
 * Upstream: any server protocol of Effect: a worker thread, a socket, a route of an application. Downstream: `InferenceServer`.
 * The server's own `/rpc` is part of `HttpFrontend`, which needs none of this.
 */
import { Context, Effect, Layer } from "effect"
import type * as Rpc from "effect/rpc/Rpc"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcServer from "effect/rpc/RpcServer"
import type { Restriction as RestrictionRule } from "../../schema/options/ValueTypes.ts"
import { InferenceRpcs } from "../../schema/rpc/InferenceRpcs.ts"
import { Restriction } from "../../schema/rpc/Restriction.ts"
import { Access } from "../../services/Access.ts"
import { InferenceServer } from "../../services/InferenceServer.ts"
import { LogSettings } from "../../services/LogSettings.ts"
import * as HeaderForwarding from "./internal/HeaderForwarding.ts"
import { InFlight } from "./internal/InFlight.ts"
import * as Restrictions from "./internal/Restrictions.ts"
import * as Answers from "./internal/rpc/Handlers.ts"
import { propagating } from "./internal/rpc/Propagation.ts"
import * as Restricting from "./internal/rpc/Restricting.ts"
import * as TraceSettings from "./internal/TraceSettings.ts"
import * as Arrivals from "./internal/tracing/Arrivals.ts"
import { withoutSpan } from "./internal/tracing/WithoutSpan.ts"

/** @category models */
export interface Options {
  /** Inference requests in the server at a time; the next one fails with `Overloaded`. Default 4096. */
  readonly maxInflightRequests?: number
  /** Bytes of their tensors at a time. Default 4 GiB. */
  readonly maxInflightBytes?: number
  /** Procedures that are answered only to requests with a certain header. Default none. */
  readonly restrictions?: ReadonlyArray<RestrictionRule>
  /** Headers whose lower-case name matches become parameters of inference requests. Default `""`: none. */
  readonly headerForwardPattern?: string
}

/** The answers to every procedure of the group, and what guards them. @category models */
export type Handlers = Rpc.ToHandler<RpcGroup.Rpcs<typeof InferenceRpcs>> | Restriction

/**
 * The answers to every procedure, to be served as part of an application's own group or with options of its own. What is noted of a
 * request is part of the span in which it is answered.
 *
 * @category layers
 */
export const layerHandlers = (options: Options = {}): Layer.Layer<Handlers, never, InferenceServer> =>
  handlers(options, true)

const handlers = (options: Options, inheritsSpan: boolean): Layer.Layer<Handlers, never, InferenceServer> =>
  Layer.effectContext(withoutSpan(Effect.gen(function*() {
    const server = yield* InferenceServer
    const access = yield* Access
    const maxBytes = options.maxInflightBytes ?? 4 * 1024 ** 3
    const answers = yield* InferenceRpcs.toHandlers(Answers.make({
      server,
      traceSettings: yield* TraceSettings.make(server.repository),
      logSettings: yield* LogSettings,
      inFlight: new InFlight({
        protocol: "http",
        maxRequests: options.maxInflightRequests ?? 4096,
        maxBytes,
        maxRequestBytes: maxBytes
      }),
      countsBytes: true,
      inheritsSpan,
      arrivals: yield* Arrivals.make,
      forward: HeaderForwarding.make(options.headerForwardPattern ?? "", access !== undefined)
    }))
    return Context.add(
      answers,
      Restriction,
      Restricting.make({
        restrictions: Restrictions.make(options.restrictions ?? [], Restrictions.plain),
        access,
        knowsPeer: false,
        adminElsewhere: false
      })
    )
  })))

/**
 * Serves the group over the protocol in the context until the scope closes. Messages are bounded by the protocol and its
 * serialization.
 *
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<never, never, InferenceServer | RpcServer.Protocol> =>
  RpcServer.layer(InferenceRpcs, { disableTracing: true, disableFatalDefects: true }).pipe(
    Layer.provide(handlers(options, false)),
    Layer.provide(layerPropagating)
  )

/** The protocol in the context, whose messages bring the spans of their callers. */
const layerPropagating: Layer.Layer<RpcServer.Protocol, never, RpcServer.Protocol> = Layer.effect(
  RpcServer.Protocol,
  Effect.gen(function*() {
    const arrivals = yield* Arrivals.make
    return propagating(yield* RpcServer.Protocol, () => arrivals.active())
  })
)
