/**
 * Statistics of models over gRPC: descriptions of their messages in `grpc_service.proto`.
 *
 * Source: Triton's statistics extension, package `inference`.
 */
import { message } from "./Descriptor.ts"

/** @category descriptors */
export const StatisticDuration = message("inference.StatisticDuration", [
  { name: "count", number: 1, kind: "uint64" },
  { name: "ns", number: 2, kind: "uint64" }
])

/** @category descriptors */
export const InferStatistics = message("inference.InferStatistics", [
  { name: "success", number: 1, kind: "message", type: StatisticDuration },
  { name: "fail", number: 2, kind: "message", type: StatisticDuration },
  { name: "queue", number: 3, kind: "message", type: StatisticDuration },
  { name: "compute_input", number: 4, kind: "message", type: StatisticDuration },
  { name: "compute_infer", number: 5, kind: "message", type: StatisticDuration },
  { name: "compute_output", number: 6, kind: "message", type: StatisticDuration },
  { name: "cache_hit", number: 7, kind: "message", type: StatisticDuration },
  { name: "cache_miss", number: 8, kind: "message", type: StatisticDuration }
])

/** @category descriptors */
export const InferResponseStatistics = message("inference.InferResponseStatistics", [
  { name: "compute_infer", number: 1, kind: "message", type: StatisticDuration },
  { name: "compute_output", number: 2, kind: "message", type: StatisticDuration },
  { name: "success", number: 3, kind: "message", type: StatisticDuration },
  { name: "fail", number: 4, kind: "message", type: StatisticDuration },
  { name: "empty_response", number: 5, kind: "message", type: StatisticDuration },
  { name: "cancel", number: 6, kind: "message", type: StatisticDuration }
])

/** @category descriptors */
export const InferBatchStatistics = message("inference.InferBatchStatistics", [
  { name: "batch_size", number: 1, kind: "uint64" },
  { name: "compute_input", number: 2, kind: "message", type: StatisticDuration },
  { name: "compute_infer", number: 3, kind: "message", type: StatisticDuration },
  { name: "compute_output", number: 4, kind: "message", type: StatisticDuration }
])

/** @category descriptors */
export const MemoryUsage = message("inference.MemoryUsage", [
  { name: "type", number: 1, kind: "string" },
  { name: "id", number: 2, kind: "int64" },
  { name: "byte_size", number: 3, kind: "uint64" }
])

/** @category descriptors */
export const ModelStatistics = message("inference.ModelStatistics", [
  { name: "name", number: 1, kind: "string" },
  { name: "version", number: 2, kind: "string" },
  { name: "last_inference", number: 3, kind: "uint64" },
  { name: "inference_count", number: 4, kind: "uint64" },
  { name: "execution_count", number: 5, kind: "uint64" },
  { name: "inference_stats", number: 6, kind: "message", type: InferStatistics },
  { name: "batch_stats", number: 7, kind: "message", label: "repeated", type: InferBatchStatistics },
  { name: "memory_usage", number: 8, kind: "message", label: "repeated", type: MemoryUsage },
  { name: "response_stats", number: 9, kind: "message", label: "map", type: InferResponseStatistics }
])

/** @category descriptors */
export const ModelStatisticsRequest = message("inference.ModelStatisticsRequest", [
  { name: "name", number: 1, kind: "string" },
  { name: "version", number: 2, kind: "string" }
])

/** @category descriptors */
export const ModelStatisticsResponse = message("inference.ModelStatisticsResponse", [
  { name: "model_stats", number: 1, kind: "message", label: "repeated", type: ModelStatistics }
])
