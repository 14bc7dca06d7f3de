/**
 * The model repository over gRPC: descriptions of its messages in `grpc_service.proto`.
 *
 * Source: Triton's model repository extension, package `inference`.
 */
import { message } from "./Descriptor.ts"

/** @category descriptors */
export const ModelRepositoryParameter = message("inference.ModelRepositoryParameter", [
  { name: "bool_param", number: 1, kind: "bool", oneof: "parameter_choice" },
  { name: "int64_param", number: 2, kind: "int64", oneof: "parameter_choice" },
  { name: "string_param", number: 3, kind: "string", oneof: "parameter_choice" },
  { name: "bytes_param", number: 4, kind: "bytes", oneof: "parameter_choice" }
])

/** @category descriptors */
export const RepositoryIndexRequest = message("inference.RepositoryIndexRequest", [
  { name: "repository_name", number: 1, kind: "string" },
  { name: "ready", number: 2, kind: "bool" }
])

/** @category descriptors */
export const ModelIndex = message("inference.RepositoryIndexResponse.ModelIndex", [
  { name: "name", number: 1, kind: "string" },
  { name: "version", number: 2, kind: "string" },
  { name: "state", number: 3, kind: "string" },
  { name: "reason", number: 4, kind: "string" }
])

/** @category descriptors */
export const RepositoryIndexResponse = message("inference.RepositoryIndexResponse", [
  { name: "models", number: 1, kind: "message", label: "repeated", type: ModelIndex }
])

/** @category descriptors */
export const RepositoryModelLoadRequest = message("inference.RepositoryModelLoadRequest", [
  { name: "repository_name", number: 1, kind: "string" },
  { name: "model_name", number: 2, kind: "string" },
  { name: "parameters", number: 3, kind: "message", label: "map", type: ModelRepositoryParameter }
])

/** @category descriptors */
export const RepositoryModelLoadResponse = message("inference.RepositoryModelLoadResponse", [])

/** @category descriptors */
export const RepositoryModelUnloadRequest = message("inference.RepositoryModelUnloadRequest", [
  { name: "repository_name", number: 1, kind: "string" },
  { name: "model_name", number: 2, kind: "string" },
  { name: "parameters", number: 3, kind: "message", label: "map", type: ModelRepositoryParameter }
])

/** @category descriptors */
export const RepositoryModelUnloadResponse = message("inference.RepositoryModelUnloadResponse", [])
