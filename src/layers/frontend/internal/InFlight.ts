/** Counts the requests inside the server and the bytes of their bodies, and refuses what goes beyond the bounds. */

/** @internal */
export interface Limits {
  /** Whose requests they are; the options that raise the bounds begin with it. */
  readonly protocol: "http" | "grpc"
  /** Requests at a time. */
  readonly maxRequests: number
  /** Bytes of request bodies at a time. */
  readonly maxBytes: number
  /** Bytes of one request body. */
  readonly maxRequestBytes: number
}

/**
 * The two counters. Whoever entered with some bytes leaves with the same number, plus those it grew by; whoever only grew
 * shrinks by as much.
 *
 * @internal
 */
export class InFlight {
  readonly limits: Limits
  requests = 0
  bytes = 0

  constructor(limits: Limits) {
    this.limits = limits
  }

  /** Lets one request of so many bytes in, or says why not. */
  enter(bytes: number): string | undefined {
    if (this.requests >= this.limits.maxRequests) {
      return `The server already holds ${this.requests} requests, the most it takes at a time. Retry later, ` +
        `or raise --${this.limits.protocol}-max-inflight-requests.`
    }
    const refusal = this.grow(bytes)
    if (refusal === undefined) this.requests++
    return refusal
  }

  /** Takes so many bytes more, or says why not. */
  grow(bytes: number): string | undefined {
    const total = this.bytes + bytes
    if (total > this.limits.maxBytes) {
      return `The server already holds ${this.bytes} bytes of request bodies and takes at most ${this.limits.maxBytes} ` +
        `at a time, so ${bytes} bytes more do not fit. Retry later, or raise --${this.limits.protocol}-max-inflight-bytes.`
    }
    this.bytes = total
    return undefined
  }

  /** Gives back bytes of a request that stays. */
  shrink(bytes: number): void {
    this.bytes -= bytes
  }

  /** Why a body of this size is never taken, `undefined` when it may be. */
  tooLarge(bytes: number): string | undefined {
    const { maxBytes, maxRequestBytes, protocol } = this.limits
    if (bytes > maxRequestBytes) {
      return `The request body of ${bytes} bytes exceeds the ${maxRequestBytes} bytes that one request may have. ` +
        `Send less at a time, or raise --${protocol}-max-request-bytes.`
    }
    return bytes > maxBytes
      ? `The request body of ${bytes} bytes exceeds the ${maxBytes} bytes of all request bodies that the server takes at a ` +
        `time. Send less at a time, or raise --${protocol}-max-inflight-bytes.`
      : undefined
  }

  /** Gives back what a request held. */
  leave(bytes: number): void {
    this.requests--
    this.bytes -= bytes
  }
}
