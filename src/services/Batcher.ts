/**
 * Runs requests that arrive alone together: one queue for each loaded version that batches.
 *
 * Upstream: `Scheduler`. Downstream: `Executor`.
 */
import { Context, type Effect, type Schedule, type Scope } from "effect"
import type { LoadFailed } from "../schema/Errors.ts"
import type { ModelScheduler, QueueOptions } from "./Scheduler.ts"

/** The requests that the next batch could take, while an instance is free for it. Valid during one step. @category models */
export interface QueueSnapshot {
  /** Rows of these requests, 1 to `maxRows`, the most that the model takes. */
  readonly rows: number
  readonly maxRows: number
  /** `true` when waiting adds nothing: the batch is full, or the next request does not fit. */
  readonly closed: boolean
  /** Milliseconds, with fractions, since the oldest of them arrived. */
  readonly age: number
  /** Batches running now on other instances. */
  readonly executing: number
  /**
   * Instances that run nothing, the one that this batch is for included. 1 where runs are shorter than the wake-up of an instance,
   * so that dividing the rows among several would cost more than it gains. 0: the batch is complete, and is to lie ready.
   */
  readonly idle: number
  /** Rows of the longest head with at most this many. The first request always counts; none is split. */
  readonly fit: (rows: number) => number
}

/**
 * When a batch leaves the queue. While the schedule recurs the batch gathers: the output is the number of rows worth another look,
 * the delay is the longest time until one. When it is done the batch leaves: the output is the number of rows to take. Every batch
 * starts the schedule afresh; state that outlives a batch belongs in a closure.
 *
 * @category models
 */
export type BatchPolicy = Schedule.Schedule<number, QueueSnapshot>

/** @category services */
export class Batcher extends Context.Service<Batcher, {
  /** Opens the queue of a version whose config has `dynamic_batching`; otherwise as `Scheduler.open`. */
  readonly open: (options: QueueOptions) => Effect.Effect<ModelScheduler, LoadFailed, Scope.Scope>
}>()("galatea/services/Batcher") {}
