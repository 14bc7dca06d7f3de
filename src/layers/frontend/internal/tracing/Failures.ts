/** Why a request failed, in the words of traces: what only front ends meet. */
import type { Code } from "../../../../schema/Errors.ts"
import type { TraceFailure } from "../../../../schema/RequestTrace.ts"

/** Of a typed failure. @internal */
export const of = (
  { _tag, code, message }: { readonly code: Code; readonly message: string; readonly _tag?: string }
): TraceFailure => ({ code, type: _tag ?? code, message })

/** The client went away. @internal */
export const abandoned: TraceFailure = {
  code: "CANCELLED",
  type: "Cancelled",
  message: "the client went away before the whole answer had left"
}
