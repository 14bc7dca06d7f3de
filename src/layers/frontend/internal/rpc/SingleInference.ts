/**
 * One call of inference that comes alone, as nearly all do: it is read, asked and answered in the fiber of its POST. Effect's RPC
 * server would run two fibers more for it, which is a fourth of what such a call costs.
 *
 * What it does not take goes to the RPC server, which answers everything.
 */
import { Effect, Schema, type Scope } from "effect"
import * as Rpc from "effect/rpc/Rpc"
import type { FromClientEncoded, FromServerEncoded, ResponseExitEncoded } from "effect/rpc/RpcMessage"
import type { InferenceError } from "../../../../schema/Errors.ts"
import type { Origin } from "./Arriving.ts"
import { sentWith } from "./Propagation.ts"
import type { Serialization } from "./Serialization.ts"
import { WireInfer, type WireRequest, type WireResponse } from "./WireRpcs.ts"

/** Answers one request; the answer is lent until the scope closes. @internal */
export type Answer = (
  request: WireRequest,
  origin: Origin | undefined
) => Effect.Effect<WireResponse, InferenceError, Scope.Scope>

/** @internal */
export class SingleInference {
  private readonly answer: Answer
  private readonly decode: (payload: unknown) => WireRequest
  private readonly encode: (exit: unknown) => unknown

  constructor(serialization: Serialization, answer: Answer) {
    this.answer = answer
    this.decode = Schema.decodeUnknownSync(serialization.codecFor(WireInfer.payloadSchema))
    this.encode = Schema.encodeUnknownSync(serialization.codecFor(Rpc.exitSchema(WireInfer)))
  }

  /**
   * The answer to these messages, `undefined` where they are anything else. `post`: where they came from, where somebody may want to
   * know.
   */
  take(
    messages: ReadonlyArray<FromClientEncoded>,
    post: Origin | undefined
  ): Effect.Effect<FromServerEncoded> | undefined {
    const message = messages[0]!
    if (messages.length > 1 || message._tag !== "Request" || message.tag !== WireInfer._tag) return undefined
    if (message.isNotification === true || message.discard === true) return undefined
    let request: WireRequest
    try {
      request = this.decode(message.payload)
    } catch {
      // Whoever reads it again finds the words for what is wrong.
      return undefined
    }
    const origin = post === undefined ? undefined : { ...post, sent: sentWith(message, post.sent) }
    return Effect.scoped(
      Effect.map(Effect.exit(this.answer(request, origin)), (exit): FromServerEncoded => ({
        _tag: "Exit",
        requestId: message.id,
        exit: this.encode(exit) as ResponseExitEncoded["exit"]
      }))
    )
  }
}
