/** Remembers which sequences were lost, so that their next steps are told so, until they would have gone idle. */
import type { SequenceId } from "./Sequence.ts"

/** Ids that are kept; beyond it the oldest is forgotten, whose next step is told to begin with START. @category constants */
export const maxRemembered = 16_384

/** @category models */
export class LostSequences {
  /** When each is forgotten, in monotonic nanoseconds: in this order. */
  private readonly forgetAt = new Map<SequenceId, number>()
  private readonly idleLimit: number

  constructor(idleLimit: number) {
    this.idleLimit = idleLimit
  }

  get size(): number {
    return this.forgetAt.size
  }

  add(id: SequenceId, now: number): void {
    this.forgetAt.delete(id)
    this.forgetAt.set(id, now + this.idleLimit)
    if (this.forgetAt.size > maxRemembered) this.forgetAt.delete(this.forgetAt.keys().next().value!)
  }

  /** It was begun again. */
  remove(id: SequenceId): void {
    if (this.forgetAt.size > 0) this.forgetAt.delete(id)
  }

  has(id: SequenceId): boolean {
    return this.forgetAt.size > 0 && this.forgetAt.has(id)
  }

  /** When the next one is forgotten; infinite where none is kept. */
  next(): number {
    return this.forgetAt.size === 0 ? Infinity : this.forgetAt.values().next().value!
  }

  /** Forgets those whose time is over. */
  forget(now: number): void {
    for (const [id, at] of this.forgetAt) {
      if (at > now) return
      this.forgetAt.delete(id)
    }
  }
}
