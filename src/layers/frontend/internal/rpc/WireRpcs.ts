/**
 * The procedures as the server's own transports read them: those of inference take and give what lies on the wire, where an integer
 * beyond 2^53 is `{ int64 }`. Nothing of a request or an answer is then transformed, which saves a pass over each.
 */
import { Schema } from "effect"
import * as Rpc from "effect/rpc/Rpc"
import { InferenceError } from "../../../../schema/Errors.ts"
import { InferRequest, InferResponse } from "../../../../schema/rpc/Infer.ts"
import { InferenceRpcs } from "../../../../schema/rpc/InferenceRpcs.ts"
import { Restriction } from "../../../../schema/rpc/Restriction.ts"

const Request = Schema.toEncoded(InferRequest)
const Response = Schema.toEncoded(InferResponse)

/** @internal */
export type WireRequest = typeof Request.Type
/** @internal */
export type WireResponse = typeof Response.Type

/** One request with one answer. @internal */
export const WireInfer = Rpc.make("ModelInfer", { payload: Request, success: Response, error: InferenceError })

/** @internal */
export const WireRpcs = InferenceRpcs.omit("ModelInfer", "ModelStreamInfer").add(
  WireInfer.middleware(Restriction),
  Rpc.make("ModelStreamInfer", { payload: Request, success: Response, error: InferenceError, stream: true })
    .middleware(Restriction)
)
