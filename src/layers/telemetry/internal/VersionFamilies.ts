/** Metrics of a model version that Triton lacks: histograms in seconds, queues, rejections. */
import type { Counts, PhaseName, RefusalReason, SequenceCounts, ShadowOutcome } from "../../../services/Statistics.ts"
import type { Family } from "./Families.ts"
import type { Reading } from "./InferenceFamilies.ts"

const durations: ReadonlyArray<readonly [phase: PhaseName, name: string, help: string]> = [
  ["request", "request", "Time from the arrival of a request to its answer, of requests that succeeded."],
  ["queue", "queue", "Time from the arrival of a request to the start of its batch, of requests that succeeded."],
  ["computeInput", "compute_input", "Time to gather the inputs of the batch of a request that succeeded."],
  ["computeInfer", "compute_infer", "Time that the model ran for the batch of a request that succeeded."],
  ["computeOutput", "compute_output", "Time to give out the outputs of the batch of a request that succeeded."]
]

const refusals: ReadonlyArray<RefusalReason> = ["queue_full", "deadline", "stopping", "suspended", "invalid"]

const outcomes: ReadonlyArray<ShadowOutcome> = ["same", "different", "failed", "dropped"]

/** It ran in the shadow of another version, or should have. */
const hasShadows = ({ shadows }: Counts): boolean => outcomes.some((outcome) => shadows[outcome] > 0)

const sequences = (name: string, help: string, value: (counts: SequenceCounts) => number): Family<Reading> => ({
  name,
  type: "gauge",
  help,
  write: (series, { counts }) => {
    if (counts.sequences !== undefined) series.value(value(counts.sequences))
  }
})

/** @category constructors */
export const families: ReadonlyArray<Family<Reading>> = [
  ...durations.map(([phase, name, help]): Family<Reading> => ({
    name: `galatea_${name}_duration_seconds`,
    type: "histogram",
    help,
    write: (series, { measures }) => series.distribution(measures.durations[phase])
  })),
  {
    name: "galatea_batch_size",
    type: "histogram",
    help: "Rows of each execution of the model.",
    write: (series, { measures }) => series.distribution(measures.batchSizes)
  },
  {
    name: "galatea_max_batch_size",
    type: "gauge",
    help: "Rows of the largest batch that the model takes.",
    write: (series, { maxBatchSize }) => {
      if (maxBatchSize > 0) series.value(maxBatchSize)
    }
  },
  {
    name: "galatea_pending_requests",
    type: "gauge",
    help: "Requests that were accepted and have not begun.",
    write: (series, { counts }) => series.value(counts.pending)
  },
  {
    name: "galatea_queue_age_seconds",
    type: "gauge",
    help: "How long the oldest request in the queue has waited; 0 when none waits.",
    write: (series, { counts }) => series.value(counts.oldestNanos / 1e9)
  },
  {
    name: "galatea_instances",
    type: "gauge",
    help: "Execution instances that the config of the model asks for.",
    write: (series, { instances }) => {
      if (instances > 0) series.value(instances)
    }
  },
  {
    name: "galatea_executing_instances",
    type: "gauge",
    help: "Instances that run something at this moment.",
    write: (series, { counts }) => series.value(counts.executing)
  },
  sequences("galatea_live_sequences", "Sequences that can go on.", ({ live }) => live),
  sequences("galatea_waiting_sequences", "Sequences that wait for a slot.", ({ waiting }) => waiting),
  sequences("galatea_sequence_slots", "Slots for sequences on the instances that are up.", ({ slots }) => slots),
  {
    name: "galatea_rejected_requests_total",
    type: "counter",
    help:
      "Requests turned away before they were accepted: a queue was full, the model is being unloaded, no instance of it is started for now, or it takes no such request.",
    write: (series, { counts }) => {
      for (const reason of refusals) series.valueWith("reason", reason, counts.refusals[reason])
    }
  },
  {
    name: "galatea_retried_requests_total",
    type: "counter",
    help: "Requests that were run once more, because the instance was lost that they ran on.",
    write: (series, { counts }) => series.value(counts.retries)
  },
  {
    name: "galatea_shadow_requests_total",
    type: "counter",
    help: "Requests of other versions that this version was to run in their shadow, by what became of them.",
    write: (series, { counts }) => {
      if (!hasShadows(counts)) return
      for (const outcome of outcomes) series.valueWith("outcome", outcome, counts.shadows[outcome])
    }
  },
  {
    name: "galatea_shadow_difference",
    type: "histogram",
    help:
      "Largest distance between two numbers of an answer and of its run in the shadow; infinite ones are not in the sum.",
    write: (series, { counts, measures }) => {
      if (hasShadows(counts)) series.distribution(measures.shadowDifference)
    }
  }
]
