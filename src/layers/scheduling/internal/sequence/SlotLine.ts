/** The sequences that wait for a slot: first those that had one and lost it with its instance, then new ones in order. */
import { WaitingLine } from "../WaitingLine.ts"
import type { Sequence } from "./Sequence.ts"

/** @category models */
export class SlotLine {
  /** In the order in which they started. */
  private readonly displaced = new WaitingLine<Sequence>()
  private readonly backlog = new WaitingLine<Sequence>()
  /** Steps of new sequences in it. */
  steps = 0

  /** Sequences in it. */
  get length(): number {
    return this.displaced.length + this.backlog.length
  }

  /** Who gets the next slot. */
  get head(): Sequence | undefined {
    return this.displaced.head ?? this.backlog.head
  }

  /** A new sequence, which has no steps yet. */
  join(sequence: Sequence): void {
    sequence.place = "backlog"
    this.backlog.join(sequence)
  }

  /** A sequence that lost its slot. */
  displace(sequence: Sequence): void {
    sequence.place = "displaced"
    this.displaced.joinBehind(sequence, (other) => other.order > sequence.order)
  }

  /** Leaves from wherever it stands, with the steps that it still has. */
  leave(sequence: Sequence): void {
    if (sequence.place === "displaced") return this.displaced.leave(sequence)
    this.backlog.leave(sequence)
    this.steps -= sequence.steps.length
  }
}
