/** RPC at a path of the HTTP front end: over POST and over WebSocket, in JSON and in binary. */
import { Context, Effect, type Scope } from "effect"
import * as RpcServer from "effect/rpc/RpcServer"
import { Restriction } from "../../../../schema/rpc/Restriction.ts"
import type { AccessState } from "../../../../services/Access.ts"
import type { TensorMemory } from "../../../../services/TensorMemory.ts"
import { type Plan, receive } from "../http/Body.ts"
import type { Call } from "../http/Call.ts"
import type { Upgrades } from "../http/Listener.ts"
import type { Route } from "../http/Router.ts"
import type { HeaderRecord, Restrictions } from "../Restrictions.ts"
import { withoutSpan } from "../tracing/WithoutSpan.ts"
import * as Handlers from "./Handlers.ts"
import * as HttpTransport from "./HttpTransport.ts"
import * as Restricting from "./Restricting.ts"
import * as Serialization from "./Serialization.ts"
import * as SocketTransport from "./SocketTransport.ts"
import * as WebSockets from "./WebSockets.ts"
import { WireRpcs } from "./WireRpcs.ts"

/** @internal */
export interface Options extends Omit<Handlers.Surroundings, "countsBytes" | "inheritsSpan"> {
  readonly memory: TensorMemory["Service"]
  /** Bytes of the JSON of one POST. */
  readonly maxInputSize: number
  /** Bytes of one message over WebSocket. */
  readonly maxMessageBytes: number
  /** Milliseconds that a WebSocket may be silent. */
  readonly idleTimeout: number
  readonly restrictions: Restrictions<HeaderRecord>
  readonly access: AccessState | undefined
  /** Administration has an address of its own, which is not this one. */
  readonly adminElsewhere: boolean
  /** Access, restrictions or forwarded headers are in use. */
  readonly readsHeaders: boolean
  /** Whether pages of another origin may ask. */
  readonly allowsOrigin: (origin: string) => boolean
}

/** @internal */
export interface RpcDoor {
  readonly route: Route
  readonly upgrades: Upgrades
}

/** Effect's HTTP client puts a slash behind a URL that it is given as a base. */
const path = "/rpc[/]"

const isPath = (target: string): boolean => /^\/rpc\/?(?:\?|$)/.test(target)

/** Serves until the scope closes. @internal */
export const make = (options: Options): Effect.Effect<RpcDoor, never, Scope.Scope> => withoutSpan(open(options))

const open = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<RpcDoor, never, Scope.Scope> {
  const { maxMessageBytes, readsHeaders } = options
  const propagates = () => options.arrivals.active()
  const restriction = Context.make(Restriction, Restricting.make({ ...options, knowsPeer: true }))
  const answers = (countsBytes: boolean) => {
    const { handlers, infer } = Handlers.makeWire({ ...options, countsBytes, inheritsSpan: false })
    return Effect.map(WireRpcs.toHandlers(handlers), (all) => ({ infer, handlers: Context.merge(all, restriction) }))
  }
  const ofCalls = yield* answers(false)
  const ofSockets = yield* answers(true)
  const run = (
    protocol: RpcServer.Protocol["Service"],
    { handlers }: typeof ofCalls
  ) =>
    Effect.forkScoped(
      serve.pipe(Effect.provideService(RpcServer.Protocol, protocol), Effect.provideContext(handlers))
    )

  // The body is bounded before it is read.
  const json = yield* HttpTransport.make(Serialization.ndjson({ maxMessage: "unbounded" }), readsHeaders, ofCalls.infer)
  const binary = yield* HttpTransport.make(
    yield* Serialization.binary({ maxMessage: "unbounded" }),
    readsHeaders,
    ofCalls.infer
  )
  const jsonSocket = yield* SocketTransport.make(
    Serialization.ndjson({ maxMessage: maxMessageBytes }),
    maxMessageBytes,
    propagates
  )
  const binarySocket = yield* SocketTransport.make(
    yield* Serialization.binary({ maxMessage: maxMessageBytes }),
    maxMessageBytes,
    propagates
  )
  yield* run(json.protocol, ofCalls)
  yield* run(binary.protocol, ofCalls)
  yield* run(jsonSocket.protocol, ofSockets)
  yield* run(binarySocket.protocol, ofSockets)

  return {
    route: {
      path,
      category: undefined,
      contentType: "text/plain",
      post: (call) => post(options, call, json, binary)
    },
    upgrades: WebSockets.make({
      text: jsonSocket,
      binary: binarySocket,
      isPath,
      maxMessageBytes,
      idleTimeout: options.idleTimeout,
      sendsHeaders: readsHeaders,
      stopping: options.server.stopping,
      allowsOrigin: options.allowsOrigin
    })
  }
})

/** A bug in one answer ends that answer, and no other of the same client. */
const serve = RpcServer.make(WireRpcs, { disableTracing: true, disableFatalDefects: true })

const jsonType = "application/x-ndjson"
const binaryType = "application/vnd.effect.rpc+schema-binary"

const post = (
  { arrivals, inFlight, maxInputSize, memory }: Options,
  call: Call,
  json: HttpTransport.HttpTransport,
  binary: HttpTransport.HttpTransport
): void => {
  const atNanos = arrivals.moment()
  const { headers } = call.request
  const type = headers["content-type"]?.split(";", 1)[0]!.trim().toLowerCase()
  if (type !== jsonType && type !== binaryType) {
    return call.error(415, `RPC expects the Content-Type ${jsonType} or ${binaryType}, got: ${type ?? "none"}`)
  }
  const coding = headers["content-encoding"]?.toLowerCase()
  if (coding !== undefined && coding !== "identity") {
    return call.error(415, "RPC takes no compressed bodies. Send it without Content-Encoding.")
  }
  const most = Math.min(
    type === jsonType ? maxInputSize : inFlight.limits.maxRequestBytes,
    inFlight.limits.maxRequestBytes,
    inFlight.limits.maxBytes
  )
  const tooLarge = (size: number): void =>
    call.error(
      413,
      `The body of ${size} bytes exceeds the ${most} bytes that one may have. Send less at a time, or raise ` +
        (type === jsonType ? "--http-max-input-size." : "--http-max-request-bytes.")
    )
  const length = call.contentLength
  if (length !== undefined && length > most) return tooLarge(length)
  const refusal = call.grow(length ?? 0)
  if (refusal !== undefined) return call.overloaded(refusal)
  const plan: Plan = { memory, binaryAt: undefined, maxChunked: most, onTooLarge: tooLarge }
  receive(call, plan, (body) => (type === jsonType ? json : binary).serve(call, body, atNanos))
}
