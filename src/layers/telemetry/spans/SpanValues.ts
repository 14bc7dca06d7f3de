/** What spans say, within bounds: texts of clients, and how something ended. */
import { Exit, type Tracer } from "effect"
import { detached } from "../../../schema/DetachedText.ts"
import type { TraceFailure } from "../../../schema/RequestTrace.ts"
import { attribute } from "../../../schema/SpanNames.ts"

/**
 * A text of at most so many characters; what is longer ends with an ellipsis, and is not kept in memory by what is left of it.
 *
 * @category getters
 */
export const bounded = (text: string, maxLength: number): string =>
  text.length <= maxLength ? text : `${detached(text.slice(0, Math.max(0, maxLength - 1))).toWellFormed()}…`

/** The server is at fault, and not who asked. A client that went away is nobody's fault. @category guards */
export const isFault = ({ code }: TraceFailure): boolean => {
  switch (code) {
    case undefined:
    case "UNKNOWN":
    case "INTERNAL":
    case "UNAVAILABLE":
    case "UNSUPPORTED":
    case "DEADLINE_EXCEEDED":
      return true
    default:
      return false
  }
}

/** How a span ends: failed where the server is at fault, interrupted where nobody waited any more. @category getters */
export const exitOf = (failure: TraceFailure | undefined, fault: boolean, maxLength: number): Exit.Exit<void, object> =>
  failure === undefined
    ? Exit.void
    : fault
    ? Exit.fail({ name: failure.type, message: bounded(failure.message, maxLength) })
    : failure.code === "CANCELLED"
    ? Exit.interrupt()
    : Exit.void

/** Says of a span why it failed. @category attributes */
export const tellFailure = (span: Tracer.Span, failure: TraceFailure, fault: boolean, maxLength: number): void => {
  span.attribute(attribute.failureType, failure.type)
  span.attribute(attribute.failureMessage, bounded(failure.message, maxLength))
  if (fault) span.attribute("error.type", failure.type)
}

const grpcStatuses = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED"
] as const

/** Name of a gRPC status, as spans have it. @category getters */
export const grpcStatus = (number: number): string => grpcStatuses[number] ?? String(number)
