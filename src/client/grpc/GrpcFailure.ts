/** How a gRPC call fails: its status. Source: gRPC status codes. */
import type { GrpcMetadata } from "./GrpcMetadata.ts"

/** Status codes by their names. @category models */
export const statusCodes = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16
} as const

/** @category models */
export type StatusName = keyof typeof statusCodes

const names = new Map(Object.entries(statusCodes).map(([name, code]) => [code as number, name as StatusName]))

/** The name of a status code; one that gRPC does not know counts as UNKNOWN. @category getters */
export const statusName = (code: number): StatusName => names.get(code) ?? "UNKNOWN"

/** @category models */
export interface GrpcFailureDetails {
  readonly status: StatusName
  /** The call: `/inference.GRPCInferenceService/ModelInfer`. */
  readonly method: string
  /** What the server sent behind its answer. Default: nothing. */
  readonly metadata?: GrpcMetadata
  /** The server surely did nothing with the call. Default `false`. */
  readonly unprocessed?: boolean
  /** The status was chosen on this side: the server could not be reached, was too slow, or broke the protocol. Default `false`. */
  readonly local?: boolean
  readonly cause?: unknown
}

/**
 * A call that ended with another status than OK. `message` is the server's own where it sent one.
 *
 * @category errors
 */
export class GrpcFailure extends Error {
  override readonly name = "GrpcFailure"
  readonly _tag = "GrpcFailure"
  readonly status: StatusName
  readonly method: string
  /** What the server sent behind its answer, such as `grpc-retry-pushback-ms`. */
  readonly metadata: GrpcMetadata
  /** The server surely did nothing with the call, so it may be made again whatever it was. */
  readonly unprocessed: boolean
  /** The status was chosen on this side: the server could not be reached, was too slow, or broke the protocol. */
  readonly local: boolean

  constructor(message: string, details: GrpcFailureDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.status = details.status
    this.method = details.method
    this.metadata = details.metadata ?? {}
    this.unprocessed = details.unprocessed ?? false
    this.local = details.local ?? false
  }

  /** The number of the status. */
  get code(): number {
    return statusCodes[this.status]
  }
}
