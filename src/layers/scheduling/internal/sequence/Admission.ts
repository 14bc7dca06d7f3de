/** Which requests of sequences are taken. Source: scheduling §4.1, in its order and words. */
import type { InvalidRequest, QueueFull, SequenceLost, Stopping } from "../../../../schema/Errors.ts"
import type { SequenceStep } from "../../../../schema/Inference.ts"
import type { Job } from "../../../../services/Scheduler.ts"
import type { Sequence } from "./Sequence.ts"
import * as SequenceErrors from "./SequenceErrors.ts"
import type { SequenceLayout } from "./SequenceLayout.ts"
import type { SequenceTable } from "./SequenceTable.ts"

/** @category models */
export interface Options {
  readonly model: string
  readonly layout: Pick<SequenceLayout, "problemOf">
  readonly table: SequenceTable
  /** Steps that may wait whose sequence has a slot. */
  readonly maxQueueSize: number
  /** Steps that may wait whose sequence has none yet. */
  readonly maxBacklog: number
}

/** @category errors */
export type Refusal = InvalidRequest | Stopping | SequenceLost | QueueFull

const isNoId = ({ id }: SequenceStep): boolean => typeof id === "string" ? id === "" : id === 0n

/** Why a request is not taken, whatever there is of its sequence. @category validation */
export const problemOf = ({ layout, model }: Options, job: Job): InvalidRequest | undefined => {
  if (job.batchSize > 1) return SequenceErrors.batchSize(model)
  const asked = job.request?.sequence
  if (asked === undefined || isNoId(asked)) return SequenceErrors.noId(model)
  return layout.problemOf(job)
}

/** Why a request without START, whose sequence is not alive, is not taken. @category validation */
export const strangerOf = ({ model, table }: Options, { id }: SequenceStep): Refusal =>
  table.lost.has(id)
    ? SequenceErrors.lost(model, id)
    : SequenceErrors.noStart(model, id)

/** The bound that one more step would go beyond; `sequence`: its own, if that is alive. @category validation */
export const fullness = (
  { maxBacklog, maxQueueSize, model, table }: Options,
  sequence: Sequence | undefined
): QueueFull | undefined => {
  const { slots, waiting } = table
  const backlogged = slots.line.steps
  if (sequence === undefined ? !slots.hasRoom : sequence.place === "backlog") {
    return backlogged >= maxBacklog ? SequenceErrors.backlogFull(model, maxBacklog) : undefined
  }
  return waiting - backlogged >= maxQueueSize ? SequenceErrors.queueFull(model, maxQueueSize) : undefined
}

/** A new sequence would wait for a slot, and cannot have one before its request has waited for too long. @category validation */
export const lateness = (
  { model, table }: Options,
  { id }: SequenceStep,
  { deadlineMicros, timeoutMicros }: Job,
  now: number
): QueueFull | undefined => {
  const limit = Math.min(deadlineMicros > 0 ? deadlineMicros : Infinity, timeoutMicros > 0 ? timeoutMicros : Infinity) *
    1000
  const { slots } = table
  if (limit === Infinity || slots.hasRoom) return undefined
  const place = slots.line.length + 1
  const soonest = slots.holding.soonest(place, slots.seats, now)
  return soonest > limit
    ? SequenceErrors.noSlotInTime(model, id, { limit, place, slots: slots.total, soonest })
    : undefined
}
