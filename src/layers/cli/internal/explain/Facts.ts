/** The few figures that every sentence of an explanation is made of. */
import type { Counts, Settings } from "./Reading.ts"

/** @internal */
export interface Facts {
  readonly settings: Settings
  readonly counts: Counts
  /** Length of the time that was counted; `undefined`: everything since the version was loaded. */
  readonly seconds: number | undefined
  readonly rowsPerBatch: number
  readonly rowsPerRequest: number
  /** Requests that shared a batch, on average. */
  readonly requestsPerBatch: number
  /** How full batches are on average, from 0 to 1; 0 where the model takes none. */
  readonly fullness: number
  /** Waiting of a request, in microseconds. */
  readonly queueMicros: number
  /** The run of a request's batch, in microseconds. */
  readonly computeMicros: number
  /** Part of a request's time that it waits, from 0 to 1. */
  readonly queueShare: number
  /** Part of the time that an instance computes, from 0 to 1; known for a length of time alone. */
  readonly busy: number | undefined
  readonly waitingFor: "nothing" | "delay" | "instance"
}

/** From here on an instance counts as busy all the time. @internal */
export const busyFrom = 0.9
/** Fewer requests than this say nothing about settings. @internal */
export const enoughRequests = 20
/** Less waiting than this part of a request's time is not worth a word. */
const waitingFrom = 0.1

/** Figures of a version that ran at least one request. @internal */
export const facts = (settings: Settings, counts: Counts, seconds: number | undefined): Facts => {
  const { executions, requests, rows } = counts
  const rowsPerBatch = executions === 0 ? 0 : rows / executions
  const fullness = settings.maxBatchSize === 0 ? 0 : Math.min(1, rowsPerBatch / settings.maxBatchSize)
  const perRequest = requests === 0 ? 0 : 1 / requests / 1000
  const queueMicros = counts.queueNanos * perRequest
  const computeMicros = (counts.computeInputNanos + counts.computeInferNanos + counts.computeOutputNanos) * perRequest
  const total = queueMicros + computeMicros
  const queueShare = total === 0 ? 0 : queueMicros / total
  const computed = counts.batches.reduce((sum, { computeNanos }) => sum + computeNanos, 0)
  const busy = seconds === undefined || seconds <= 0
    ? undefined
    : Math.min(1, computed / (seconds * 1e9 * settings.instances))
  const delay = settings.maxQueueDelayMicros
  return {
    settings,
    counts,
    seconds,
    rowsPerBatch,
    rowsPerRequest: requests === 0 ? 0 : rows / requests,
    requestsPerBatch: executions === 0 ? 0 : requests / executions,
    fullness,
    queueMicros,
    computeMicros,
    queueShare,
    busy,
    waitingFor: queueShare < waitingFrom
      ? "nothing"
      : delay > 0 && queueMicros <= 1.5 * delay && fullness < busyFrom && (busy ?? 0) < busyFrom
      ? "delay"
      : "instance"
  }
}
