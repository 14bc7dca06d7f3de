/** One request in a queue, and where it stands. */
import type { Exit } from "effect"
import type { TraceContext } from "../../../schema/RequestTrace.ts"
import type { Begun } from "../../../services/Begun.ts"
import type { Job, JobFailure, JobResult } from "../../../services/Scheduler.ts"
import type { AnsweredRequest } from "../../../services/Statistics.ts"
import type { Batch } from "./Batch.ts"
import type { Level } from "./Level.ts"
import type { KeptPlace } from "./Retries.ts"
import type { Member } from "./WaitingLine.ts"

/**
 * In the queue, not yet sorted into a line of its level; in such a line; in a batch; answered or withdrawn.
 *
 * @category models
 */
export type State = "arriving" | "waiting" | "started" | "ended"

/** Small on purpose: a hundred thousand of them may wait. @category models */
export class Entry implements Member<Entry>, AnsweredRequest {
  readonly job: Job
  /** Requests that arrived before it. */
  readonly order: number
  /** Monotonic nanoseconds. */
  readonly arrivedAt: number
  readonly level: Level
  /** What decides with whom it may share a batch. */
  key: unknown
  /** Gives the answer to the caller, or to whoever cleans up after one that was interrupted. */
  resume: (exit: Exit.Exit<JobResult, JobFailure>) => void
  state: State = "arriving"
  before: Entry | undefined = undefined
  after: Entry | undefined = undefined
  /** Its timeout has put it behind the others. */
  wasDelayed = false
  /** It was in a run whose instance was lost, and runs by itself now. */
  isAlone = false
  /** Its caller has left while it ran. */
  isAbandoned = false
  /** Where its answer leaves, where the order of responses is kept and it runs again. */
  place: KeptPlace | undefined = undefined
  /** The batch that it runs in. */
  batch: Batch | undefined = undefined

  constructor(
    job: Job,
    order: number,
    arrivedAt: number,
    level: Level,
    key: unknown,
    resume: (exit: Exit.Exit<JobResult, JobFailure>) => void
  ) {
    this.job = job
    this.order = order
    this.arrivedAt = arrivedAt
    this.level = level
    this.key = key
    this.resume = resume
  }

  /** When its queue policy ends its waiting, or has put it behind the others; `undefined` where it does neither. */
  get timeoutAt(): number | undefined {
    return this.level.timeoutAt(this.job, this.arrivedAt)
  }

  /** When its caller's deadline passes. */
  get deadlineAt(): number | undefined {
    const { deadlineMicros } = this.job
    return deadlineMicros > 0 ? this.arrivedAt + deadlineMicros * 1000 : undefined
  }

  /** It is in the queue. */
  get waits(): boolean {
    return this.state === "arriving" || this.state === "waiting"
  }

  /** Monotonic nanoseconds since which it could join a batch. */
  get ready(): number {
    return this.arrivedAt
  }

  /** Rows along the batch dimension. */
  get rows(): number {
    return this.job.batchSize
  }

  /** What its times can be looked up by. */
  get trace(): TraceContext | undefined {
    return this.job.trace?.context
  }

  /** When something has to be done about it, if it still waits; infinite where never. */
  get dueAt(): number {
    // Who has run once has not waited too long: only its caller's deadline counts then.
    const timeoutAt = this.wasDelayed || this.isAlone ? undefined : this.timeoutAt
    return Math.min(timeoutAt ?? Infinity, this.deadlineAt ?? Infinity)
  }
}

/** A request whose caller may give it up. @category models */
export class CallerEntry extends Entry implements Begun {
  cancel(ended: () => void): void {
    this.level.owner!.withdraw(this, ended)
  }
}
