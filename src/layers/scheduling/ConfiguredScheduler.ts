/**
 * Gives each version the queue that its config asks for: the sequence batcher with `sequence_batching`, the batcher with
 * `dynamic_batching`, arrival order otherwise.
 *
 * Source: scheduling §2.1.
 */
import { Effect, Layer } from "effect"
import { Batcher } from "../../services/Batcher.ts"
import { Scheduler } from "../../services/Scheduler.ts"
import { SequenceBatcher } from "../../services/SequenceBatcher.ts"
import { TensorMemory } from "../../services/TensorMemory.ts"
import * as DirectScheduler from "./DirectScheduler.ts"
import * as OversizeSplit from "./internal/OversizeSplit.ts"
import * as PassiveOnly from "./internal/PassiveOnly.ts"

/** @category models */
export interface Options extends DirectScheduler.Options {
  /** A request of more rows than its model takes is split and joined again, instead of refused. Default: `false`. */
  readonly splitOversizedBatches?: boolean
}

const make = Effect.fnUntraced(function*(options: Options) {
  const batcher = yield* Batcher
  const sequences = yield* SequenceBatcher
  const memory = yield* TensorMemory
  return Scheduler.of({
    open: (version) => {
      if (version.instances.count === 0) return Effect.succeed(PassiveOnly.make(version.config.name))
      if (version.config.sequence_batching !== undefined) return sequences.open(version)
      const queue = version.config.dynamic_batching === undefined
        ? DirectScheduler.open(version, { ...options, memory })
        : batcher.open(version)
      return options.splitOversizedBatches === true
        ? Effect.map(queue, (scheduler) => OversizeSplit.wrap(scheduler, version, memory))
        : queue
    }
  })
})

/** The queue that each config asks for. @category layers */
export const layer: Layer.Layer<Scheduler, never, Batcher | SequenceBatcher | TensorMemory> = Layer.effect(
  Scheduler,
  make({})
)

/** The queue that each config asks for. @category layers */
export const layerWith = (
  options: Options
): Layer.Layer<Scheduler, never, Batcher | SequenceBatcher | TensorMemory> => Layer.effect(Scheduler, make(options))
