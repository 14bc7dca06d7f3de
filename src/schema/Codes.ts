/** Triton's error codes, and this server's own for access: what an error means, whichever way it travels. */

/** Triton's error codes with their HTTP status, gRPC number and the name used inside messages. @category models */
export const codes = {
  UNKNOWN: { http: 400, grpc: 2, prefix: "Unknown" },
  INTERNAL: { http: 500, grpc: 13, prefix: "Internal" },
  NOT_FOUND: { http: 404, grpc: 5, prefix: "Not found" },
  INVALID_ARG: { http: 400, grpc: 3, prefix: "Invalid argument" },
  UNAVAILABLE: { http: 503, grpc: 14, prefix: "Unavailable" },
  UNSUPPORTED: { http: 501, grpc: 12, prefix: "Unsupported" },
  ALREADY_EXISTS: { http: 400, grpc: 6, prefix: "Already exists" },
  DEADLINE_EXCEEDED: { http: 504, grpc: 4, prefix: "Deadline exceeded" },
  ABORTED: { http: 409, grpc: 10, prefix: "Aborted" },
  CANCELLED: { http: 400, grpc: 1, prefix: "Cancelled" },
  UNAUTHENTICATED: { http: 401, grpc: 16, prefix: "Unauthenticated" },
  PERMISSION_DENIED: { http: 403, grpc: 7, prefix: "Permission denied" },
  RESOURCE_EXHAUSTED: { http: 429, grpc: 8, prefix: "Resource exhausted" }
} as const

/** @category models */
export type Code = keyof typeof codes
