/**
 * Checks of `optimization.execution_accelerators` and of the older parameters of the CUDA provider, groups normalised: stage 11 of
 * loading. Texts are Triton's.
 *
 * Source: model-config §6.7.
 */
import type { ModelConfig } from "../../../../schema/ModelConfig.ts"
import { nearest } from "../../../../schema/proto/Suggestion.ts"
import { prefixInteger } from "../PrefixInteger.ts"
import type { Checked, ConfigFault } from "./ConfigFault.ts"
import { firstFault, invalid } from "./ConfigFault.ts"

/** An accelerator as a config asks for it. @category models */
export interface Accelerator {
  readonly name: string
  readonly parameters: Readonly<Record<string, string>>
}

/** Accelerators that ONNX Runtime may have on each kind of device; beside Triton's, those that only its JavaScript binding has. */
export const accelerators = {
  cpu: ["openvino"],
  gpu: ["cuda", "tensorrt", "webgpu", "directml", "coreml"]
} as const

/** `true` where an instance of normalised groups is on a GPU. @category getters */
export const isOnGpu = (config: ModelConfig): boolean => config.instance_group.some(({ kind }) => kind === "KIND_GPU")

/** What a config asks for on one kind of device, in its order. @category getters */
export const askedOf = (config: ModelConfig, device: "cpu" | "gpu"): ReadonlyArray<Accelerator> => {
  const asked = config.optimization?.execution_accelerators
  return (device === "cpu" ? asked?.cpu_execution_accelerator : asked?.gpu_execution_accelerator) ?? []
}

const precisions = new Set(["FP32", "FP16", "BF16", "INT8"])

const tensorrtParameters: ReadonlySet<string> = new Set([
  "precision_mode",
  "max_workspace_size_bytes",
  "int8_calibration_table_name",
  "int8_use_native_calibration_table",
  ..."max_partition_iterations min_subgraph_size dla_enable dla_core engine_cache_enable engine_cache_path engine_cache_prefix dump_subgraphs force_sequential_engine_build context_memory_sharing_enable layer_norm_fp32_fallback timing_cache_enable timing_cache_path force_timing_cache detailed_build_log build_heuristics_enable sparsity_enable builder_optimization_level auxiliary_streams tactic_sources extra_plugin_lib_paths profile_min_shapes profile_max_shapes profile_opt_shapes cuda_graph_enable dump_ep_context_model ep_context_file_path ep_context_embed_mode"
    .split(" ").map((name) => `trt_${name}`)
])

function* tensorrtFaults(parameters: Accelerator["parameters"]): Generator<ConfigFault> {
  for (const [name, value] of Object.entries(parameters)) {
    if (!tensorrtParameters.has(name)) {
      yield invalid(`unknown parameter '${name}' is provided for TensorRT Execution Accelerator`)
    }
    if (name === "precision_mode" && !precisions.has(value)) {
      yield invalid(`unsupported precision mode '${value}' is requested`)
    }
  }
}

/** Options of one session of the WebGPU provider; those of its device as a whole are not for models. */
const webgpuParameters: Readonly<Record<string, ReadonlyArray<string> | undefined>> = {
  preferredLayout: ["NCHW", "NHWC"],
  forceCpuNodeNames: undefined
}

/** Parameters of accelerators that this server takes; `undefined`: any, as Triton does with those of CUDA. */
const ownParameters: Readonly<Record<string, Readonly<Record<string, ReadonlyArray<string> | undefined>>>> = {
  webgpu: webgpuParameters,
  directml: {},
  coreml: { coreMlFlags: undefined }
}

function* ownFaults({ name, parameters }: Accelerator): Generator<ConfigFault> {
  const known = ownParameters[name]
  if (known === undefined) return
  for (const [parameter, value] of Object.entries(parameters)) {
    const subject = `parameter '${parameter}' of the execution accelerator '${name}'`
    if (!Object.hasOwn(known, parameter)) {
      const names = Object.keys(known)
      const near = nearest(parameter, names)
      yield invalid(
        `unknown ${subject}: ${
          near !== undefined
            ? `did you mean '${near}'?`
            : names.length === 0
            ? "it has none"
            : `known are ${names.map((one) => `'${one}'`).join(", ")}`
        }`
      )
    }
    const values = known[parameter]
    if (values !== undefined && !values.includes(value)) {
      yield invalid(`${subject} is '${value}', expected ${values.join(" or ")}`)
    }
    if (parameter === "coreMlFlags" && !/^\d+$/.test(value)) {
      yield invalid(`${subject} is '${value}', expected a whole number, the sum of ONNX Runtime's COREML_FLAG_… values`)
    }
  }
}

/** Older parameters of the CUDA provider, which stand beside the others of a model. */
export const cudaParameters = [
  "cudnn_conv_algo_search",
  "gpu_mem_limit",
  "arena_extend_strategy",
  "do_copy_in_default_stream"
] as const

const largest: Readonly<Record<string, number>> = { cudnn_conv_algo_search: 2, arena_extend_strategy: 1 }

function* cudaFaults(config: ModelConfig): Generator<ConfigFault> {
  for (const key of cudaParameters) {
    const text = config.parameters[key]?.string_value
    if (text === undefined) continue
    const value = prefixInteger(text)
    if (value === undefined) {
      yield invalid(`failed to convert '${text}' to integral number (parameter '${key}')`)
    } else if (value < 0 || value > (largest[key] ?? Number.MAX_SAFE_INTEGER)) {
      yield invalid(`unsupported ${key} value '${value}' is requested`)
    }
  }
}

function* faults(config: ModelConfig): Generator<ConfigFault> {
  const onGpu = isOnGpu(config)
  const asked = { gpu: onGpu ? askedOf(config, "gpu") : [], cpu: askedOf(config, "cpu") }
  for (const device of ["gpu", "cpu"] as const) {
    const known: ReadonlyArray<string> = accelerators[device]
    for (const { name } of asked[device]) {
      if (!known.includes(name)) yield invalid(`unknown Execution Accelerator '${name}' is requested`)
    }
  }
  for (const one of asked.gpu) {
    if (one.name === "tensorrt") yield* tensorrtFaults(one.parameters)
    else yield* ownFaults(one)
  }
  if (onGpu) yield* cudaFaults(config)
}

/** Checks what a config says of accelerators, whatever this machine has. Errors: INVALID_ARG. @category guards */
export const validateAccelerators = (config: ModelConfig): Checked => firstFault(faults(config))
