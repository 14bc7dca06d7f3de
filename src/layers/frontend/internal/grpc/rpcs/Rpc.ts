/** What an RPC is, and the one form that all but inference have: one message in, one message out. */
import { Cause, type Effect, Exit, Option, Result } from "effect"
import { MalformedRequest, Stopping } from "../../../../../schema/Errors.ts"
import type { RestrictedCategory } from "../../../../../schema/options/ValueTypes.ts"
import type { DraftOf, MessageType, TypeOf } from "../../../../../schema/proto/Descriptor.ts"
import * as WireFormat from "../../../../../schema/proto/WireFormat.ts"
import type { Pass, Refused } from "../../../../../services/Access.ts"
import * as RemoteParent from "../../tracing/RemoteParent.ts"
import type { Failure, GrpcCall } from "../Call.ts"

/** @internal */
export interface Rpc {
  /** Category by which `--grpc-restricted-protocol` names it; `undefined`: it cannot be restricted. */
  readonly category: RestrictedCategory | undefined
  /** Told of every call, before anything is checked. */
  readonly arrived?: (call: GrpcCall) => void
  /** Answers a call; it owns the call from then on. */
  readonly serve: (call: GrpcCall) => void
}

const nothing = (): void => {}

/** The failure of bytes that are no message. @internal */
export const malformed = (): MalformedRequest => new MalformedRequest({ message: "Unable to parse request" })

/** The failure of calls that come while the server ends. @internal */
export const shuttingDown = (): Stopping =>
  new Stopping({ message: "GRPC server is shutting down and has stopped accepting new requests." })

/** Names and values of HTTP headers as those of a last block, with when to try again in gRPC's own form. @internal */
export const refusedMetadata = ({ failure, headers }: Refused): ReadonlyArray<string> => {
  const more = headers.map((text, i) => i % 2 === 0 ? text.toLowerCase() : text)
  return failure._tag === "RateLimited"
    ? [...more, "grpc-retry-pushback-ms", String(failure.retryAfterMillis)]
    : more
}

/** Answers a call that may not go on. @internal */
export const refuse = (call: GrpcCall, refused: Refused): void => {
  call.arrived("", "")
  call.traced?.client(refused.key)
  call.failure(refused.failure, refusedMetadata(refused))
}

/** One call of a unary RPC whose message was read. @internal */
export interface UnaryCall<Response extends MessageType> {
  /** What the client may see and do; `undefined`: everything. */
  readonly pass: Pass | undefined
  readonly reply: (response: DraftOf<Response>) => void
  readonly failure: (failure: Failure) => void
  /** Runs an effect as part of the client's span, and answers its failures; `onSuccess` answers the rest. */
  readonly answerWith: <A>(effect: Effect.Effect<A, Failure>, onSuccess: (value: A) => void) => void
}

/** @internal */
export interface UnaryOptions<Request extends MessageType, Response extends MessageType> {
  readonly category: RestrictedCategory | undefined
  readonly request: Request
  readonly response: Response
  /** `false` for what a full server must still answer. Default `true`. */
  readonly counted?: boolean
  /** The model that a message names, `""` for the whole server; `undefined`: none is asked about. */
  readonly model?: (request: TypeOf<Request>) => string | undefined
  /** A message changes something, where that is not what its RPC is for. */
  readonly changes?: (request: TypeOf<Request>) => boolean
  readonly answer: (request: TypeOf<Request>, call: UnaryCall<Response>) => void
}

/** @internal */
export const unary = <Request extends MessageType, Response extends MessageType>(
  options: UnaryOptions<Request, Response>
): Rpc => ({
  category: options.category,
  serve: (call) =>
    call.receiveOne((message) => {
      const request = WireFormat.decode(options.request, message)
      if (Result.isFailure(request)) return call.failure(malformed())
      const { pass } = call
      const model = pass === undefined ? undefined : options.model?.(request.success)
      if (pass !== undefined && model !== undefined) {
        const changes = options.changes?.(request.success) === true
        const refused = changes ? pass.change(model) : pass.over(model)
        if (refused !== undefined) return refuse(call, refused)
      }
      options.answer(request.success, {
        pass,
        reply: (response) => {
          const { byteLength, parts } = WireFormat.encodeParts(options.response, response)
          call.reply(parts, byteLength, nothing)
        },
        failure: (failure) => call.failure(failure),
        answerWith: (effect, onSuccess) => answerWith(call, effect, onSuccess)
      })
    }, options.counted ?? true)
})

const answerWith = <A>(call: GrpcCall, effect: Effect.Effect<A, Failure>, onSuccess: (value: A) => void): void =>
  call.run(RemoteParent.under(effect, call.metadata.get("traceparent")), (exit) => {
    if (Exit.isSuccess(exit)) onSuccess(exit.value)
    else unsuccessful(call, exit.cause)
  })

/** Answers what an effect failed with. @internal */
export const unsuccessful = <E extends Failure>(call: GrpcCall, cause: Cause.Cause<E>): void => {
  if (call.settled) return
  const failure = Cause.findErrorOption(cause)
  if (Option.isSome(failure)) return call.failure(failure.value)
  if (Cause.hasInterruptsOnly(cause)) return call.failure(shuttingDown())
  call.defect(cause)
}
