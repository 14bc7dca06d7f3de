/**
 * `grpc.health.v1.Health`: whether a server, or one of its services, takes requests.
 *
 * Source: gRPC health checking protocol, https://github.com/grpc/grpc/blob/master/doc/health-checking.md; `List` is proposal A90.
 */
import { enumeration, message, service } from "./Descriptor.ts"

/** @category descriptors */
export const HealthCheckRequest = message("grpc.health.v1.HealthCheckRequest", [
  { name: "service", number: 1, kind: "string" }
])

/** @category descriptors */
export const ServingStatus = enumeration("grpc.health.v1.HealthCheckResponse.ServingStatus", {
  UNKNOWN: 0,
  SERVING: 1,
  NOT_SERVING: 2,
  SERVICE_UNKNOWN: 3
})

/** @category descriptors */
export const HealthCheckResponse = message("grpc.health.v1.HealthCheckResponse", [
  { name: "status", number: 1, kind: "enum", type: ServingStatus }
])

/** @category descriptors */
export const HealthListRequest = message("grpc.health.v1.HealthListRequest", [])

/** @category descriptors */
export const HealthListResponse = message("grpc.health.v1.HealthListResponse", [
  { name: "statuses", number: 1, kind: "message", label: "map", type: HealthCheckResponse }
])

/** @category descriptors */
export const HealthService = service("grpc.health.v1.Health", [
  { name: "Check", request: HealthCheckRequest, response: HealthCheckResponse },
  { name: "List", request: HealthListRequest, response: HealthListResponse },
  { name: "Watch", request: HealthCheckRequest, response: HealthCheckResponse, serverStreaming: true }
])
