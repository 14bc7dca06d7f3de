/**
 * Which requests cannot be answered before their deadline passes. Under overload a queue that runs them all the same answers nobody in
 * time: each takes its place from one that could still be.
 *
 * Nothing is measured before the first request that has a deadline, and none without a deadline is ever turned away here.
 */
import { DeadlineExceeded, QueueFull } from "../../../schema/Errors.ts"
import type { Job } from "../../../services/Scheduler.ts"
import type { Line } from "./BatchHead.ts"
import type { Entry } from "./Entry.ts"
import type { Lanes } from "./Lanes.ts"
import type { Level } from "./Level.ts"
import { Pace } from "./Pace.ts"
import type { RequestQueue } from "./RequestQueue.ts"

/** @category models */
export interface Options {
  readonly model: string
  readonly queue: RequestQueue
  readonly lanes: () => Pick<Lanes, "free" | "idle" | "load">
  /** Rows that leave together: a request that fits in there is not judged by those that it would leave with. */
  readonly maxRows: number
  readonly now: () => number
}

const millis = (nanos: number): string => `${Math.round(nanos / 1e4) / 100} ms`

/** @category models */
export class Lateness {
  private readonly options: Options
  private pace: Pace | undefined

  constructor(options: Options) {
    this.options = options
  }

  /** A request has come: from the first one on that has a deadline, the queue is watched. */
  arrived(job: Job): void {
    if (job.deadlineMicros > 0) this.pace ??= new Pace()
    if (this.options.queue.length === 0) this.pace?.emptied()
  }

  /** Requests have left the queue to be run. */
  left(requests: number): void {
    this.pace?.left(requests, this.options.now(), this.options.queue.length > 0)
  }

  /** A run that began at this time, in monotonic nanoseconds, has ended. */
  ran(begunAt: number): void {
    this.pace?.ran(this.options.now() - begunAt)
  }

  /** Others wait, no instance is free, and the answer to this request could not be there in time. */
  refusal({ batchSize, deadlineMicros }: Job, level: Level): QueueFull | undefined {
    const { maxRows, model, queue } = this.options
    if (this.pace === undefined || deadlineMicros === 0 || queue.length === 0) return undefined
    if (queue.rows + batchSize <= maxRows) return undefined
    const lanes = this.options.lanes()
    if (lanes.free()) return undefined
    const before = queue.countBefore(level) + lanes.load().ready
    const nanos = before === 0 ? 0 : this.pace.answerNanos(before)
    if (nanos <= deadlineMicros * 1000) return undefined
    return new QueueFull({
      message:
        `the deadline of the request, ${deadlineMicros / 1000} ms after its arrival, would pass while it waits: ` +
        `${before} requests of model '${model}' are served before it, and its answer is expected after ` +
        `${millis(nanos)} by the pace of the last ones`,
      model,
      capacity: before
    })
  }

  /**
   * When a run that is started now will have ended, in monotonic nanoseconds: requests whose deadlines are before are not worth a place
   * that others wait for. Infinite and negative where nothing is known, or nobody else waits.
   */
  soonest(): number {
    const { pace, options } = this
    if (pace === undefined || options.queue.length < 2) return -Infinity
    // What lies ready begins when another run has ended.
    return options.now() + pace.longRunNanos + (options.lanes().idle() ? 0 : pace.runNanos)
  }
}

/** Its deadline passes before this time, in monotonic nanoseconds. @category getters */
export const isLate = ({ deadlineAt }: Entry, soonest: number): boolean =>
  deadlineAt !== undefined && deadlineAt < soonest

/**
 * Waiting requests that are too late and make way for others, as long as these make a full batch of so many rows; none where nothing is
 * known of `soonest`.
 *
 * @category getters
 */
export const lateEntries = (line: Line, soonest: number, maxRows: number): ReadonlyArray<Entry> => {
  const late: Array<Entry> = []
  if (soonest === -Infinity) return late
  let spare = line.rows - maxRows
  let rows = 0
  line.walk((entry) => {
    if (entry.rows <= spare && isLate(entry, soonest)) {
      spare -= entry.rows
      late.push(entry)
    } else rows += entry.rows
    return spare > 0 && rows < maxRows
  })
  return late
}

/** Of a request whose place goes to those that wait behind it. @category errors */
export const noTimeLeft = (model: string, { job }: Entry): DeadlineExceeded =>
  new DeadlineExceeded({
    message:
      `the deadline of the request, ${job.deadlineMicros / 1000} ms after its arrival, leaves too little time for ` +
      `a run of model '${model}', and others wait`
  })

/** Of a request whose deadline has passed while it waited. @category errors */
export const deadlinePassed = (model: string, { job }: Entry): DeadlineExceeded =>
  new DeadlineExceeded({
    message:
      `the deadline of the request, ${job.deadlineMicros / 1000} ms after its arrival, passed while it waited for ` +
      `an instance of model '${model}'`
  })
