/**
 * A run whose instance was lost, tried once more: its requests go back to where they stood, and run apart from each other, so that one
 * which ends every instance that takes it ends no other request.
 */
import type { Exit } from "effect"
import type { JobFailure, JobResult } from "../../../services/Scheduler.ts"
import type { Batch } from "./Batch.ts"
import type { Entry } from "./Entry.ts"

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

/**
 * Whether a request may run again: somebody waits for it still, and it was not in another run that was lost. `now`: monotonic
 * nanoseconds.
 *
 * @category getters
 */
export const mayRunAgain = ({ deadlineAt, isAbandoned, isAlone }: Entry, now: number): boolean =>
  !isAlone && !isAbandoned && (deadlineAt === undefined || deadlineAt > now)
