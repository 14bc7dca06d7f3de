/** Decides when the steps of the sequences on one instance run, and with which others. */
import type { Effect, Exit, Scope } from "effect"
import type { JobFailure } from "../../../../services/Scheduler.ts"
import type { FailureReason } from "../../../../services/Statistics.ts"
import type { Entry } from "../Entry.ts"
import type { Seat } from "./Seat.ts"
import type { Sequence } from "./Sequence.ts"
import type { SequenceLayout } from "./SequenceLayout.ts"
import type { Step } from "./Step.ts"

/** @category models */
export interface Strategy {
  /** The next step of a sequence that has a slot here may run. */
  readonly offered: (step: Step) => void
  /** A step that was offered is not to run. */
  readonly retracted: (step: Step) => void
  /** A step that was launched has not begun, and is offered as before. */
  readonly returned: (step: Step) => void
  /** The instance can take more, a batch has ended, or what was waited for is due. */
  readonly changed: () => void
  /** When it wants to be told of a change though nothing happens: monotonic nanoseconds, infinite for never. */
  readonly dueAt: () => number
}

/** What a strategy may ask of the queue. @category models */
export interface Desk {
  readonly model: string
  /** Rows of the largest batch. */
  readonly maxRows: number
  readonly layout: Pick<SequenceLayout, "sameKey">
  /** Ends what is over. To be called before any steps are chosen. */
  readonly refresh: () => void
  /** No new sequences are taken: what waits needs not wait for others. */
  readonly closing: () => boolean
  /** Something is due at this time, in monotonic nanoseconds. */
  readonly expect: (dueAt: number) => void
  /** Runs offered steps as one batch; `undefined` is padding. */
  readonly launch: (seat: Seat, members: ReadonlyArray<Step | undefined>, steps: ReadonlyArray<Step>) => void
  /** The last step of a sequence is being launched: its slot is the next one's. */
  readonly vacate: (sequence: Sequence) => void
  /** Answers steps that were offered here and are not any more. */
  readonly fail: (steps: ReadonlyArray<Entry>, exit: Exit.Exit<never, JobFailure>, reason: FailureReason) => void
}

/** @category models */
export type MakeStrategy = (seat: Seat, desk: Desk) => Effect.Effect<Strategy, never, Scope.Scope>
