/** What failures of HTTP/2 mean for a gRPC call. Source: gRPC over HTTP/2, "HTTP2 Transport Mapping". */
import type { StatusName } from "./GrpcFailure.ts"

/** The error code with which a client gives a call up. @category constants */
export const cancelCode = 8

/** The connection ends or has ended, so the call was never sent on it. @category guards */
export const isGone = (error: unknown): boolean => {
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  return code === "ERR_HTTP2_INVALID_SESSION" || code === "ERR_HTTP2_GOAWAY_SESSION"
}

/** The status of a stream that was reset with an error code of HTTP/2. @category getters */
export const statusOfReset = (errorCode: number): StatusName => {
  switch (errorCode) {
    case 7:
      return "UNAVAILABLE"
    case 8:
      return "CANCELLED"
    case 11:
      return "RESOURCE_EXHAUSTED"
    case 12:
      return "PERMISSION_DENIED"
    default:
      return "INTERNAL"
  }
}

/** The status of an HTTP answer that is none of gRPC. @category getters */
export const statusOfHttp = (status: number): StatusName => {
  switch (status) {
    case 400:
      return "INTERNAL"
    case 401:
      return "UNAUTHENTICATED"
    case 403:
      return "PERMISSION_DENIED"
    case 404:
      return "UNIMPLEMENTED"
    case 429:
    case 502:
    case 503:
    case 504:
      return "UNAVAILABLE"
    default:
      return "UNKNOWN"
  }
}
