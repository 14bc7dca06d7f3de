/** What the batcher of a version does, how full its batches are, and what its requests wait for: sentences, without advice. */
import { busyFrom, enoughRequests, type Facts } from "./Facts.ts"
import type { Settings } from "./Reading.ts"
import { count, counted, digits, list, percent, time } from "./Wording.ts"

/** Sizes of batches that are told one by one. */
const maxSizes = 4

/** What the settings make the scheduler do. @internal */
export const batcher = (settings: Settings): ReadonlyArray<string> => {
  const { maxBatchSize, maxQueueDelayMicros, preferredBatchSizes, preserveOrdering } = settings
  if (settings.scheduling === "ensemble") {
    const steps = settings.steps.length === 0 ? "" : `: ${list(settings.steps)}`
    return [`This is an ensemble. It forms no batches itself; ask about its models${steps}.`]
  }
  if (settings.scheduling === "sequence") {
    return [
      "Sequence batching is on: every sequence keeps its instance, and batches hold one request of each sequence."
    ]
  }
  if (maxBatchSize === 0) return ["The model takes no batches (max_batch_size is 0): each request runs by itself."]
  if (settings.scheduling === "none") {
    return [
      `Dynamic batching is off: each request runs by itself, although the model takes up to ${maxBatchSize} rows at a time.`
    ]
  }
  return [
    `Dynamic batching puts requests together, up to ${counted(maxBatchSize, "row")} a batch.`,
    ...(preferredBatchSizes.length === 0 ? [] : [`It prefers batches of ${list(preferredBatchSizes, "or")} rows.`]),
    maxQueueDelayMicros === 0
      ? "It never waits for more requests: a batch leaves as soon as an instance is free."
      : `A batch that could be larger waits up to ${time(maxQueueDelayMicros)} for more requests.`,
    ...(preserveOrdering ? ["Answers leave in the order in which the requests came."] : [])
  ]
}

/** How full the batches were. @internal */
export const batches = ({ counts, fullness, rowsPerBatch, settings }: Facts): ReadonlyArray<string> => {
  const { executions, rows } = counts
  if (executions === 0) return ["No batch was run."]
  const sentences = [
    `${counted(executions, "execution")} took ${counted(rows, "row")}: ${digits(rowsPerBatch)} on average` +
    (settings.maxBatchSize === 0 ? "." : `, ${percent(fullness)} of the ${settings.maxBatchSize} that fit.`)
  ]
  const total = counts.batches.reduce((sum, batch) => sum + batch.executions, 0)
  if (settings.maxBatchSize === 0 || total === 0) return sentences
  const part = (size: number) => (counts.batches.find((batch) => batch.rows === size)?.executions ?? 0) / total
  const common = counts.batches.toSorted((a, b) => b.executions - a.executions)
  const told = common.slice(0, maxSizes).sort((a, b) => a.rows - b.rows)
  const others = common.slice(maxSizes).reduce((sum, batch) => sum + batch.executions, 0)
  sentences.push(
    `By size: ${told.map((batch) => `${percent(part(batch.rows))} of ${counted(batch.rows, "row")}`).join(", ")}` +
      (others === 0 ? "." : `, ${percent(others / total)} of other sizes.`)
  )
  if (settings.preferredBatchSizes.length > 0) {
    const preferred = settings.preferredBatchSizes.reduce((sum, size) => sum + part(size), 0)
    sentences.push(`${preferred === 0 ? "None" : percent(preferred)} of the batches had a preferred size.`)
  }
  return sentences
}

/** Where the time of requests went. @internal */
export const waiting = (one: Facts): ReadonlyArray<string> => {
  const { busy, computeMicros, counts, queueMicros, queueShare, settings, waitingFor } = one
  if (counts.requests === 0) return ["No request succeeded, so there are no times to tell of."]
  const micros = (nanos: number) => time(nanos / counts.requests / 1000)
  const sentences = [
    `A request waited ${time(queueMicros)} and computed ${time(computeMicros)} (input ${
      micros(counts.computeInputNanos)
    }, ` +
    `model ${micros(counts.computeInferNanos)}, output ${micros(counts.computeOutputNanos)}): ` +
    (waitingFor === "nothing" ? "it hardly waits." : `${percent(queueShare)} of its time was waiting, ${cause(one)}.`)
  ]
  if (busy !== undefined) {
    sentences.push(
      settings.instances === 1
        ? `Its one instance computed ${percent(busy)} of the time.`
        : `Its ${count(settings.instances)} instances computed ${percent(busy)} of the time.`
    )
  }
  return sentences
}

const cause = ({ busy, counts, queueMicros, settings, waitingFor }: Facts): string => {
  const { instances, maxQueueDelayMicros } = settings
  const free = `for ${instances === 1 ? "the one instance" : `one of ${instances} instances`} to become free`
  if (waitingFor === "delay") {
    return `for others to join its batch (max_queue_delay_microseconds: ${maxQueueDelayMicros})`
  }
  if (busy !== undefined && busy >= busyFrom) return free
  if (counts.requests < enoughRequests) return "as first requests do"
  return maxQueueDelayMicros > 0 && queueMicros > 1.5 * maxQueueDelayMicros
    ? `longer than max_queue_delay_microseconds (${maxQueueDelayMicros}) explains: ${free}`
    : `mostly ${free}`
}
