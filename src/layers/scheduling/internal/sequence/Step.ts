/** One request of a sequence, and where it stands. */
import type { Exit } from "effect"
import type { Job, JobFailure, JobResult } from "../../../../services/Scheduler.ts"
import type { Batch } from "../Batch.ts"
import { Entry } from "../Entry.ts"
import { Level } from "../Level.ts"
import type { Seat } from "./Seat.ts"
import type { Sequence } from "./Sequence.ts"
import type { Member, StateCell } from "./SequenceLayout.ts"

/** Steps that run together on one instance. @category models */
export interface StepBatch extends Batch {
  readonly entries: ReadonlyArray<Step>
  readonly seat: Seat
}

/** Steps have no priorities, and no timeout but their own. */
class StepLevel extends Level {
  override timeoutAt(job: Job, now: number): number | undefined {
    return job.timeoutMicros > 0 ? now + job.timeoutMicros * 1000 : undefined
  }
}

/** The one level of all steps: it counts nothing. */
const level = new StepLevel(0, undefined)

/** @category models */
export class Step extends Entry implements Member {
  declare before: Step | undefined
  declare after: Step | undefined
  declare batch: StepBatch | undefined
  readonly sequence: Sequence
  /** Its place in the sequence, from 1. */
  readonly number: number
  /** Its caller has said START. */
  readonly begins: boolean
  readonly end: boolean
  /** A START whose cell was opened. */
  opened = false
  /** Runs of it that were lost with their instance. */
  losses = 0
  /** Its caller went away while it ran. */
  abandoned = false
  /** Monotonic nanoseconds at which the step before it had ended. */
  offeredAt = 0
  /** Offers of the queue before it was offered: who was offered first runs first. */
  turn = 0

  constructor(
    sequence: Sequence,
    job: Job,
    start: boolean,
    end: boolean,
    order: number,
    arrivedAt: number,
    resume: (exit: Exit.Exit<JobResult, JobFailure>) => void
  ) {
    super(job, order, arrivedAt, level, undefined, resume)
    this.sequence = sequence
    this.number = ++sequence.submitted
    this.begins = start
    this.end = end
    this.state = "waiting"
  }

  /** What the model is told. */
  get start(): boolean {
    return this.begins || !this.sequence.begun
  }

  /** Its strategy counts how long it waits from here. Source: scheduling §1.6. */
  override get ready(): number {
    return this.offeredAt
  }

  get cell(): StateCell {
    return this.sequence.cell!
  }

  /** Its timeout counts while its sequence waits for a slot. */
  override get dueAt(): number {
    const deadlineAt = this.deadlineAt ?? Infinity
    return this.sequence.place === "backlog" ? Math.min(this.timeoutAt ?? Infinity, deadlineAt) : deadlineAt
  }
}
