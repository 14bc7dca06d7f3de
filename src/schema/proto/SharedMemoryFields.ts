/**
 * Shared memory over gRPC: descriptions of its messages in `grpc_service.proto`.
 *
 * Source: Triton's shared memory extensions, package `inference`.
 */
import { message } from "./Descriptor.ts"

/** @category descriptors */
export const SystemSharedMemoryStatusRequest = message("inference.SystemSharedMemoryStatusRequest", [
  { name: "name", number: 1, kind: "string" }
])

/** @category descriptors */
export const SystemRegionStatus = message("inference.SystemSharedMemoryStatusResponse.RegionStatus", [
  { name: "name", number: 1, kind: "string" },
  { name: "key", number: 2, kind: "string" },
  { name: "offset", number: 3, kind: "uint64" },
  { name: "byte_size", number: 4, kind: "uint64" }
])

/** @category descriptors */
export const SystemSharedMemoryStatusResponse = message("inference.SystemSharedMemoryStatusResponse", [
  { name: "regions", number: 1, kind: "message", label: "map", type: SystemRegionStatus }
])

/** @category descriptors */
export const SystemSharedMemoryRegisterRequest = message("inference.SystemSharedMemoryRegisterRequest", [
  { name: "name", number: 1, kind: "string" },
  { name: "key", number: 2, kind: "string" },
  { name: "offset", number: 3, kind: "uint64" },
  { name: "byte_size", number: 4, kind: "uint64" }
])

/** @category descriptors */
export const SystemSharedMemoryRegisterResponse = message("inference.SystemSharedMemoryRegisterResponse", [])

/** @category descriptors */
export const SystemSharedMemoryUnregisterRequest = message("inference.SystemSharedMemoryUnregisterRequest", [
  { name: "name", number: 1, kind: "string" }
])

/** @category descriptors */
export const SystemSharedMemoryUnregisterResponse = message("inference.SystemSharedMemoryUnregisterResponse", [])

/** @category descriptors */
export const CudaSharedMemoryStatusRequest = message("inference.CudaSharedMemoryStatusRequest", [
  { name: "name", number: 1, kind: "string" }
])

/** @category descriptors */
export const CudaRegionStatus = message("inference.CudaSharedMemoryStatusResponse.RegionStatus", [
  { name: "name", number: 1, kind: "string" },
  { name: "device_id", number: 2, kind: "uint64" },
  { name: "byte_size", number: 3, kind: "uint64" }
])

/** @category descriptors */
export const CudaSharedMemoryStatusResponse = message("inference.CudaSharedMemoryStatusResponse", [
  { name: "regions", number: 1, kind: "message", label: "map", type: CudaRegionStatus }
])

/** @category descriptors */
export const CudaSharedMemoryRegisterRequest = message("inference.CudaSharedMemoryRegisterRequest", [
  { name: "name", number: 1, kind: "string" },
  { name: "raw_handle", number: 2, kind: "bytes" },
  { name: "device_id", number: 3, kind: "int64" },
  { name: "byte_size", number: 4, kind: "uint64" }
])

/** @category descriptors */
export const CudaSharedMemoryRegisterResponse = message("inference.CudaSharedMemoryRegisterResponse", [])

/** @category descriptors */
export const CudaSharedMemoryUnregisterRequest = message("inference.CudaSharedMemoryUnregisterRequest", [
  { name: "name", number: 1, kind: "string" }
])

/** @category descriptors */
export const CudaSharedMemoryUnregisterResponse = message("inference.CudaSharedMemoryUnregisterResponse", [])
