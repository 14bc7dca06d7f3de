/**
 * Gathers requests into batches and gives every caller its own rows.
 *
 * Requests arrive in a `Queue`, whose bound is `maxQueueSize`; from there they are sorted by priority. Instances are those of the
 * `Semaphore`-bounded `Pool`, held as lanes. When a batch leaves is decided by a `Schedule`, see `BatchPolicy`.
 *
 * Source: scheduling §3.
 */
import { Duration, Effect, Layer } from "effect"
import * as InstanceParameters from "../../schema/InstanceParameters.ts"
import type { ModelConfig } from "../../schema/ModelConfig.ts"
import { Batcher, type BatchPolicy } from "../../services/Batcher.ts"
import type { QueueOptions } from "../../services/Scheduler.ts"
import { TensorMemory } from "../../services/TensorMemory.ts"
import * as Policies from "./BatchPolicy.ts"
import * as BatchFormer from "./internal/BatchFormer.ts"
import * as BatchLayout from "./internal/BatchLayout.ts"
import * as QueueCore from "./internal/QueueCore.ts"
import * as Together from "./internal/Together.ts"

/** @category models */
export interface Options {
  /** Requests of one version that may wait, over all priorities; beyond it they are refused with `QueueFull`. Default: 16384. */
  readonly maxQueueSize?: number
  /** The policy of a model; `undefined`: what its config says. Default: what its config says. */
  readonly policy?: (config: ModelConfig) => BatchPolicy | undefined
}

/** The policy that a config describes. Source: scheduling §3.1. @category constructors */
export const policyOf = (config: ModelConfig): BatchPolicy => {
  const batching = config.dynamic_batching
  return Policies.maxQueueDelay(
    Duration.micros(batching?.max_queue_delay_microseconds ?? 0n),
    batching?.preferred_batch_size ?? []
  )
}

/** The queue of one version. @category constructors */
export const open = Effect.fnUntraced(
  function*(version: QueueOptions, layout: BatchLayout.BatchLayout, options: Options) {
    const { config, instances, statistics } = version
    const maxRows = Math.max(1, config.max_batch_size)
    let opened: QueueCore.QueueCore | undefined

    const prepare = Together.prepare(layout)
    const former = yield* BatchFormer.make({
      model: config.name,
      policy: options.policy?.(config) ?? policyOf(config),
      maxRows,
      sameKey: (a, b) => layout.sameKey(a as BatchLayout.BatchKey | undefined, b as BatchLayout.BatchKey | undefined),
      ahead: config.dynamic_batching?.preserve_ordering !== true,
      core: () => opened,
      launch: (entries) => opened!.launch(entries, prepare)
    })
    const core = yield* QueueCore.make({
      model: config.name,
      batching: config.dynamic_batching,
      maxQueueSize: options.maxQueueSize ?? 16_384,
      maxRows,
      instances,
      retries: InstanceParameters.retries(config),
      statistics,
      keyOf: layout.keyOf,
      onArrival: former.arrived,
      onFull: former.hurry,
      onChange: former.changed
    })
    opened = core
    return { submit: core.submit, depth: core.depth, oldestNanos: core.oldestNanos }
  }
)

/** Dynamic batching as the options and each model's config say. @category layers */
export const layerWith = (options: Options): Layer.Layer<Batcher, never, TensorMemory> =>
  Layer.effect(
    Batcher,
    Effect.map(TensorMemory, (memory) => ({
      open: (version: QueueOptions) => open(version, BatchLayout.make({ ...version, memory }), options)
    }))
  )

/** Dynamic batching as each model's config says. @category layers */
export const layer: Layer.Layer<Batcher, never, TensorMemory> = layerWith({})
