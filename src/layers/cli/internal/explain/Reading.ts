/**
 * What a server tells about a model, as far as an explanation needs it: its settings, and what was counted.
 *
 * The schemas take no more than they use and ignore the rest, so that any server with Triton's routes can be asked.
 * Source: Triton's statistics and model configuration extensions.
 */
import { Result, Schema } from "effect"

/** @internal */
export interface Settings {
  readonly name: string
  /** 0: the model takes no batches. */
  readonly maxBatchSize: number
  readonly scheduling: "none" | "dynamic" | "sequence" | "ensemble"
  /** Models that an ensemble consists of. */
  readonly steps: ReadonlyArray<string>
  /** Ascending. */
  readonly preferredBatchSizes: ReadonlyArray<number>
  readonly maxQueueDelayMicros: number
  readonly preserveOrdering: boolean
  readonly instances: number
}

/** Executions of one size. @internal */
export interface Batches {
  readonly rows: number
  readonly executions: number
  /** Of all of them together. */
  readonly computeNanos: number
}

/** What was counted of one version. @internal */
export interface Counts {
  readonly version: string
  readonly requests: number
  readonly failures: number
  readonly rows: number
  readonly executions: number
  readonly queueNanos: number
  readonly computeInputNanos: number
  readonly computeInferNanos: number
  readonly computeOutputNanos: number
  /** Ascending. */
  readonly batches: ReadonlyArray<Batches>
}

const whole = Schema.Union([Schema.Finite, Schema.FiniteFromString])

const Phase = Schema.Struct({ count: Schema.Finite, ns: Schema.Finite })

const Config = Schema.Struct({
  name: Schema.String,
  max_batch_size: Schema.optionalKey(whole),
  dynamic_batching: Schema.optionalKey(Schema.Struct({
    preferred_batch_size: Schema.optionalKey(Schema.Array(whole)),
    max_queue_delay_microseconds: Schema.optionalKey(whole),
    preserve_ordering: Schema.optionalKey(Schema.Boolean)
  })),
  sequence_batching: Schema.optionalKey(Schema.Struct({})),
  ensemble_scheduling: Schema.optionalKey(Schema.Struct({
    step: Schema.optionalKey(Schema.Array(Schema.Struct({ model_name: Schema.String })))
  })),
  instance_group: Schema.optionalKey(Schema.Array(Schema.Struct({
    count: Schema.optionalKey(whole),
    gpus: Schema.optionalKey(Schema.Array(whole))
  })))
})

const Statistics = Schema.Struct({
  model_stats: Schema.Array(Schema.Struct({
    version: Schema.String,
    inference_count: Schema.Finite,
    execution_count: Schema.Finite,
    inference_stats: Schema.Struct({
      success: Phase,
      fail: Phase,
      queue: Phase,
      compute_input: Phase,
      compute_infer: Phase,
      compute_output: Phase
    }),
    batch_stats: Schema.Array(Schema.Struct({
      batch_size: Schema.Finite,
      compute_input: Phase,
      compute_infer: Phase,
      compute_output: Phase
    }))
  }))
})

const decodeConfig = Schema.decodeUnknownResult(Config)
const decodeStatistics = Schema.decodeUnknownResult(Statistics)

/** The answer of the route of the configuration; a failure says what is not as expected. @internal */
export const settings = (json: unknown): Result.Result<Settings, string> =>
  Result.mapBoth(decodeConfig(json), {
    onFailure: (error) => error.message,
    onSuccess: (config): Settings => {
      const dynamic = config.dynamic_batching
      return {
        name: config.name,
        maxBatchSize: config.max_batch_size ?? 0,
        scheduling: config.ensemble_scheduling !== undefined
          ? "ensemble"
          : config.sequence_batching !== undefined
          ? "sequence"
          : dynamic === undefined
          ? "none"
          : "dynamic",
        steps: [...new Set((config.ensemble_scheduling?.step ?? []).map((step) => step.model_name))],
        preferredBatchSizes: [...new Set(dynamic?.preferred_batch_size ?? [])].sort((a, b) => a - b),
        maxQueueDelayMicros: dynamic?.max_queue_delay_microseconds ?? 0,
        preserveOrdering: dynamic?.preserve_ordering ?? false,
        instances: Math.max(
          1,
          (config.instance_group ?? []).reduce(
            (sum, { count, gpus }) => sum + Math.max(1, count ?? 1) * Math.max(1, gpus?.length ?? 0),
            0
          )
        )
      }
    }
  })

/** The answer of the route of the statistics, one entry for each version. @internal */
export const counts = (json: unknown): Result.Result<ReadonlyArray<Counts>, string> =>
  Result.mapBoth(decodeStatistics(json), {
    onFailure: (error) => error.message,
    onSuccess: ({ model_stats }) =>
      model_stats.map((entry): Counts => ({
        version: entry.version,
        requests: entry.inference_stats.success.count,
        failures: entry.inference_stats.fail.count,
        rows: entry.inference_count,
        executions: entry.execution_count,
        queueNanos: entry.inference_stats.queue.ns,
        computeInputNanos: entry.inference_stats.compute_input.ns,
        computeInferNanos: entry.inference_stats.compute_infer.ns,
        computeOutputNanos: entry.inference_stats.compute_output.ns,
        batches: entry.batch_stats.map((batch): Batches => ({
          rows: batch.batch_size,
          executions: batch.compute_infer.count,
          computeNanos: batch.compute_input.ns + batch.compute_infer.ns + batch.compute_output.ns
        })).sort((a, b) => a.rows - b.rows)
      }))
  })

/**
 * What was counted between two readings of a version; `undefined` where the later one holds less, because the model was loaded
 * again. A size of batches that did not occur in between is left out.
 *
 * @internal
 */
export const between = (earlier: Counts, later: Counts): Counts | undefined => {
  const before = new Map(earlier.batches.map((batch) => [batch.rows, batch]))
  const batches = later.batches.map(({ computeNanos, executions, rows }): Batches => ({
    rows,
    executions: executions - (before.get(rows)?.executions ?? 0),
    computeNanos: computeNanos - (before.get(rows)?.computeNanos ?? 0)
  }))
  const difference: Counts = {
    version: later.version,
    requests: later.requests - earlier.requests,
    failures: later.failures - earlier.failures,
    rows: later.rows - earlier.rows,
    executions: later.executions - earlier.executions,
    queueNanos: later.queueNanos - earlier.queueNanos,
    computeInputNanos: later.computeInputNanos - earlier.computeInputNanos,
    computeInferNanos: later.computeInferNanos - earlier.computeInferNanos,
    computeOutputNanos: later.computeOutputNanos - earlier.computeOutputNanos,
    batches: batches.filter(({ executions }) => executions > 0)
  }
  const { batches: _, version: __, ...sums } = difference
  return Object.values(sums).some((sum) => sum < 0) || batches.some(({ executions }) => executions < 0)
    ? undefined
    : difference
}
