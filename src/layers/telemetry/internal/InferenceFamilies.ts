/** Triton's metrics of a model version, with its names and texts. Source: scheduling §9.2. */
import type { InstancesCondition } from "../../../services/Executor.ts"
import type { Counts, FailureReason, Measures, PhaseName } from "../../../services/Statistics.ts"
import type { Family } from "./Families.ts"

/** What is read of a version once for each exposition. @category models */
export interface Reading {
  /** The response cache answers for it. */
  readonly cached: boolean
  /** Rows of its largest batch; 0: it takes no batches. */
  readonly maxBatchSize: number
  /** Instances that its config asks for. */
  readonly instances: number
  /** How these have fared; `undefined` where there are none. */
  readonly condition: InstancesCondition | undefined
  readonly counts: Counts
  readonly measures: Measures
}

/** Which of them exist. @category models */
export interface Options {
  readonly counterLatencies: boolean
  readonly histogramLatencies: boolean
  /** Shares of the summaries, between 0 and 1; `undefined`: no summaries. */
  readonly quantiles: ReadonlyArray<number> | undefined
}

const counter = (name: string, help: string, value: (reading: Reading) => number): Family<Reading> => ({
  name,
  type: "counter",
  help,
  write: (series, reading) => series.value(value(reading))
})

const reasons: ReadonlyArray<FailureReason> = ["REJECTED", "CANCELED", "BACKEND", "OTHER"]

const counts: ReadonlyArray<Family<Reading>> = [
  counter(
    "nv_inference_request_success",
    "Number of successful inference requests, all batch sizes",
    ({ counts }) => counts.success.count
  ),
  {
    name: "nv_inference_request_failure",
    type: "counter",
    help: "Number of failed inference requests, all batch sizes",
    write: (series, { counts }) => {
      for (const reason of reasons) series.valueWith("reason", reason, counts.failures[reason])
    }
  },
  counter(
    "nv_inference_count",
    "Number of inferences performed (does not include cached requests)",
    ({ counts }) => counts.inferenceCount
  ),
  counter(
    "nv_inference_exec_count",
    "Number of model executions performed (does not include cached requests)",
    ({ counts }) => counts.executionCount
  )
]

/** Families of each phase: the counter's and the summary's name, and their texts. */
const latencies: ReadonlyArray<readonly [phase: PhaseName, name: string, counter: string, summary: string]> = [
  [
    "request",
    "request",
    "Cumulative inference request duration in microseconds (includes cached requests)",
    "Summary of inference request duration in microseconds (includes cached requests)"
  ],
  [
    "queue",
    "queue",
    "Cumulative inference queuing duration in microseconds (includes cached requests)",
    "Summary of inference queuing duration in microseconds (includes cached requests)"
  ],
  ...([
    ["computeInput", "compute_input", "compute input"],
    ["computeInfer", "compute_infer", "compute inference"],
    ["computeOutput", "compute_output", "inference compute output"]
  ] as const).map(([phase, name, words]) => {
    const help = `Cumulative ${words} duration in microseconds (does not include cached requests)`
    return [phase, name, help, help] as const
  })
]

const cacheCounter = (name: string, help: string, value: (reading: Reading) => number): Family<Reading> => ({
  name,
  type: "counter",
  help,
  write: (series, reading) => {
    if (reading.cached) series.value(value(reading))
  }
})

const cacheCounters: ReadonlyArray<Family<Reading>> = [
  cacheCounter("nv_cache_num_hits_per_model", "Number of cache hits per model", ({ counts }) => counts.cacheHit.count),
  cacheCounter(
    "nv_cache_num_misses_per_model",
    "Number of cache misses per model",
    ({ counts }) => counts.cacheMiss.count
  ),
  cacheCounter(
    "nv_cache_hit_duration_per_model",
    "Total cache hit duration per model, in microseconds",
    ({ measures }) => measures.micros.cacheHit
  ),
  cacheCounter(
    "nv_cache_miss_duration_per_model",
    "Total cache miss (insert+lookup) duration per model, in microseconds",
    ({ measures }) => measures.micros.cacheMiss
  )
]

const latencyCounters = latencies.map(([phase, name, help]) =>
  counter(`nv_inference_${name}_duration_us`, help, ({ measures }) => measures.micros[phase])
)

const summary = (
  phase: PhaseName,
  name: string,
  help: string,
  quantiles: ReadonlyArray<number>,
  exists: (reading: Reading) => boolean
): Family<Reading> => ({
  name,
  type: "summary",
  help,
  write: (series, reading) => {
    const { durations, micros, quantile } = reading.measures
    if (quantile === undefined || !exists(reading)) return
    series.summary(durations[phase].count, micros[phase], quantiles.map((share) => [share, quantile(phase, share)]))
  }
})

const summaries = (quantiles: ReadonlyArray<number>): ReadonlyArray<Family<Reading>> => [
  ...latencies.map(([phase, name, , help]) =>
    summary(
      phase,
      `nv_inference_${name}_summary_us`,
      help,
      quantiles,
      // As in Triton: what a miss takes is known only after its request was counted.
      ({ cached }) => phase !== "request" || !cached
    )
  ),
  summary(
    "cacheHit",
    "nv_cache_hit_summary_per_model",
    "Summary of cache hit counts/durations per model, in microseconds.",
    quantiles,
    ({ cached }) => cached
  ),
  summary(
    "cacheMiss",
    "nv_cache_miss_summary_per_model",
    "Summary of cache miss counts/durations per model, in microseconds.",
    quantiles,
    ({ cached }) => cached
  )
]

const firstResponse: Family<Reading> = {
  name: "nv_inference_first_response_histogram_ms",
  type: "histogram",
  help: "Duration from request to first response in milliseconds",
  write: (series, { measures }) => series.distribution(measures.firstResponse)
}

const gauges: ReadonlyArray<Family<Reading>> = [
  {
    name: "nv_inference_pending_request_count",
    type: "gauge",
    help: "Instantaneous number of pending requests awaiting execution per-model.",
    write: (series, { counts }) => series.value(counts.pending)
  },
  {
    name: "nv_model_load_duration_secs",
    type: "gauge",
    help: "Model load time in seconds",
    write: (series, { measures }) => series.value((measures.loadNanos ?? 0) / 1e9)
  }
]

/** The families that these options ask for. @category constructors */
export const families = (options: Options): ReadonlyArray<Family<Reading>> => [
  ...counts,
  ...(options.counterLatencies ? latencyCounters : []),
  ...gauges,
  ...(options.counterLatencies ? cacheCounters : []),
  ...(options.histogramLatencies ? [firstResponse] : []),
  ...(options.quantiles === undefined ? [] : summaries(options.quantiles))
]
