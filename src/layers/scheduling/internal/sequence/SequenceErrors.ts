/** What callers of sequences are told. Source for words that Triton has: scheduling §1.9, §4.1, §4.3. */
import {
  Cancelled,
  DeadlineExceeded,
  InvalidRequest,
  QueueFull,
  RequestTimedOut,
  SequenceLost,
  Stopping
} from "../../../../schema/Errors.ts"
import type { SequenceId } from "./Sequence.ts"
import type { Step } from "./Step.ts"

/** @category errors */
export const batchSize = (model: string): InvalidRequest =>
  new InvalidRequest({
    message: `inference request to model '${model}' must specify batch-size 1 due to requirements of sequence batcher`
  })

/** @category errors */
export const noId = (model: string): InvalidRequest =>
  new InvalidRequest({
    message: `inference request to model '${model}' must specify a non-zero or non-empty correlation ID`
  })

/** @category errors */
export const noStart = (model: string, id: SequenceId): InvalidRequest =>
  new InvalidRequest({
    message:
      `inference request for sequence ${id} to model '${model}' must specify the START flag on the first request ` +
      "of the sequence"
  })

/** @category errors */
export const stopping = (): Stopping =>
  new Stopping({
    message: "Server is stopping, scheduler for model has stopped accepting new inference requests"
  })

/** The warning about a START of a sequence that has not ended; `untold`: others since the last warning. @category getters */
export const conflict = (model: string, id: SequenceId, untold: number): string =>
  `sequence ${id} for model '${model}' has a conflict. The previous sequence did not end before this sequence start. ` +
  "Previous sequence will be terminated early." +
  (untold === 0 ? "" : ` (${untold} more of the model since the last such warning)`)

/** @category errors */
export const queueFull = (model: string, capacity: number): QueueFull =>
  new QueueFull({ message: "Exceeds maximum queue size", model, capacity })

/** @category errors */
export const backlogFull = (model: string, capacity: number): QueueFull =>
  new QueueFull({
    message:
      `the backlog of model '${model}' is full: ${capacity} requests of sequences wait for a slot, the most that ` +
      "--sequence-max-backlog or the model's parameter galatea.sequence.max_backlog allows",
    model,
    capacity
  })

const millis = (nanos: number): string => `${Math.round(nanos / 1e3) / 1000} ms`

/** @category errors */
export const noSlotInTime = (
  model: string,
  id: SequenceId,
  { limit, place, slots, soonest }: {
    /** Nanoseconds that the request may wait. */
    readonly limit: number
    readonly place: number
    readonly slots: number
    /** Nanoseconds until a slot can be free. */
    readonly soonest: number
  }
): QueueFull =>
  new QueueFull({
    message:
      `no slot of model '${model}' can come free for sequence ${id} in time: it would be number ${place} in the ` +
      `backlog of ${slots} slots, which takes at least ${
        millis(soonest)
      } by the shortest of the last sequences, and the ` +
      `request waits ${millis(limit)} at most`,
    model,
    capacity: slots
  })

/** @category errors */
export const backlogTimeout = (): RequestTimedOut =>
  new RequestTimedOut({ message: "timeout of the corresponding sequence has been expired" })

/** @category errors */
export const deadlineExceeded = (model: string, step: Step): DeadlineExceeded =>
  new DeadlineExceeded({
    message:
      `the deadline of the request, ${step.job.deadlineMicros / 1000} ms after its arrival, passed while it waited ` +
      `for ${step.sequence.waits ? "a slot" : "an instance"} of model '${model}'`
  })

/** Of a step behind one that is not run. @category errors */
export const notReached = (model: string, step: Step, why: "deadline" | "cancelled" | "failed"): Cancelled =>
  new Cancelled({
    message: `step ${step.number} of sequence ${step.sequence.id} of model '${model}' was not run, because ${
      why === "deadline" ? "its deadline passed" : why === "failed" ? "it could not be begun" : "its caller went away"
    }: the steps behind it are not run either`
  })

/** @category errors */
export const lost = (model: string, id: SequenceId): SequenceLost =>
  new SequenceLost({
    message:
      `sequence ${id} of model '${model}' was lost with the execution instance that kept its state: begin it again ` +
      "with the START flag",
    model,
    sequence: String(id)
  })
