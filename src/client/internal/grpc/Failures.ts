/** What a gRPC status means. Source: protocol §1.1. */
import { GrpcFailure, type StatusName } from "../../grpc/GrpcFailure.ts"
import { type ErrorCode, InferenceServerError } from "../../InferenceServerError.ts"

const codes: Readonly<Record<StatusName, ErrorCode>> = {
  OK: "UNEXPECTED_ANSWER",
  CANCELLED: "CANCELLED",
  UNKNOWN: "UNKNOWN",
  INVALID_ARGUMENT: "INVALID_ARG",
  DEADLINE_EXCEEDED: "DEADLINE_EXCEEDED",
  NOT_FOUND: "NOT_FOUND",
  ALREADY_EXISTS: "ALREADY_EXISTS",
  PERMISSION_DENIED: "UNAUTHORIZED",
  RESOURCE_EXHAUSTED: "INVALID_ARG",
  FAILED_PRECONDITION: "INVALID_ARG",
  ABORTED: "ABORTED",
  OUT_OF_RANGE: "INVALID_ARG",
  UNIMPLEMENTED: "UNSUPPORTED",
  INTERNAL: "INTERNAL",
  UNAVAILABLE: "UNAVAILABLE",
  DATA_LOSS: "INTERNAL",
  UNAUTHENTICATED: "UNAUTHORIZED"
}

/** Milliseconds that the server wants; a negative number means that it wants no further try. */
const pushback = ({ metadata }: GrpcFailure): number | undefined => {
  const value = metadata["grpc-retry-pushback-ms"]
  return typeof value === "string" && /^-?\d+$/.test(value) ? Number(value) : undefined
}

/** The error of this client for whatever a call of the channel failed with. Reasons of signals stay what they are. @internal */
export const toError = (error: unknown): unknown => {
  if (!(error instanceof GrpcFailure)) return error
  const unavailable = error.status === "UNAVAILABLE"
  const wanted = pushback(error)
  // The same status is that of a message that is too large, which stays so.
  const limited = error.status === "RESOURCE_EXHAUSTED" && wanted !== undefined
  return new InferenceServerError(error.message, {
    code: limited ? "UNAVAILABLE" : unavailable && error.local ? "UNREACHABLE" : codes[error.status],
    request: error.method,
    retryable: (unavailable || limited) && (wanted ?? 0) >= 0,
    retryAfterMillis: wanted === undefined || wanted < 0 ? undefined : wanted,
    cause: error
  })
}
