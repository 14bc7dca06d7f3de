/** Which requests a queue takes. Whoever is refused is answered at once. */
import { Exit } from "effect"
import { QueueFull, Stopping } from "../../../schema/Errors.ts"
import { type Begun, over } from "../../../services/Begun.ts"
import type { Suspension } from "../../../services/Executor.ts"
import type { BeginJob, Job, JobFailure, JobResult } from "../../../services/Scheduler.ts"
import type { ModelStatistics, RefusalReason } from "../../../services/Statistics.ts"
import * as BatchTrace from "./BatchTrace.ts"
import type { Departures } from "./Departures.ts"
import { CallerEntry, type Entry } from "./Entry.ts"
import type { Lanes } from "./Lanes.ts"
import type { Lateness } from "./Lateness.ts"
import type { Level, Owner } from "./Level.ts"
import type { RequestQueue } from "./RequestQueue.ts"

/** @category models */
export interface Options {
  readonly model: string
  /** Requests that may wait, over all levels. */
  readonly maxQueueSize: number
  readonly queue: RequestQueue
  readonly lanes: Lanes
  readonly lateness: Lateness
  readonly departures: Departures
  readonly statistics: ModelStatistics
  readonly suspension: Suspension | undefined
  /** Answers runs that have ended and that this thread has not noticed. */
  readonly poll: (() => void) | undefined
  /** Lets callers give up what was accepted. */
  readonly owner: Owner
  /** Monotonic nanoseconds. */
  readonly now: () => number
  readonly keyOf: (job: Job) => unknown
  /** Something is due at this time, in monotonic nanoseconds. */
  readonly expect: (dueAt: number) => void
  /** A request was accepted and is in the queue. */
  readonly onArrival: (entry: Entry) => void
  /** The queue is at a bound: the last chance to let something leave. */
  readonly onFull: () => void
}

/** @category models */
export interface Admission {
  readonly begin: BeginJob
  /** From now on every request is refused. */
  readonly close: () => void
  readonly isClosed: () => boolean
}

type Answered = (exit: Exit.Exit<JobResult, JobFailure>) => void

/** @category constructors */
export const make = (options: Options): Admission => {
  const { departures, keyOf, lanes, lateness, maxQueueSize, model, now, owner, poll, queue, statistics, suspension } =
    options
  let arrivals = 0
  let closed = false

  /** The bound that one more request of a level would go beyond. */
  const boundOf = (level: Level): number | undefined => {
    const { maxQueueSize: own } = level
    if (own > 0 && level.length + level.ready >= own) return own
    if (queue.length === 0 && lanes.idle()) return undefined
    return queue.length + lanes.load().ready >= maxQueueSize ? maxQueueSize : undefined
  }

  const refuse = (answered: Answered, reason: RefusalReason, failure: JobFailure): Begun => {
    statistics.refused(reason)
    answered(Exit.fail(failure))
    return over
  }

  const begin: BeginJob = (job, answered) => {
    if (closed) {
      return refuse(answered, "stopping", new Stopping({ message: `model '${model}' is being unloaded` }))
    }
    const suspended = suspension?.current()
    if (suspended !== undefined) return refuse(answered, "suspended", suspended)
    const arrivedAt = now()
    lateness.arrived(job)
    if (poll !== undefined) poll()
    const level = queue.levelOf(job)
    level.owner = owner
    let capacity = boundOf(level)
    if (capacity !== undefined) {
      options.onFull()
      capacity = boundOf(level)
    }
    if (capacity !== undefined) {
      return refuse(answered, "queue_full", new QueueFull({ message: "Exceeds maximum queue size", model, capacity }))
    }
    const late = lateness.refusal(job, level)
    if (late !== undefined) return refuse(answered, "deadline", late)
    const entry = new CallerEntry(job, arrivals++, arrivedAt, level, keyOf(job), answered)
    departures.accepted()
    if (job.trace !== undefined) BatchTrace.queued(job.trace, job, arrivedAt)
    queue.add(entry)
    const { dueAt } = entry
    if (dueAt !== Infinity) {
      queue.deadlines.add(entry, queue.length)
      options.expect(dueAt)
    }
    options.onArrival(entry)
    return entry
  }

  return {
    begin,
    close: () => {
      closed = true
    },
    isClosed: () => closed
  }
}
