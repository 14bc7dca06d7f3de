/**
 * State, metadata and configuration over gRPC: descriptions of their messages in `grpc_service.proto`.
 *
 * Source: KServe V2 `GRPCInferenceService` and Triton's extensions, package `inference`.
 */
import { message } from "./Descriptor.ts"
import { ModelConfigMessage } from "./ModelConfigFields.ts"

/** @category descriptors */
export const ServerLiveRequest = message("inference.ServerLiveRequest", [])

/** @category descriptors */
export const ServerLiveResponse = message("inference.ServerLiveResponse", [{ name: "live", number: 1, kind: "bool" }])

/** @category descriptors */
export const ServerReadyRequest = message("inference.ServerReadyRequest", [])

/** @category descriptors */
export const ServerReadyResponse = message("inference.ServerReadyResponse", [
  { name: "ready", number: 1, kind: "bool" }
])

/** @category descriptors */
export const ModelReadyRequest = message("inference.ModelReadyRequest", [
  { name: "name", number: 1, kind: "string" },
  { name: "version", number: 2, kind: "string" }
])

/** @category descriptors */
export const ModelReadyResponse = message("inference.ModelReadyResponse", [{ name: "ready", number: 1, kind: "bool" }])

/** @category descriptors */
export const ServerMetadataRequest = message("inference.ServerMetadataRequest", [])

/** @category descriptors */
export const ServerMetadataResponse = message("inference.ServerMetadataResponse", [
  { name: "name", number: 1, kind: "string" },
  { name: "version", number: 2, kind: "string" },
  { name: "extensions", number: 3, kind: "string", label: "repeated" }
])

/** @category descriptors */
export const ModelMetadataRequest = message("inference.ModelMetadataRequest", [
  { name: "name", number: 1, kind: "string" },
  { name: "version", number: 2, kind: "string" }
])

/** @category descriptors */
export const TensorMetadata = message("inference.ModelMetadataResponse.TensorMetadata", [
  { name: "name", number: 1, kind: "string" },
  { name: "datatype", number: 2, kind: "string" },
  { name: "shape", number: 3, kind: "int64", label: "repeated", as: "number" }
])

/** @category descriptors */
export const ModelMetadataResponse = message("inference.ModelMetadataResponse", [
  { name: "name", number: 1, kind: "string" },
  { name: "versions", number: 2, kind: "string", label: "repeated" },
  { name: "platform", number: 3, kind: "string" },
  { name: "inputs", number: 4, kind: "message", label: "repeated", type: TensorMetadata },
  { name: "outputs", number: 5, kind: "message", label: "repeated", type: TensorMetadata }
])

/** @category descriptors */
export const ModelConfigRequest = message("inference.ModelConfigRequest", [
  { name: "name", number: 1, kind: "string" },
  { name: "version", number: 2, kind: "string" }
])

/** @category descriptors */
export const ModelConfigResponse = message("inference.ModelConfigResponse", [
  { name: "config", number: 1, kind: "message", type: ModelConfigMessage }
])
