/**
 * Checks a whole config, first fault first: stage 6 of loading, and again after auto-complete. Texts are Triton's.
 *
 * Source: Triton's validation of model configurations.
 */
import { Result } from "effect"
import * as InstanceParameters from "../../../../schema/InstanceParameters.ts"
import type { ModelConfig } from "../../../../schema/ModelConfig.ts"
import { platforms, remedy } from "./Backend.ts"
import type { Checked, ConfigFault } from "./ConfigFault.ts"
import { firstFault, invalid } from "./ConfigFault.ts"
import { ensembleFaults } from "./ValidateEnsemble.ts"
import { dynamicBatchingFaults, sequenceBatchingFaults } from "./ValidateSchedulers.ts"

function* platformFaults({ backend, name, platform }: ModelConfig): Generator<ConfigFault> {
  if (backend === "" && platform !== "ensemble") {
    yield invalid(`unexpected platform type '${platform}' for ${name}. ${remedy({ backend, platform })}`)
  }
  if (backend !== "" && platform === "ensemble") {
    yield invalid(`Ensemble model '${name}' must have platform type 'ensemble' and empty backend type`)
  }
  if (platforms.get(backend)?.includes(platform) === false) {
    yield invalid(`unexpected 'platform' and 'backend' pair, got:${platform}, ${backend}`)
  }
}

function* metricFaults(config: ModelConfig): Generator<ConfigFault> {
  for (const control of config.model_metrics?.metric_control ?? []) {
    if (control.metric_identifier === undefined) yield invalid("metric control must specify 'metric_identifier'")
    if (control.metric_identifier?.family === "") yield invalid("metric identifier must specify non-empty 'family'")
    if (control.histogram_options === undefined) yield invalid("metric control must specify 'histogram_options'")
    if (control.histogram_options?.buckets.length === 0) {
      yield invalid("histogram options must specify non-empty 'buckets'")
    }
  }
}

function* configFaults(config: ModelConfig): Generator<ConfigFault> {
  const { name } = config
  if (name === "") yield invalid("model configuration must specify 'name'")
  yield* platformFaults(config)
  if (config.max_batch_size < 0) yield invalid(`'max_batch_size' must be non-negative value for ${name}`)
  if (config.version_policy === undefined) yield invalid(`must specify 'version policy' for ${name}`)
  if (config.dynamic_batching !== undefined) yield* dynamicBatchingFaults(config, config.dynamic_batching)
  if (config.sequence_batching !== undefined) yield* sequenceBatchingFaults(config, config.sequence_batching)
  if (config.ensemble_scheduling !== undefined) yield* ensembleFaults(config, config.ensemble_scheduling)
  else if (config.platform === "ensemble") {
    yield invalid(`ensemble scheduling must be set for ensemble ${name} whose platform is ensemble`)
  }
  if (config.model_transaction_policy?.decoupled && config.response_cache?.enable) {
    yield invalid(
      `Response Cache does not currently support model ${name} with 'decoupled' transaction policy. Please disable ` +
        "the response cache."
    )
  }
  if (config.platform !== "ensemble") {
    const instances = InstanceParameters.read(config)
    if (Result.isFailure(instances)) yield invalid(instances.failure)
  }
  yield* metricFaults(config)
}

/** Checks a normalised config as a whole. Errors: INVALID_ARG. @category guards */
export const validateConfig = (config: ModelConfig): Checked => firstFault(configFaults(config))

/** The metric whose buckets a config may set. */
export const customisableFamily = "nv_inference_first_response_histogram_ms"

/** What Triton only warns of in a valid config. @category getters */
export const configWarnings = (config: ModelConfig): ReadonlyArray<string> =>
  (config.model_metrics?.metric_control ?? []).flatMap(({ metric_identifier: identifier }) =>
    identifier === undefined || identifier.family === customisableFamily
      ? []
      : [
        `Metric family '${identifier.family}' in 'metric_identifier' is not a customizable metric in Triton core.`
      ]
  )
