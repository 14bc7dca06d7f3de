/**
 * A run whose instance was lost, tried once more: its requests go back to where they stood, and run apart from each other, so that one
 * which ends every instance that takes it ends no other request.
 */
import type { Exit } from "effect"
import type { ExecutionResult, RunFailure } from "../../../services/Executor.ts"
import type { JobFailure, JobResult } from "../../../services/Scheduler.ts"
import type { ModelStatistics } from "../../../services/Statistics.ts"
import type { Batch } from "./Batch.ts"
import * as BatchAnswers from "./BatchAnswers.ts"
import * as BatchTrace from "./BatchTrace.ts"
import type { Departures } from "./Departures.ts"
import type { Entry } from "./Entry.ts"
import type { LaunchedBatches } from "./LaunchedBatches.ts"

type Answer = Exit.Exit<JobResult, JobFailure>

/**
 * The place of a batch in the order of responses, kept for its requests while they run again. Their answers leave together when the
 * last one is there, as they would have.
 *
 * @category models
 */
export class KeptPlace {
  readonly batch: Batch
  private readonly answers: Array<Answer | undefined>
  private left: number

  constructor(batch: Batch) {
    this.batch = batch
    this.answers = batch.entries.map(() => undefined)
    this.left = batch.entries.length
  }

  /** What became of one of them; `undefined`: it was answered already. `true`: it was the last. */
  settle(entry: Entry, answer: Answer | undefined): boolean {
    this.answers[this.batch.entries.indexOf(entry)] = answer
    if (--this.left > 0) return false
    this.batch.answers = this.answers
    return true
  }
}

/** @category models */
export interface Options {
  readonly launched: LaunchedBatches
  readonly departures: Departures
  readonly statistics: ModelStatistics
  /** Monotonic nanoseconds. */
  readonly now: () => number
}

/**
 * Lets the requests of a run that was lost run again, each by itself; who was in such a run before is answered. Those that wait again
 * are in the queue then: what is to be done about that is the caller's matter.
 *
 * @category combinators
 */
export const runAgain = (
  batch: Batch,
  exit: Exit.Failure<ExecutionResult, RunFailure>,
  { departures, launched, now, statistics }: Options
): void => {
  launched.leave(batch)
  batch.release()
  // The answers of a batch leave together: a run of one request has a batch of its own, which has no place in the order.
  const place = departures.ordered && batch.entries[0]!.place === undefined ? new KeptPlace(batch) : undefined
  const lost: Array<Entry> = []
  const at = now()
  const again: Array<Entry> = []
  for (const entry of batch.entries) {
    entry.batch = undefined
    entry.place ??= place
    if (!mayRunAgain(entry, at)) {
      lost.push(entry)
      continue
    }
    entry.isAlone = true
    again.push(entry)
    launched.wait(entry)
  }
  if (again.length > 0) statistics.retried(again.length)
  if (batch.isTraced) BatchTrace.retried(again, exit.cause, at)
  if (lost.length === 0) return
  const answers = BatchAnswers.ofFailure({ ...batch, entries: lost }, exit, at, statistics)
  for (let i = 0; i < lost.length; i++) departures.give(lost[i]!, answers[i]!)
}

/**
 * Whether a request may run again: somebody waits for it still, and it was not in another run that was lost. `now`: monotonic
 * nanoseconds.
 */
const mayRunAgain = ({ deadlineAt, isAbandoned, isAlone }: Entry, now: number): boolean =>
  !isAlone && !isAbandoned && (deadlineAt === undefined || deadlineAt > now)
