/**
 * `ModelConfig`: the whole message tree of `model_config.proto` as one description, in the order of declaration.
 *
 * Source: Triton's `model_config.proto`, package `inference`.
 */
import { enumeration, message } from "./Descriptor.ts"
import { ModelOptimizationPolicy } from "./OptimizationFields.ts"
import { ModelDynamicBatching, ModelEnsembling, ModelSequenceBatching } from "./SchedulerFields.ts"
import { BatchInput, BatchOutput, ModelInput, ModelOutput, ModelWarmup } from "./TensorFields.ts"

/** @category descriptors */
export const ModelVersionPolicy = message("inference.ModelVersionPolicy", [
  {
    name: "latest",
    number: 1,
    kind: "message",
    oneof: "policy_choice",
    type: message("inference.ModelVersionPolicy.Latest", [{ name: "num_versions", number: 1, kind: "uint32" }])
  },
  {
    name: "all",
    number: 2,
    kind: "message",
    oneof: "policy_choice",
    type: message("inference.ModelVersionPolicy.All", [])
  },
  {
    name: "specific",
    number: 3,
    kind: "message",
    oneof: "policy_choice",
    type: message("inference.ModelVersionPolicy.Specific", [
      { name: "versions", number: 1, kind: "int64", label: "repeated", as: "number" }
    ])
  }
])

/** @category descriptors */
export const ModelRateLimiter = message("inference.ModelRateLimiter", [
  {
    name: "resources",
    number: 1,
    kind: "message",
    label: "repeated",
    type: message("inference.ModelRateLimiter.Resource", [
      { name: "name", number: 1, kind: "string" },
      { name: "global", number: 2, kind: "bool" },
      { name: "count", number: 3, kind: "uint32" }
    ])
  },
  { name: "priority", number: 2, kind: "uint32" }
])

const SecondaryDevice = message("inference.ModelInstanceGroup.SecondaryDevice", [
  {
    name: "kind",
    number: 1,
    kind: "enum",
    type: enumeration("inference.ModelInstanceGroup.SecondaryDevice.SecondaryDeviceKind", { KIND_NVDLA: 0 })
  },
  { name: "device_id", number: 2, kind: "int64", json: "string" }
])

/** @category descriptors */
export const ModelInstanceGroup = message("inference.ModelInstanceGroup", [
  { name: "name", number: 1, kind: "string" },
  {
    name: "kind",
    number: 4,
    kind: "enum",
    type: enumeration("inference.ModelInstanceGroup.Kind", { KIND_AUTO: 0, KIND_GPU: 1, KIND_CPU: 2, KIND_MODEL: 3 })
  },
  { name: "count", number: 2, kind: "int32" },
  { name: "rate_limiter", number: 6, kind: "message", type: ModelRateLimiter },
  { name: "gpus", number: 3, kind: "int32", label: "repeated" },
  { name: "secondary_devices", number: 8, kind: "message", label: "repeated", type: SecondaryDevice },
  { name: "profile", number: 5, kind: "string", label: "repeated" },
  { name: "passive", number: 7, kind: "bool" },
  { name: "host_policy", number: 9, kind: "string" }
])

const ModelParameter = message("inference.ModelParameter", [{ name: "string_value", number: 1, kind: "string" }])

const ModelOperations = message("inference.ModelOperations", [
  { name: "op_library_filename", number: 1, kind: "string", label: "repeated" }
])

const ModelTransactionPolicy = message("inference.ModelTransactionPolicy", [
  { name: "decoupled", number: 1, kind: "bool" }
])

const ModelRepositoryAgents = message("inference.ModelRepositoryAgents", [
  {
    name: "agents",
    number: 1,
    kind: "message",
    label: "repeated",
    type: message("inference.ModelRepositoryAgents.Agent", [
      { name: "name", number: 1, kind: "string" },
      { name: "parameters", number: 2, kind: "string", label: "map" }
    ])
  }
])

const ModelResponseCache = message("inference.ModelResponseCache", [{ name: "enable", number: 1, kind: "bool" }])

const ModelMetrics = message("inference.ModelMetrics", [
  {
    name: "metric_control",
    number: 1,
    kind: "message",
    label: "repeated",
    type: message("inference.ModelMetrics.MetricControl", [
      {
        name: "metric_identifier",
        number: 1,
        kind: "message",
        type: message("inference.ModelMetrics.MetricControl.MetricIdentifier", [
          { name: "family", number: 1, kind: "string" }
        ])
      },
      {
        name: "histogram_options",
        number: 2,
        kind: "message",
        oneof: "metric_options",
        type: message("inference.ModelMetrics.MetricControl.HistogramOptions", [
          { name: "buckets", number: 1, kind: "double", label: "repeated" }
        ])
      }
    ])
  }
])

/** @category descriptors */
export const ModelConfigMessage = message("inference.ModelConfig", [
  { name: "name", number: 1, kind: "string" },
  { name: "platform", number: 2, kind: "string" },
  { name: "backend", number: 17, kind: "string" },
  { name: "runtime", number: 25, kind: "string" },
  { name: "version_policy", number: 3, kind: "message", type: ModelVersionPolicy },
  { name: "max_batch_size", number: 4, kind: "int32" },
  { name: "input", number: 5, kind: "message", label: "repeated", type: ModelInput },
  { name: "output", number: 6, kind: "message", label: "repeated", type: ModelOutput },
  { name: "batch_input", number: 20, kind: "message", label: "repeated", type: BatchInput },
  { name: "batch_output", number: 21, kind: "message", label: "repeated", type: BatchOutput },
  { name: "optimization", number: 12, kind: "message", type: ModelOptimizationPolicy },
  { name: "dynamic_batching", number: 11, kind: "message", oneof: "scheduling_choice", type: ModelDynamicBatching },
  { name: "sequence_batching", number: 13, kind: "message", oneof: "scheduling_choice", type: ModelSequenceBatching },
  { name: "ensemble_scheduling", number: 15, kind: "message", oneof: "scheduling_choice", type: ModelEnsembling },
  { name: "instance_group", number: 7, kind: "message", label: "repeated", type: ModelInstanceGroup },
  { name: "default_model_filename", number: 8, kind: "string" },
  { name: "cc_model_filenames", number: 9, kind: "string", label: "map" },
  { name: "metric_tags", number: 10, kind: "string", label: "map", alias: "tags" },
  { name: "parameters", number: 14, kind: "message", label: "map", type: ModelParameter },
  { name: "model_warmup", number: 16, kind: "message", label: "repeated", type: ModelWarmup },
  { name: "model_operations", number: 18, kind: "message", type: ModelOperations },
  { name: "model_transaction_policy", number: 19, kind: "message", type: ModelTransactionPolicy },
  { name: "model_repository_agents", number: 23, kind: "message", type: ModelRepositoryAgents },
  { name: "response_cache", number: 24, kind: "message", type: ModelResponseCache },
  { name: "model_metrics", number: 26, kind: "message", type: ModelMetrics }
])
