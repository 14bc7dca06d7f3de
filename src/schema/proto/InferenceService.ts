/**
 * `inference.GRPCInferenceService`: its procedures in the order of declaration in `grpc_service.proto`.
 *
 * Source: KServe V2 `GRPCInferenceService` and Triton's extensions.
 */
import { service } from "./Descriptor.ts"
import { ModelInferRequest, ModelInferResponse, ModelStreamInferResponse } from "./InferFields.ts"
import * as Repository from "./RepositoryFields.ts"
import * as Settings from "./SettingsFields.ts"
import * as SharedMemory from "./SharedMemoryFields.ts"
import { ModelStatisticsRequest, ModelStatisticsResponse } from "./StatisticsFields.ts"
import * as Status from "./StatusFields.ts"

/** @category descriptors */
export const InferenceService = service("inference.GRPCInferenceService", [
  { name: "ServerLive", request: Status.ServerLiveRequest, response: Status.ServerLiveResponse },
  { name: "ServerReady", request: Status.ServerReadyRequest, response: Status.ServerReadyResponse },
  { name: "ModelReady", request: Status.ModelReadyRequest, response: Status.ModelReadyResponse },
  { name: "ServerMetadata", request: Status.ServerMetadataRequest, response: Status.ServerMetadataResponse },
  { name: "ModelMetadata", request: Status.ModelMetadataRequest, response: Status.ModelMetadataResponse },
  { name: "ModelInfer", request: ModelInferRequest, response: ModelInferResponse },
  {
    name: "ModelStreamInfer",
    request: ModelInferRequest,
    response: ModelStreamInferResponse,
    clientStreaming: true,
    serverStreaming: true
  },
  { name: "ModelConfig", request: Status.ModelConfigRequest, response: Status.ModelConfigResponse },
  { name: "ModelStatistics", request: ModelStatisticsRequest, response: ModelStatisticsResponse },
  { name: "RepositoryIndex", request: Repository.RepositoryIndexRequest, response: Repository.RepositoryIndexResponse },
  {
    name: "RepositoryModelLoad",
    request: Repository.RepositoryModelLoadRequest,
    response: Repository.RepositoryModelLoadResponse
  },
  {
    name: "RepositoryModelUnload",
    request: Repository.RepositoryModelUnloadRequest,
    response: Repository.RepositoryModelUnloadResponse
  },
  {
    name: "SystemSharedMemoryStatus",
    request: SharedMemory.SystemSharedMemoryStatusRequest,
    response: SharedMemory.SystemSharedMemoryStatusResponse
  },
  {
    name: "SystemSharedMemoryRegister",
    request: SharedMemory.SystemSharedMemoryRegisterRequest,
    response: SharedMemory.SystemSharedMemoryRegisterResponse
  },
  {
    name: "SystemSharedMemoryUnregister",
    request: SharedMemory.SystemSharedMemoryUnregisterRequest,
    response: SharedMemory.SystemSharedMemoryUnregisterResponse
  },
  {
    name: "CudaSharedMemoryStatus",
    request: SharedMemory.CudaSharedMemoryStatusRequest,
    response: SharedMemory.CudaSharedMemoryStatusResponse
  },
  {
    name: "CudaSharedMemoryRegister",
    request: SharedMemory.CudaSharedMemoryRegisterRequest,
    response: SharedMemory.CudaSharedMemoryRegisterResponse
  },
  {
    name: "CudaSharedMemoryUnregister",
    request: SharedMemory.CudaSharedMemoryUnregisterRequest,
    response: SharedMemory.CudaSharedMemoryUnregisterResponse
  },
  { name: "TraceSetting", request: Settings.TraceSettingRequest, response: Settings.TraceSettingResponse },
  { name: "LogSettings", request: Settings.LogSettingsRequest, response: Settings.LogSettingsResponse }
])
