/**
 * Makes defaults explicit, as clients see them in the config.
 *
 * Source: Triton's normalisation of configs and instance groups.
 */
import type { InstanceGroup, ModelConfig } from "../../../../schema/ModelConfig.ts"
import { create } from "../../../../schema/proto/Descriptor.ts"
import { ModelInstanceGroup } from "../../../../schema/proto/ModelConfigFields.ts"
import { ModelOptimizationPolicy } from "../../../../schema/proto/OptimizationFields.ts"

/** The GPUs of this machine as far as models may use them. @category models */
export interface Gpus {
  /** `false`: this server cannot run on GPUs at all. */
  readonly supported: boolean
  /** GPUs that are there, usable or not. */
  readonly present: number
  /** Ids of the usable ones. */
  readonly usable: ReadonlyArray<number>
  /** The least CUDA compute capability that is asked of them. Default: 7.5, as Triton is built. */
  readonly minimumComputeCapability?: number
  /** Why there are none, a sentence part. Default: nothing is known. */
  readonly remark?: string | undefined
}

/** A server without support for GPUs. @category constants */
export const noGpus: Gpus = { supported: false, present: 0, usable: [] }

const pinned = { enable: true } as const

/**
 * The config with the defaults that Triton fills in: version policy, preferred batch sizes, idle time, pinned memory. Stage 5
 * of loading, and once more after auto-complete; a second time changes nothing but what auto-complete added.
 *
 * @category combinators
 */
export const normaliseConfig = (config: ModelConfig): ModelConfig => {
  const preferred = (given: ReadonlyArray<number>) =>
    given.length === 0 && config.max_batch_size > 0 ? [config.max_batch_size] : given
  const { dynamic_batching: dynamic, optimization, sequence_batching: sequence } = config
  return {
    ...config,
    version_policy: config.version_policy ?? { latest: { num_versions: 1 }, all: undefined, specific: undefined },
    dynamic_batching: dynamic && { ...dynamic, preferred_batch_size: preferred(dynamic.preferred_batch_size) },
    sequence_batching: sequence && {
      ...sequence,
      max_sequence_idle_microseconds: sequence.max_sequence_idle_microseconds === 0n
        ? 1_000_000n
        : sequence.max_sequence_idle_microseconds,
      oldest: sequence.oldest &&
        { ...sequence.oldest, preferred_batch_size: preferred(sequence.oldest.preferred_batch_size) }
    },
    optimization: config.ensemble_scheduling !== undefined ? optimization : {
      ...(optimization ?? create(ModelOptimizationPolicy, {})),
      input_pinned_memory: optimization?.input_pinned_memory ?? pinned,
      output_pinned_memory: optimization?.output_pinned_memory ?? pinned
    }
  }
}

// Two instances on the CPU hide each other's copying; these backends ask for it.
const defaultCount = (backend: string, kind: InstanceGroup["kind"]): number =>
  kind === "KIND_CPU" && (backend === "onnxruntime" || backend === "tensorflow") ? 2 : 1

const normaliseGroup = (config: ModelConfig, group: InstanceGroup, index: number, gpus: Gpus): InstanceGroup => {
  const onGpu = gpus.usable.length > 0 && group.gpus.every((id) => gpus.usable.includes(id))
  const kind = group.kind === "KIND_AUTO" ? onGpu ? "KIND_GPU" : "KIND_CPU" : group.kind
  return {
    ...group,
    name: group.name === "" ? `${config.name}_${index}` : group.name,
    kind,
    count: group.count < 1 ? defaultCount(config.backend, kind) : group.count,
    gpus: kind === "KIND_GPU" && group.gpus.length === 0 ? gpus.usable : group.gpus
  }
}

/**
 * The config with its instance groups complete: at least one, each with a name, a kind, a count and, on GPUs, their ids.
 * Ensembles have none. Stage 10 of loading; validate the groups after it.
 *
 * @category combinators
 */
export const normaliseInstanceGroups = (config: ModelConfig, gpus: Gpus): ModelConfig => {
  if (config.ensemble_scheduling !== undefined) return config
  const groups = config.instance_group.length === 0
    ? [create(ModelInstanceGroup, { name: config.name })]
    : config.instance_group
  return { ...config, instance_group: groups.map((group, index) => normaliseGroup(config, group, index, gpus)) }
}
