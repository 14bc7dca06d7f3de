/** Opens a version of an ensemble, whose models are there: it has neither instances nor memory of its own. */
import { Effect, Result, type Scope } from "effect"
import { randomUUID } from "node:crypto"
import type { LoadFailed } from "../../../../schema/Errors.ts"
import * as ModelSignature from "../../../../schema/ModelSignature.ts"
import type { Model } from "../../../../services/ModelRepository.ts"
import { ResponseCache } from "../../../../services/ResponseCache.ts"
import { Statistics } from "../../../../services/Statistics.ts"
import * as EnsembleScheduler from "../../../ensemble/EnsembleScheduler.ts"
import { type Ensemble, stepsOf } from "./Ensemble.ts"
import type { HeldSteps } from "./HeldSteps.ts"

/** An output has the labels of the step that writes it, unless it has its own. */
const labelsOf = ({ config, labels }: Ensemble, held: HeldSteps) => {
  const all = new Map(labels)
  const steps = stepsOf(config)
  for (const [index, { output_map: outputs }] of config.ensemble_scheduling!.step.entries()) {
    const { name, version } = steps[index]!
    const found = held.lookup(name, version)
    if (Result.isFailure(found)) continue
    for (const [output, tensor] of Object.entries(outputs)) {
      const inherited = found.success.signature.outputByName.get(output)?.labels
      if (inherited !== undefined && !all.has(tensor)) all.set(tensor, inherited)
    }
  }
  return all
}

/**
 * The model that requests get. Its scope refuses new requests, waits for those that it accepted, and closes its books last.
 *
 * @category constructors
 */
export const open = Effect.fnUntraced(
  function*(ensemble: Ensemble, version: number, held: HeldSteps, maxQueueSize?: number): Effect.fn.Return<
    Model,
    LoadFailed,
    Statistics | Scope.Scope
  > {
    const { config, home } = ensemble
    const cache = config.response_cache?.enable === true ? yield* ResponseCache : undefined
    const statistics = yield* (yield* Statistics).open({
      model: config.name,
      version,
      tags: config.metric_tags,
      namespace: home,
      cached: cache !== undefined
    })
    const signature = ModelSignature.make(config, labelsOf(ensemble, held))
    const queue = yield* EnsembleScheduler.open({
      config,
      version,
      signature,
      statistics,
      lookup: held.lookup,
      ...(maxQueueSize === undefined ? {} : { maxQueueSize })
    })
    const scheduler = cache === undefined
      ? queue
      // What it answers depends on its steps, with which it is opened anew: nothing is shared with other openings.
      : yield* cache.open({ model: config.name, version, identity: randomUUID(), scheduler: queue, statistics })
    statistics.loaded(0)
    return { name: config.name, version, config, signature, scheduler, statistics, healthy: held.healthy }
  }
)
