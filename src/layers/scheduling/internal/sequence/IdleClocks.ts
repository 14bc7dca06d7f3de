/**
 * The idle clocks of sequences, which all run for the same time: the first in line is over first.
 *
 * A clock runs while nothing of its sequence waits or runs. Those of Triton run from the arrival of a request, and so end sequences
 * whose callers wait for an answer: scheduling §4.3, §12 row 16.
 */
import { WaitingLine } from "../WaitingLine.ts"
import type { IdleMark, Sequence } from "./Sequence.ts"

/** @category models */
export class IdleClocks {
  /** Nanoseconds after which a sequence that sends nothing is over. */
  readonly limit: number
  private readonly line = new WaitingLine<IdleMark>()

  constructor(limit: number) {
    this.limit = limit
  }

  /** The last request of the sequence is answered: its clock starts. */
  start({ idle }: Sequence, now: number): void {
    if (idle.counts) this.line.leave(idle)
    idle.counts = true
    idle.since = now
    this.line.join(idle)
  }

  /** Something of it waits, or nobody looks at its clock any more. */
  stop({ idle }: Sequence): void {
    if (!idle.counts) return
    idle.counts = false
    this.line.leave(idle)
  }

  /** When the next clock is over; infinite where none runs. */
  next(): number {
    const { head } = this.line
    return head === undefined ? Infinity : head.since + this.limit
  }

  /** Stops a clock that is over at `now`, and says whose it is. */
  take(now: number): Sequence | undefined {
    if (this.next() > now) return undefined
    const { sequence } = this.line.head!
    this.stop(sequence)
    return sequence
  }
}
