/**
 * Trace and log settings over gRPC: descriptions of their messages in `grpc_service.proto`.
 *
 * Source: Triton's trace and logging extensions, package `inference`.
 */
import { message } from "./Descriptor.ts"

const traceValue = [{ name: "value", number: 1, kind: "string", label: "repeated" }] as const

/** @category descriptors */
export const TraceSettingRequestValue = message("inference.TraceSettingRequest.SettingValue", traceValue)

/** @category descriptors */
export const TraceSettingRequest = message("inference.TraceSettingRequest", [
  { name: "settings", number: 1, kind: "message", label: "map", type: TraceSettingRequestValue },
  { name: "model_name", number: 2, kind: "string" }
])

/** @category descriptors */
export const TraceSettingResponseValue = message("inference.TraceSettingResponse.SettingValue", traceValue)

/** @category descriptors */
export const TraceSettingResponse = message("inference.TraceSettingResponse", [
  { name: "settings", number: 1, kind: "message", label: "map", type: TraceSettingResponseValue }
])

const logValue = [
  { name: "bool_param", number: 1, kind: "bool", oneof: "parameter_choice" },
  { name: "uint32_param", number: 2, kind: "uint32", oneof: "parameter_choice" },
  { name: "string_param", number: 3, kind: "string", oneof: "parameter_choice" }
] as const

/** @category descriptors */
export const LogSettingsRequestValue = message("inference.LogSettingsRequest.SettingValue", logValue)

/** @category descriptors */
export const LogSettingsRequest = message("inference.LogSettingsRequest", [
  { name: "settings", number: 1, kind: "message", label: "map", type: LogSettingsRequestValue }
])

/** @category descriptors */
export const LogSettingsResponseValue = message("inference.LogSettingsResponse.SettingValue", logValue)

/** @category descriptors */
export const LogSettingsResponse = message("inference.LogSettingsResponse", [
  { name: "settings", number: 1, kind: "message", label: "map", type: LogSettingsResponseValue }
])
