/** What a failed call of RPC means. */
import type { RpcClientError } from "effect/rpc/RpcClientError"
import type { Code } from "../../../schema/Codes.ts"
import { Forbidden, InferenceError, RateLimited, Restricted, Unauthenticated } from "../../../schema/Errors.ts"
import { InferenceServerError } from "../../InferenceServerError.ts"

interface Typed {
  readonly _tag: string
  readonly code: Code
  readonly message: string
}

/** Load and unload that are not allowed stay so. */
const lasting: ReadonlySet<string> = new Set(["ControlNotAllowed"])

/** `procedure` names the call in messages. @internal */
export const toError = (
  procedure: string,
  error: Typed | InferenceError | RpcClientError
): InferenceServerError => {
  const request = `rpc ${procedure}`
  if (error instanceof RateLimited) {
    const { message, retryAfterMillis } = error
    return new InferenceServerError(message, {
      code: "UNAVAILABLE",
      request,
      retryable: true,
      retryAfterMillis,
      cause: error
    })
  }
  if (error instanceof Restricted || error instanceof Unauthenticated || error instanceof Forbidden) {
    return new InferenceServerError(error.message, { code: "UNAUTHORIZED", request, cause: error })
  }
  if (error instanceof InferenceError) {
    const { reason } = error
    return new InferenceServerError(reason.message, {
      code: reason.code,
      request,
      retryable: error.isRetryable,
      cause: error
    })
  }
  if (error._tag === "RpcClientError" && "reason" in error) {
    // What answers in another way does so next time too.
    const broken = error.reason._tag === "RpcClientDefect"
    return new InferenceServerError(error.message, {
      code: broken ? "UNEXPECTED_ANSWER" : "UNREACHABLE",
      request,
      retryable: !broken,
      cause: error
    })
  }
  const { _tag, code, message } = error as Typed
  return new InferenceServerError(message, {
    code,
    request,
    retryable: code === "UNAVAILABLE" && !lasting.has(_tag),
    cause: error
  })
}
