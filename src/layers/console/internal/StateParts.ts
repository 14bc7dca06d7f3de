/** The parts of what the console shows, out of what the server knows. */
import { Result } from "effect"
import type { ConsoleFigures, ConsoleModel, LoadedModel, SchedulingKind } from "../../../schema/ConsoleState.ts"
import type { ModelConfig } from "../../../schema/ModelConfig.ts"
import { type IndexEntry, isNotResident, type Lookup, type Model } from "../../../services/ModelRepository.ts"
import type { VersionBooks } from "../../../services/Statistics.ts"

const maxReason = 400

const schedulingOf = (config: ModelConfig): SchedulingKind =>
  config.ensemble_scheduling !== undefined
    ? "ensemble"
    : config.sequence_batching !== undefined
    ? "sequence"
    : config.dynamic_batching !== undefined
    ? "dynamic"
    : "direct"

/** Numbers the loads that were seen: whoever knows the number of one notices the next. @internal */
export const numberLoads = (): (model: Model) => number => {
  const numbers = new WeakMap<ModelConfig, number>()
  let last = 0
  return ({ config }) => {
    let number = numbers.get(config)
    if (number === undefined) numbers.set(config, number = ++last)
    return number
  }
}

const loadedModel = (model: Model, loadOf: (model: Model) => number): LoadedModel => {
  const { config, healthy } = model
  const scheduling = schedulingOf(config)
  let instances = 0
  if (scheduling !== "ensemble") { for (const group of config.instance_group) instances += group.count }
  return {
    platform: config.platform === "" ? config.backend : config.platform,
    maxBatchSize: config.max_batch_size,
    instances,
    load: loadOf(model),
    scheduling,
    healthy: healthy()
  }
}

/** A row of the index, with what is known of the version. @internal */
export const model = (
  { name, reason, state, version }: IndexEntry,
  lookup: (name: string, version: string) => Lookup,
  loadOf: (model: Model) => number
): ConsoleModel => {
  const found = state === "READY" && version !== undefined ? lookup(name, version) : undefined
  return {
    name,
    version,
    state,
    reason: reason === undefined || reason.length <= maxReason ? reason : `${reason.slice(0, maxReason - 1)}…`,
    loaded: found !== undefined && Result.isSuccess(found) ? loadedModel(found.success, loadOf) : undefined,
    onDemand: found !== undefined && Result.isFailure(found) && isNotResident(found.failure)
  }
}

/** What was counted for a version. @internal */
export const figures = (books: VersionBooks): ConsoleFigures => {
  const counts = books.counts()
  const { durations, micros } = books.measures()
  return {
    model: books.model,
    version: String(books.version),
    succeeded: counts.success.count,
    failed: counts.fail.count,
    refused: counts.refusals.queue_full + counts.refusals.deadline + counts.refusals.stopping +
      counts.refusals.suspended,
    invalid: counts.refusals.invalid,
    rows: counts.inferenceCount,
    executions: counts.executionCount,
    cacheHits: counts.cacheHit.count,
    retried: counts.retries,
    lost: books.instancesCondition()?.losses ?? 0,
    waiting: counts.pending,
    running: counts.executing,
    sequences: counts.sequences,
    durations: durations.request.counts,
    micros: {
      request: micros.request,
      queue: micros.queue,
      input: micros.computeInput,
      infer: micros.computeInfer,
      output: micros.computeOutput
    }
  }
}
