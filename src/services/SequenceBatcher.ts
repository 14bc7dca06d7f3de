/**
 * Keeps sequences: the requests of one meet the same execution instance, in order, and the state that the server keeps for them.
 *
 * Upstream: `Scheduler`. Downstream: `Executor`.
 */
import { Context, type Effect, type Scope } from "effect"
import type { LoadFailed } from "../schema/Errors.ts"
import type { ModelScheduler, QueueOptions } from "./Scheduler.ts"

/** @category services */
export class SequenceBatcher extends Context.Service<SequenceBatcher, {
  /** Opens the queue of a version whose config has `sequence_batching`; otherwise as `Scheduler.open`. */
  readonly open: (options: QueueOptions) => Effect.Effect<ModelScheduler, LoadFailed, Scope.Scope>
}>()("galatea/services/SequenceBatcher") {}
