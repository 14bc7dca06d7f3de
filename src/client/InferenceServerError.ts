/** The one error of every client. */
import type { Code } from "../schema/Codes.ts"

/**
 * What went wrong, independent of the way to the server: Triton's codes, and three that only a client can meet.
 * `UNREACHABLE`: no answer came. `UNAUTHORIZED`: the API is restricted, or a proxy wants credentials. `UNEXPECTED_ANSWER`: what
 * answered does not speak the protocol.
 *
 * @category errors
 */
export type ErrorCode = Code | "UNREACHABLE" | "UNAUTHORIZED" | "UNEXPECTED_ANSWER"

/** @category models */
export interface ErrorDetails {
  readonly code: ErrorCode
  /** What was asked, such as `POST /v2/models/simple/infer`. */
  readonly request: string
  readonly status?: number | undefined
  readonly retryable?: boolean
  readonly retryAfterMillis?: number | undefined
  readonly cause?: unknown
}

/**
 * A call failed: the server refused it, could not be reached, or the request was wrong and never left.
 *
 * `message` is the server's own where it sent one. A call that its caller aborts does not fail with this but with the reason of
 * the caller's signal, as `fetch` does.
 *
 * @category errors
 */
export class InferenceServerError extends Error {
  override readonly name = "InferenceServerError"
  readonly _tag = "InferenceServerError"
  readonly code: ErrorCode
  /** What was asked, such as `POST /v2/models/simple/infer`. */
  readonly request: string
  /** HTTP status of the answer; `undefined` where there was none, or another way than HTTP. */
  readonly status: number | undefined
  /** The same request may succeed later, unchanged. */
  readonly retryable: boolean
  /** Milliseconds after which the server wants to be asked again; `undefined` where it did not say. */
  readonly retryAfterMillis: number | undefined

  constructor(message: string, details: ErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = details.code
    this.request = details.request
    this.status = details.status
    this.retryable = details.retryable ?? false
    this.retryAfterMillis = details.retryAfterMillis
  }
}
