/** The sequences of a version that are not over, by their ids. An id has one that goes on at most, and any number that are ending. */
import type { Sequence, SequenceId } from "./Sequence.ts"
import type { Step } from "./Step.ts"

/** @category models */
export class SequenceRegister {
  /** Those that their callers can go on with. */
  private readonly live = new Map<SequenceId, Sequence>()
  /** The last of each id that its caller cannot go on with, as long as it is not over. */
  private readonly leaving = new Map<SequenceId, Sequence>()

  /** Sequences that their callers can go on with. */
  get size(): number {
    return this.live.size
  }

  /** The one that the caller can go on with. */
  find(id: SequenceId): Sequence | undefined {
    return this.live.get(id)
  }

  /** Those that their callers can go on with. */
  all(): Iterable<Sequence> {
    return this.live.values()
  }

  /** Its caller can go on with it: it begins, or goes on although it was going to end. */
  add(sequence: Sequence): void {
    this.live.set(sequence.id, sequence)
  }

  /** The one of the same id before it has to be over first. */
  chain(sequence: Sequence): void {
    const predecessor = this.leaving.get(sequence.id)
    if (predecessor === undefined) return
    sequence.predecessor = predecessor
    predecessor.successor = sequence
  }

  /** Its caller cannot go on with it. */
  leave(sequence: Sequence): void {
    if (this.live.get(sequence.id) !== sequence) return
    this.live.delete(sequence.id)
    // One that lived on, since its END was not run, may be before another one.
    const last = this.leaving.get(sequence.id)
    if (last === undefined || last.order < sequence.order) this.leaving.set(sequence.id, sequence)
  }

  /** It is over: to be called after `leave`. */
  remove(sequence: Sequence): void {
    if (this.leaving.get(sequence.id) !== sequence) return
    if (sequence.predecessor === undefined) this.leaving.delete(sequence.id)
    else this.leaving.set(sequence.id, sequence.predecessor)
  }

  /** Nothing waits for one that is over any more. The one behind it, which need not wait for it, but for the one before it. */
  unchain(sequence: Sequence): Sequence | undefined {
    const { predecessor, successor } = sequence
    sequence.predecessor = undefined
    sequence.successor = undefined
    if (predecessor !== undefined) predecessor.successor = successor
    if (successor !== undefined) successor.predecessor = predecessor
    return successor
  }

  /** The first step that waits of each sequence that has one. */
  firstSteps(): ReadonlyArray<Step> {
    const found: Array<Step> = []
    this.visit(({ current, steps }) => {
      const first = current?.state === "waiting" ? current : steps.head
      if (first !== undefined) found.push(first)
    })
    return found
  }

  /** When the step arrived that has waited longest, in monotonic nanoseconds; infinite where none waits. */
  get oldestAt(): number {
    let at = Infinity
    for (const { arrivedAt } of this.firstSteps()) at = Math.min(at, arrivedAt)
    return at
  }

  private visit(look: (sequence: Sequence) => void): void {
    for (const sequence of this.live.values()) look(sequence)
    for (const last of this.leaving.values()) {
      for (let one: Sequence | undefined = last; one !== undefined; one = one.predecessor) look(one)
    }
  }
}
