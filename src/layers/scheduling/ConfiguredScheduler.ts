/**
 * Gives each version the queue that its config asks for: the batcher with `dynamic_batching`, arrival order otherwise.
 *
 * Source: scheduling §2.1.
 */
import { Effect, Layer } from "effect"
import { Batcher } from "../../services/Batcher.ts"
import { Scheduler } from "../../services/Scheduler.ts"
import { TensorMemory } from "../../services/TensorMemory.ts"
import * as DirectScheduler from "./DirectScheduler.ts"

const make = Effect.fnUntraced(function*(options: DirectScheduler.Options) {
  const batcher = yield* Batcher
  const memory = yield* TensorMemory
  return Scheduler.of({
    open: (version) =>
      version.config.dynamic_batching === undefined
        ? DirectScheduler.open(version, { ...options, memory })
        : batcher.open(version)
  })
})

/** The queue that each config asks for. @category layers */
export const layer: Layer.Layer<Scheduler, never, Batcher | TensorMemory> = Layer.effect(Scheduler, make({}))

/** The queue that each config asks for. @category layers */
export const layerWith = (
  options: DirectScheduler.Options
): Layer.Layer<Scheduler, never, Batcher | TensorMemory> => Layer.effect(Scheduler, make(options))
