/** The batches of a queue that were launched: which of them lie ready at an instance that is busy, and how their requests come back. */
import type { LentInstance } from "../../../services/Executor.ts"
import { Roster } from "../../Roster.ts"
import type { Batch } from "./Batch.ts"
import * as BatchTrace from "./BatchTrace.ts"
import type { Departures } from "./Departures.ts"
import type { Entry } from "./Entry.ts"
import type { RequestQueue } from "./RequestQueue.ts"

/** @category models */
export interface Options {
  readonly queue: RequestQueue
  readonly departures: Departures
  /** Monotonic nanoseconds. */
  readonly now: () => number
}

/** @category models */
export class LaunchedBatches {
  private readonly options: Options
  /** Those that lie ready. */
  private readonly ready = new Roster<Batch>()

  constructor(options: Options) {
    this.options = options
  }

  /** A batch is going to be started. */
  add(batch: Batch): void {
    for (const entry of batch.entries) {
      entry.batch = batch
      entry.level.ready++
    }
    this.options.departures.started(batch)
  }

  /** It was started. */
  started(batch: Batch): void {
    if (!batch.begun) batch.place = this.ready.add(batch)
  }

  /** An instance begins to work on it. */
  begin(batch: Batch, instance: LentInstance): void {
    this.leave(batch)
    batch.instance = instance
    if (batch.isTraced) BatchTrace.begun(batch, this.options.now())
  }

  /** Its requests do not lie ready any more. */
  leave(batch: Batch): void {
    if (batch.begun) return
    batch.begun = true
    this.ready.remove(batch, batch.place)
    for (const entry of batch.entries) entry.level.ready--
  }

  /**
   * Takes a batch back that has not begun; its requests but `except` return to the queue. `onChange` is the caller's to call, once
   * it has dealt with those whose time is over.
   */
  takeBack(batch: Batch, except: Entry | undefined): boolean {
    if (batch.run?.withdraw() !== true) return false
    this.putBack(batch, except)
    return true
  }

  /** Returns the requests of a batch that will not begin to the queue, but `except`. */
  putBack(batch: Batch, except: Entry | undefined): void {
    this.options.departures.takenBack(batch)
    this.leave(batch)
    batch.release()
    for (const entry of batch.entries) {
      entry.batch = undefined
      if (entry !== except) this.wait(entry)
    }
  }

  /** Puts a request back to where it was taken from. */
  wait(entry: Entry): void {
    const { now, queue } = this.options
    queue.putBack(entry)
    // Looked at in vain while it ran, or while its instance was being lost: nobody would look again.
    if (entry.dueAt <= now() || (entry.isAlone && entry.dueAt !== Infinity)) queue.deadlines.add(entry, queue.length)
  }

  /** When the request arrived that lies ready and has waited longest, in monotonic nanoseconds; infinite where none does. */
  get oldestAt(): number {
    let at = Infinity
    for (const { entries } of this.ready.all()) for (const { arrivedAt } of entries) at = Math.min(at, arrivedAt)
    return at
  }
}
