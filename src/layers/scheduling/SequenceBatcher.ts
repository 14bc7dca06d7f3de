/**
 * Keeps sequences: each has a slot on one instance until it ends, and its steps run there one after the other.
 *
 * Source: scheduling §4.
 */
import { Duration, Effect, Layer, Result } from "effect"
import type { ModelConfig, SequenceBatching } from "../../schema/ModelConfig.ts"
import * as SequenceBacklog from "../../schema/SequenceBacklog.ts"
import { Departure } from "../../services/Departure.ts"
import type { QueueOptions } from "../../services/Scheduler.ts"
import { SequenceBatcher } from "../../services/SequenceBatcher.ts"
import { TensorMemory } from "../../services/TensorMemory.ts"
import * as Policies from "./BatchPolicy.ts"
import * as DirectRounds from "./internal/sequence/DirectRounds.ts"
import * as OldestBatches from "./internal/sequence/OldestBatches.ts"
import * as SequenceCore from "./internal/sequence/SequenceCore.ts"
import * as SequenceLayout from "./internal/sequence/SequenceLayout.ts"
import type { MakeStrategy } from "./internal/sequence/Strategy.ts"

/** @category models */
export interface Options {
  /** Requests of one version that may wait though their sequences have slots; beyond it they are refused. Default: 16384. */
  readonly maxQueueSize?: number
  /** Requests of one version that may wait because their sequences have no slot yet; beyond it they are refused. Default: 16384. */
  readonly maxBacklog?: number
  /** How long the sequences of a version that is being unloaded may go on. Default: 10 seconds. */
  readonly drain?: Duration.Input
}

/** Microseconds after which an idle sequence is over, where the config does not say. */
const defaultIdleMicros = 1_000_000n

const strategyOf = ({ direct, oldest }: SequenceBatching): MakeStrategy =>
  oldest === undefined
    ? DirectRounds.make({
      maxQueueDelayMicros: Number(direct?.max_queue_delay_microseconds ?? 0n),
      minimumSlotUtilization: direct?.minimum_slot_utilization ?? 0
    })
    : OldestBatches.make({
      policy: Policies.maxQueueDelay(
        Duration.micros(oldest.max_queue_delay_microseconds),
        oldest.preferred_batch_size
      ),
      preserveOrdering: oldest.preserve_ordering
    })

/** The bound of the config, which was checked when it was loaded. */
const ownBacklog = (config: ModelConfig): number | undefined =>
  Result.getOrElse(SequenceBacklog.read(config), () => undefined)

/** The queue of one version. @category constructors */
export const open = (version: QueueOptions, layout: SequenceLayout.SequenceLayout, options: Options) => {
  const { config, instances, statistics } = version
  const batching = config.sequence_batching!
  const { max_sequence_idle_microseconds: idle, oldest } = batching
  const maxRows = Math.max(1, config.max_batch_size)
  const candidates = oldest?.max_candidate_sequences ?? 0
  return SequenceCore.make({
    model: config.name,
    layout,
    instances,
    statistics,
    strategy: strategyOf(batching),
    maxRows,
    slotsPerInstance: candidates > 0 ? candidates : maxRows,
    idleLimit: Number(idle === 0n ? defaultIdleMicros : idle) * 1000,
    maxQueueSize: options.maxQueueSize ?? 16_384,
    maxBacklog: ownBacklog(config) ?? options.maxBacklog ?? 16_384,
    preserveOrdering: oldest?.preserve_ordering ?? false,
    drain: Duration.fromInputUnsafe(options.drain ?? "10 seconds")
  })
}

/** Sequences as the options and each model's config say. @category layers */
export const layerWith = (options: Options): Layer.Layer<SequenceBatcher, never, TensorMemory> =>
  Layer.effect(
    SequenceBatcher,
    Effect.gen(function*() {
      const memory = yield* TensorMemory
      const departure = yield* Departure
      return {
        open: (version: QueueOptions) =>
          open(version, SequenceLayout.make({ ...version, memory }), options).pipe(
            // Nobody can send another step: what waits for the slot of a sequence need not wait until that is idle.
            Effect.tap((queue) => departure.watchEnd(queue.endSequences))
          )
      }
    })
  )

/** Sequences as each model's config says. @category layers */
export const layer: Layer.Layer<SequenceBatcher, never, TensorMemory> = layerWith({})
