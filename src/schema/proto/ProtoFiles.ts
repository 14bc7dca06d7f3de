/** The proto files of this server, under the names by which clients know them. */
import { HealthService } from "./HealthService.ts"
import { InferenceService } from "./InferenceService.ts"
import { ModelConfigMessage } from "./ModelConfigFields.ts"
import type { ProtoFile } from "./ProtoFile.ts"
import { protoFile } from "./ProtoFile.ts"
import { ReflectionService, ReflectionServiceAlpha } from "./ReflectionService.ts"

/** @category descriptors */
export const modelConfigFile: ProtoFile = protoFile({
  name: "model_config.proto",
  package: "inference",
  messages: [ModelConfigMessage]
})

/** @category descriptors */
export const inferenceFile: ProtoFile = protoFile({
  name: "grpc_service.proto",
  package: "inference",
  imports: [modelConfigFile],
  services: [InferenceService]
})

/** @category descriptors */
export const healthFile: ProtoFile = protoFile({
  name: "grpc/health/v1/health.proto",
  package: "grpc.health.v1",
  services: [HealthService]
})

/** @category descriptors */
export const reflectionFile: ProtoFile = protoFile({
  name: "grpc/reflection/v1/reflection.proto",
  package: "grpc.reflection.v1",
  services: [ReflectionService]
})

/** @category descriptors */
export const reflectionAlphaFile: ProtoFile = protoFile({
  name: "grpc/reflection/v1alpha/reflection.proto",
  package: "grpc.reflection.v1alpha",
  services: [ReflectionServiceAlpha]
})

/** Every file, imports before those that import them. @category descriptors */
export const all: ReadonlyArray<ProtoFile> = [
  modelConfigFile,
  inferenceFile,
  healthFile,
  reflectionFile,
  reflectionAlphaFile
]

/** The files that make a client, which lie in docs/proto. @category descriptors */
export const shipped: ReadonlyArray<ProtoFile> = [modelConfigFile, inferenceFile, healthFile]
