/**
 * Optimisation settings of a model: descriptions of their messages in `model_config.proto`.
 *
 * Source: Triton's `model_config.proto`, package `inference`.
 */
import { enumeration, message } from "./Descriptor.ts"

const Accelerator = message("inference.ModelOptimizationPolicy.ExecutionAccelerators.Accelerator", [
  { name: "name", number: 1, kind: "string" },
  { name: "parameters", number: 2, kind: "string", label: "map" }
])

const PinnedMemoryBuffer = message("inference.ModelOptimizationPolicy.PinnedMemoryBuffer", [
  { name: "enable", number: 1, kind: "bool" }
])

const Shape = message("inference.ModelOptimizationPolicy.Cuda.GraphSpec.Shape", [
  { name: "dim", number: 1, kind: "int64", label: "repeated", as: "number", json: "string" }
])

const GraphSpec = message("inference.ModelOptimizationPolicy.Cuda.GraphSpec", [
  { name: "batch_size", number: 1, kind: "int32" },
  { name: "input", number: 2, kind: "message", label: "map", type: Shape },
  {
    name: "graph_lower_bound",
    number: 3,
    kind: "message",
    type: message("inference.ModelOptimizationPolicy.Cuda.GraphSpec.LowerBound", [
      { name: "batch_size", number: 1, kind: "int32" },
      { name: "input", number: 2, kind: "message", label: "map", type: Shape }
    ])
  }
])

/** @category descriptors */
export const ModelOptimizationPolicy = message("inference.ModelOptimizationPolicy", [
  {
    name: "graph",
    number: 1,
    kind: "message",
    type: message("inference.ModelOptimizationPolicy.Graph", [{ name: "level", number: 1, kind: "int32" }])
  },
  {
    name: "priority",
    number: 2,
    kind: "enum",
    type: enumeration("inference.ModelOptimizationPolicy.ModelPriority", {
      PRIORITY_DEFAULT: 0,
      PRIORITY_MAX: 1,
      PRIORITY_MIN: 2
    })
  },
  {
    name: "cuda",
    number: 3,
    kind: "message",
    type: message("inference.ModelOptimizationPolicy.Cuda", [
      { name: "graphs", number: 1, kind: "bool" },
      { name: "busy_wait_events", number: 2, kind: "bool" },
      { name: "graph_spec", number: 3, kind: "message", label: "repeated", type: GraphSpec },
      { name: "output_copy_stream", number: 4, kind: "bool" }
    ])
  },
  {
    name: "execution_accelerators",
    number: 4,
    kind: "message",
    type: message("inference.ModelOptimizationPolicy.ExecutionAccelerators", [
      { name: "gpu_execution_accelerator", number: 1, kind: "message", label: "repeated", type: Accelerator },
      { name: "cpu_execution_accelerator", number: 2, kind: "message", label: "repeated", type: Accelerator }
    ])
  },
  { name: "input_pinned_memory", number: 5, kind: "message", type: PinnedMemoryBuffer },
  { name: "output_pinned_memory", number: 6, kind: "message", type: PinnedMemoryBuffer },
  { name: "gather_kernel_buffer_threshold", number: 7, kind: "uint32" },
  { name: "eager_batching", number: 8, kind: "bool" }
])
