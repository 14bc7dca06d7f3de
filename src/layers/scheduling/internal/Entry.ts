/** One request in a queue, and where it stands. */
import type { Exit } from "effect"
import type { Job, JobFailure, JobResult } from "../../../services/Scheduler.ts"
import type { Batch } from "./Batch.ts"
import type { Level } from "./Level.ts"
import type { Place } from "./WaitingLine.ts"

/** @category models */
export class Entry {
  readonly job: Job
  /** Rows along the batch dimension. */
  readonly rows: number
  /** Requests that arrived before it. */
  readonly order: number
  /** Monotonic nanoseconds. */
  readonly arrivedAt: number
  readonly level: Level
  /** When its queue policy ends its waiting; infinite where it does not, or has already put it behind the others. */
  timeoutAt: number
  /** Its timeout has put it behind the others. */
  wasDelayed = false
  /** When its caller's deadline passes. */
  readonly deadlineAt: number
  /** What decides with whom it may share a batch. */
  readonly key: unknown
  /** It is in the queue. */
  waiting = false
  /** Its place in the line of its level, once it was sorted there. */
  place: Place<Entry> | undefined = undefined
  /** The batch that it runs in. */
  batch: Batch | undefined = undefined
  /** It was answered, or withdrawn. */
  ended = false
  /** Called in place of `resume` where the caller was interrupted. */
  dropped: (() => void) | undefined = undefined
  readonly resume: (exit: Exit.Exit<JobResult, JobFailure>) => void

  constructor(
    job: Job,
    order: number,
    arrivedAt: number,
    level: Level,
    timeoutAt: number,
    deadlineAt: number,
    key: unknown,
    resume: (exit: Exit.Exit<JobResult, JobFailure>) => void
  ) {
    this.job = job
    this.rows = job.batchSize
    this.order = order
    this.arrivedAt = arrivedAt
    this.level = level
    this.timeoutAt = timeoutAt
    this.deadlineAt = deadlineAt
    this.key = key
    this.resume = resume
  }

  /** When something has to be done about it, if it still waits. */
  get dueAt(): number {
    return Math.min(this.timeoutAt, this.deadlineAt)
  }
}
