/** Requests that run together, from the moment they leave the queue. */
import type { Exit } from "effect"
import type { LentInstance, StartedRun } from "../../../services/Executor.ts"
import type { JobFailure, JobResult } from "../../../services/Scheduler.ts"
import type { Entry } from "./Entry.ts"

/** @category models */
export interface Batch {
  readonly entries: ReadonlyArray<Entry>
  readonly rows: number
  /** Frees what was gathered for it. */
  readonly release: () => void
  run: StartedRun | undefined
  /** An instance works on it. */
  begun: boolean
  /** Something is noted of one of its requests. */
  readonly isTraced: boolean
  /** What works on it. */
  instance: LentInstance | undefined
  /** When that began, by the monotonic clock: where it is traced. */
  begunAt: number
  /** Among those that lie ready. */
  place: number
  /** Its answers, once they are there; they wait for those of earlier batches where the order of responses is kept. `undefined` among them: answered already. */
  answers: ReadonlyArray<Exit.Exit<JobResult, JobFailure> | undefined> | undefined
}
