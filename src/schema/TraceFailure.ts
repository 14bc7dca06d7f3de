/** Why something went wrong, as it is noted of a request. */
import { Cause } from "effect"
import type { Code } from "./Codes.ts"
import type { TraceFailure } from "./RequestTrace.ts"

interface Reason {
  readonly _tag: string
  readonly code: Code
  readonly message: string
}

/** An error that a caller can meet, by itself or as the reason of the door's error. @category models */
export type Told = Reason | { readonly _tag: "InferenceError"; readonly reason: Reason }

/** Of an error that a caller can meet. @category constructors */
export const of = (error: Told): TraceFailure => {
  const { _tag, code, message } = "reason" in error ? error.reason : error
  return { code, type: _tag, message }
}

/** Of what nobody waits for any more. @category constructors */
export const cancelled: TraceFailure = {
  code: "CANCELLED",
  type: "Cancelled",
  message: "nobody waited for the answer any more"
}

/** A bug in the server. @category constructors */
export const bug: TraceFailure = {
  code: undefined,
  type: "Defect",
  message: "the server failed because of a bug in it; its log says more"
}

/** Of whatever ended an effect: its error, its interruption, or a bug. @category constructors */
export const ofCause = (cause: Cause.Cause<Told>): TraceFailure => {
  const error = cause.reasons.find(Cause.isFailReason)?.error
  if (error !== undefined) return of(error)
  return Cause.hasInterruptsOnly(cause) ? cancelled : bug
}
