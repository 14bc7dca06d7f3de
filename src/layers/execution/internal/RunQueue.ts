/** What whoever runs a model sees of what it is asked for: the mailbox of a thread, or what a process is sent. */
import type { AnswerMessage, RunStart } from "./Mailbox.ts"

/** The run that is being worked on. @category models */
export interface RunBox {
  /** Where it lies among the runs that may lie ready at once. */
  readonly place: number
  /** What it asks for. */
  readonly fields: Float64Array
  /** Where its answer goes. */
  readonly answer: Float64Array
  /** The bytes beside it, and where they start in their memory. */
  readonly inline: Uint8Array
  readonly inlineOffset: number
  /** The memory of an id that the run names. */
  readonly memory: (id: number) => ArrayBufferLike
  /** Takes in what was told beside the run. */
  readonly receive: () => void
  /** The native runtime is being called now, or not any more. */
  readonly native: (inside: boolean) => void
}

/** Runs one after the other. @category models */
export interface RunQueue extends RunBox {
  readonly run: Pick<RunStart, "inputs" | "outputs">
  /** Something was asked for that was not answered yet: a run, or to end. */
  readonly isAsked: () => boolean
  /** What is asked for is to end. */
  readonly isClosing: () => boolean
  /** Whoever runs waits to be woken, or not any more. */
  readonly sleeps: (asleep: boolean) => void
  /** Takes the next run, which must be answered then. `false`: it was withdrawn, and was passed over. */
  readonly begin: () => boolean
  /** Ends the run, whose answer is in `answer` and, where that has no room for it, in a message. */
  readonly end: (message: AnswerMessage | undefined) => void
}
