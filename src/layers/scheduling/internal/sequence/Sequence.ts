/** The requests of one caller that meet the same instance, in order. Plain data. */
import type { LentInstance, SequenceEnd } from "../../../../services/Executor.ts"
import { type Member, WaitingLine } from "../WaitingLine.ts"
import type { Seat } from "./Seat.ts"
import type { StateCell } from "./SequenceLayout.ts"
import type { Step } from "./Step.ts"

/** A correlation id; numbers and strings never mean the same sequence. @category models */
export type SequenceId = bigint | string

/** Where the idle clock of a sequence stands in the line of all such clocks. @category models */
export class IdleMark implements Member<IdleMark> {
  before: IdleMark | undefined = undefined
  after: IdleMark | undefined = undefined
  readonly sequence: Sequence
  /** Monotonic nanoseconds at which the last request of the sequence was answered. */
  since = 0
  /** It runs. */
  counts = false

  constructor(sequence: Sequence) {
    this.sequence = sequence
  }
}

/** @category models */
export class Sequence implements Member<Sequence> {
  /** Neighbours in the line for a slot. */
  before: Sequence | undefined = undefined
  after: Sequence | undefined = undefined
  readonly id: SequenceId
  /** Sequences that started before it. */
  readonly order: number
  readonly idle: IdleMark
  /** Steps that wait for the one before them. */
  readonly steps = new WaitingLine<Step>()
  /** The step that waits for a batch, or is in one: never two. */
  current: Step | undefined = undefined
  /** Steps submitted so far. */
  submitted = 0
  /** Those of them that have no answer yet. */
  unanswered = 0
  cell: StateCell | undefined = undefined
  /** A step has succeeded since the last START: until then the model may know nothing of it, and is told START again. */
  begun = false
  /**
   * In the line for its first slot; in the line for another one, because its instance was lost; in a slot; in none any more, because
   * its last step has been started; over.
   */
  place: "backlog" | "displaced" | "slot" | "leaving" | "ended" = "backlog"
  seat: Seat | undefined = undefined
  slot = -1
  /** Monotonic nanoseconds since which it has its slot. */
  heldSince = 0
  /** Nobody can send another step: it ends, for this reason, when all were answered. */
  ending: SequenceEnd | undefined = undefined
  /** The sequence of the same id before it, which is not over, and the one after it. */
  predecessor: Sequence | undefined = undefined
  successor: Sequence | undefined = undefined
  /** The instance that has last begun a step of it; `undefined`: none was begun yet. */
  ranOn: LentInstance | undefined = undefined

  constructor(id: SequenceId, order: number) {
    this.id = id
    this.order = order
    this.idle = new IdleMark(this)
  }

  /** It stands in the line for a slot. */
  get waits(): boolean {
    return this.place === "backlog" || this.place === "displaced"
  }
}
