/** Checks of `instance_group` and of the accelerators it may use, after normalisation. Texts are Triton's. */
import type { InstanceGroup, ModelConfig } from "../../../../schema/ModelConfig.ts"
import type { Checked, ConfigFault } from "./ConfigFault.ts"
import { firstFault, invalid } from "./ConfigFault.ts"
import type { Gpus } from "./Normalise.ts"

const minimumCapability = "7.500000"

/** Instances that one version of a model may have, all groups together. @category constants */
export const maxInstances = 1024

function* gpuFaults(group: InstanceGroup, prefix: string, gpus: Gpus): Generator<ConfigFault> {
  if (!gpus.supported) yield invalid(`${prefix}has kind KIND_GPU but server does not support GPUs`)
  if (group.gpus.length === 0) {
    yield invalid(
      `${prefix}has kind KIND_GPU but ${gpus.present === 0 ? "no GPUs are available" : "specifies no GPUs"}`
    )
  }
  for (const id of group.gpus) {
    if (gpus.usable.includes(id)) continue
    yield invalid(
      `${prefix}specifies invalid or unsupported gpu id ${id}. GPUs with at least the minimum required CUDA compute ` +
        `compatibility of ${minimumCapability} are: ${gpus.usable.join(", ")}`
    )
  }
}

function* groupFaults(config: ModelConfig, gpus: Gpus): Generator<ConfigFault> {
  if (config.instance_group.length === 0) {
    yield invalid(`must specify one or more 'instance group's for ${config.name}`)
  }
  for (const group of config.instance_group) {
    const prefix = `instance group ${group.name} of model ${config.name} `
    switch (group.kind) {
      case "KIND_MODEL":
        if (group.gpus.length > 0) yield invalid(`${prefix}has kind KIND_MODEL but specifies one or more GPUs`)
        break
      case "KIND_GPU":
        yield* gpuFaults(group, prefix, gpus)
        break
      case "KIND_CPU":
        if (group.gpus.length > 0) yield invalid(`${prefix}has kind KIND_CPU but specifies one or more GPUs`)
        break
      default:
        yield invalid(`${prefix}has unknown kind ${group.kind}`)
    }
    if (group.profile.length > 0 && config.platform !== "tensorrt_plan") {
      yield invalid(
        `instance group ${group.name} of model ${config.name} and platform ${config.platform}specifies profile field ` +
          "which is only supported for TensorRT models"
      )
    }
  }
  yield* countFaults(config)
}

function* countFaults(config: ModelConfig): Generator<ConfigFault> {
  let instances = 0
  for (const { count, gpus } of config.instance_group) instances += count * Math.max(1, gpus.length)
  if (instances > maxInstances) {
    yield invalid(
      `instance groups of model ${config.name} have ${instances} instances, but at most ${maxInstances} are allowed`
    )
  }
}

/** Checks normalised instance groups: stage 10 of loading. Ensembles have none. Errors: INVALID_ARG. @category guards */
export const validateInstanceGroups = (config: ModelConfig, gpus: Gpus): Checked =>
  firstFault(config.ensemble_scheduling === undefined ? groupFaults(config, gpus) : [])

/** Accelerators that ONNX Runtime may have on each kind of device. @category constants */
export const accelerators = { cpu: ["openvino"], gpu: ["cuda", "tensorrt"] } as const

function* acceleratorFaults(config: ModelConfig): Generator<ConfigFault> {
  const asked = config.optimization?.execution_accelerators
  if (asked === undefined) return
  const onGpu = config.instance_group.some(({ kind }) => kind === "KIND_GPU" || kind === "KIND_AUTO")
  const unknown = [
    ...(onGpu
      ? asked.gpu_execution_accelerator.filter(({ name }) => !accelerators.gpu.some((one) => one === name))
      : []),
    ...asked.cpu_execution_accelerator.filter(({ name }) => !accelerators.cpu.some((one) => one === name))
  ]
  for (const { name } of unknown) yield invalid(`unknown Execution Accelerator '${name}' is requested`)
}

/** Checks the names of `execution_accelerators`, groups normalised: stage 11. Errors: INVALID_ARG. @category guards */
export const validateAccelerators = (config: ModelConfig): Checked => firstFault(acceleratorFaults(config))
