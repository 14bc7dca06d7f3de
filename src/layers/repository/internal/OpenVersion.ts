/** Opens a prepared version: its instances, which are warmed up, then the queue before them. */
import { Clock, Context, Effect, FileSystem, Path, type Scope } from "effect"
import type { LoadFailed } from "../../../schema/Errors.ts"
import type { ModelConfig } from "../../../schema/ModelConfig.ts"
import { optionalInputs } from "../../../schema/ModelSignature.ts"
import { Executor } from "../../../services/Executor.ts"
import type { Model } from "../../../services/ModelRepository.ts"
import { RateLimiter } from "../../../services/RateLimiter.ts"
import { ResponseCache } from "../../../services/ResponseCache.ts"
import { Scheduler } from "../../../services/Scheduler.ts"
import { Statistics } from "../../../services/Statistics.ts"
import { customisableFamily } from "./config/Validate.ts"
import * as OptionalInputs from "./onnx/OptionalInputs.ts"
import type { Prepared } from "./PrepareVersion.ts"
import * as VersionCache from "./VersionCache.ts"
import * as Warmup from "./warmup/Warmup.ts"

/** What loading a version needs besides a scope of its own. @category models */
export type Services = Executor | Scheduler | Statistics | FileSystem.FileSystem | Path.Path

/** These services and nothing else: above all not the scope of whoever asks, which must not hold what a version opens. */
export const services: Effect.Effect<Context.Context<Services>, never, Services> = Effect.map(
  Effect.context<Services>(),
  (all) =>
    all.pipe(
      Context.pick(Executor, Scheduler, Statistics, FileSystem.FileSystem, Path.Path),
      Context.add(RateLimiter, Context.get(all, RateLimiter)),
      Context.add(ResponseCache, Context.get(all, ResponseCache))
    )
)

/**
 * The model that requests get. Its scope closes the queue first, which waits for the work that it accepted, then the instances,
 * and the books last. `namespace` is the root that the version lies in, where names may occur in several.
 *
 * @category constructors
 */
export const open = Effect.fn("OpenVersion.open")(
  function*(prepared: Prepared, namespace?: string): Effect.fn.Return<
    Model,
    LoadFailed,
    Services | Scope.Scope
  > {
    const { config, plan, signature, states, version } = prepared
    const executor = yield* Executor
    const schedulers = yield* Scheduler
    const clock = yield* Clock.Clock
    const begin = clock.monotonicTimeNanosUnsafe()
    const cache = yield* VersionCache.prepare(prepared)
    const statistics = yield* (yield* Statistics).open({
      model: config.name,
      version,
      tags: config.metric_tags,
      namespace,
      cached: cache !== undefined,
      maxBatchSize: config.max_batch_size,
      instances: plan.instances.length,
      firstResponseBuckets: firstResponseBuckets(config)
    })
    const instances = yield* (yield* RateLimiter).limit(
      plan,
      OptionalInputs.open(executor, plan, optionalInputs(signature))
    )
    const { condition } = instances
    if (condition !== undefined) statistics.observeInstances(condition)
    yield* Warmup.run({ prepared, instances, statistics })
    const queue = yield* schedulers.open({ config, version, plan, signature, states, instances, statistics })
    const scheduler = cache === undefined ? queue : yield* cache.open(queue, statistics)
    statistics.loaded(Number(clock.monotonicTimeNanosUnsafe() - begin))
    return {
      name: config.name,
      version,
      config,
      signature,
      scheduler,
      statistics,
      healthy: instances.healthy,
      ...(condition === undefined ? {} : { condition })
    }
  }
)

/** The last buckets that the config gives the only histogram which may be given some. */
const firstResponseBuckets = (config: ModelConfig): ReadonlyArray<number> | undefined =>
  config.model_metrics?.metric_control.findLast(({ metric_identifier: identifier }) =>
    identifier?.family === customisableFamily
  )?.histogram_options?.buckets
