/**
 * How requests leave a queue: each is answered once, answers of a batch leave together where their order is kept, and who ends the queue
 * waits until all have left.
 */
import type { Effect, Exit, Latch } from "effect"
import type { JobFailure, JobResult } from "../../../services/Scheduler.ts"
import type { FailureReason, ModelStatistics } from "../../../services/Statistics.ts"
import type { Batch } from "./Batch.ts"
import type { Entry } from "./Entry.ts"
import type { RequestQueue } from "./RequestQueue.ts"
import { ResponseOrder } from "./ResponseOrder.ts"

/** @category models */
export interface Options {
  readonly queue: RequestQueue
  readonly statistics: ModelStatistics
  /** Responses leave in the order in which their batches were started. */
  readonly ordered: boolean
  /** Open while every request that was accepted has left. */
  readonly drained: Latch.Latch
  /** Monotonic nanoseconds. */
  readonly now: () => number
}

/** @category models */
export class Departures {
  /** The order of responses is kept. */
  readonly ordered: boolean
  private readonly options: Options
  private readonly drained: Latch.Latch
  private readonly order: ResponseOrder
  /** Accepted requests whose callers have no answer yet. */
  private open = 0

  constructor(options: Options) {
    this.options = options
    this.ordered = options.ordered
    this.drained = options.drained
    this.order = new ResponseOrder(options.ordered, ({ answers, entries }) => {
      for (let i = 0; i < entries.length; i++) {
        const exit = answers![i]
        if (exit !== undefined) this.answer(entries[i]!, exit)
      }
    })
  }

  /** Completes when nobody is left who was accepted. */
  get done(): Effect.Effect<void> {
    return this.drained.await
  }

  /** A request was accepted. */
  accepted(): void {
    if (this.open++ === 0) this.drained.closeUnsafe()
  }

  /** A batch was started; one whose requests keep a place in the order of responses has none of its own. */
  started(batch: Batch): void {
    if (batch.entries[0]!.place === undefined) this.order.started(batch)
  }

  /** A batch was taken back: nobody waits for its answers. */
  takenBack(batch: Batch): void {
    this.order.takenBack(batch)
  }

  /** The answers of a batch are there. */
  answered(batch: Batch): void {
    const [first] = batch.entries
    if (first!.place === undefined) this.order.answered(batch)
    else this.give(first!, batch.answers![0]!)
  }

  /** An answer of a request that runs, or ran, by itself. */
  give(entry: Entry, exit: Exit.Exit<JobResult, JobFailure>): void {
    if (entry.place === undefined) this.answer(entry, exit)
    else this.leavePlace(entry, exit)
  }

  /** Ends requests that did not run. */
  end(entries: ReadonlyArray<Entry>, exit: Exit.Exit<never, JobFailure>, reason: FailureReason): void {
    const { now, queue, statistics } = this.options
    const at = now()
    for (const entry of entries) {
      queue.remove(entry, "ended")
      statistics.failed(reason, at - entry.arrivedAt)
      this.answer(entry, exit)
      this.leavePlace(entry, undefined)
    }
  }

  /** The caller of a request that waits has left: there is nobody to answer. */
  withdrawn(entry: Entry): void {
    const { now, queue, statistics } = this.options
    queue.remove(entry, "ended")
    statistics.failed("CANCELED", now() - entry.arrivedAt)
    this.settle()
    this.leavePlace(entry, undefined)
  }

  /** The last thing that happens to a request. */
  private answer(entry: Entry, exit: Exit.Exit<JobResult, JobFailure>): void {
    entry.state = "ended"
    entry.batch = undefined
    entry.resume(exit)
    this.settle()
  }

  private settle(): void {
    if (--this.open === 0) this.drained.openUnsafe()
  }

  /** A request that keeps a place in the order of responses does not need it any more. */
  private leavePlace(entry: Entry, exit: Exit.Exit<JobResult, JobFailure> | undefined): void {
    const { place } = entry
    entry.place = undefined
    if (place?.settle(entry, exit) === true) this.order.answered(place.batch)
  }
}
