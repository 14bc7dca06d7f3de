/** What tells one kind of worker from another: the thread of a session, the thread of a custom model. */
import type { Duration } from "effect"
import type { Worker } from "node:worker_threads"
import type { RunStart } from "./Mailbox.ts"

/** @category models */
export interface WorkerKind {
  /** Whose words errors repeat. */
  readonly runtime: string
  /** What is said of a thread that ended before its model was open. Absent: that it did. */
  readonly endedEarly?: (code: number) => string
  /** Starts the thread, which is given runs this way; `port` moves into it. */
  readonly start: (run: RunStart, name: string) => Worker
  /** Tells a thread that waits that something is asked of it. Called seldom enough for a message. */
  readonly wake: (worker: Worker, words: Int32Array) => void
  /** It may be stopped while it opens its model, and is where that takes longer than `duration`. Absent: it is waited for. */
  readonly openWithin?: {
    readonly duration: Duration.Duration
    /** What gives that time, and what may have taken longer. */
    readonly words: string
  }
}
