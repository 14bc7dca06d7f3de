/** Checks of `instance_group` after normalisation. Texts are Triton's, with what is known of the machine behind them. */
import type { InstanceGroup, ModelConfig } from "../../../../schema/ModelConfig.ts"
import type { Checked, ConfigFault } from "./ConfigFault.ts"
import { firstFault, invalid } from "./ConfigFault.ts"
import type { Gpus } from "./Normalise.ts"

/** Instances that one version of a model may have, all groups together. @category constants */
export const maxInstances = 1024

function* gpuFaults(group: InstanceGroup, prefix: string, gpus: Gpus): Generator<ConfigFault> {
  const why = gpus.remark === undefined ? "" : `: ${gpus.remark}`
  if (!gpus.supported) yield invalid(`${prefix}has kind KIND_GPU but server does not support GPUs${why}`)
  if (group.gpus.length === 0) {
    yield invalid(
      `${prefix}has kind KIND_GPU but ${gpus.present === 0 ? "no GPUs are available" : "specifies no GPUs"}${why}`
    )
  }
  for (const id of group.gpus) {
    if (gpus.usable.includes(id)) continue
    yield invalid(
      `${prefix}specifies invalid or unsupported gpu id ${id}. GPUs with at least the minimum required CUDA compute ` +
        `compatibility of ${(gpus.minimumComputeCapability ?? 7.5).toFixed(6)} are: ${gpus.usable.join(", ")}`
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
    const [secondary] = group.secondary_devices
    if (secondary !== undefined) {
      yield invalid(
        `${prefix}specifies the secondary device ${secondary.kind} ${secondary.device_id}, which only TensorRT engines with DLA ` +
          "cores use: remove secondary_devices"
      )
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
