/** How long sequences of late held their slots: tells how soon a slot can come free at best. */
import type { Seat } from "./Seat.ts"

/** Sequences that are looked back at. */
const kept = 64
/** Fewer say nothing. */
const fewest = 8

/** @category models */
export class HoldingTimes {
  private readonly nanos = new Float64Array(kept)
  private count = 0

  /** A sequence has given its slot back after so many nanoseconds. */
  add(nanos: number): void {
    this.nanos[this.count++ % kept] = nanos
  }

  /** The shortest of late; `undefined` where too few have ended. */
  get shortest(): number | undefined {
    if (this.count < fewest) return undefined
    let shortest = Infinity
    for (let i = 0; i < Math.min(this.count, kept); i++) shortest = Math.min(shortest, this.nanos[i]!)
    return shortest
  }

  /**
   * Nanoseconds until the sequence at a place of the line, from 1, gets a slot if every sequence from now on holds its own no longer
   * than the shortest of late; 0 where that is not known.
   */
  soonest(place: number, seats: ReadonlyArray<Seat>, now: number): number {
    const { shortest } = this
    if (shortest === undefined) return 0
    let slots = 0
    let first = Infinity
    for (const seat of seats) {
      if (seat.lent === undefined) continue
      slots += seat.slots.length
      for (const sequence of seat.slots) {
        const left = sequence === undefined || sequence.ending !== undefined ? 0 : sequence.heldSince + shortest - now
        first = Math.min(first, Math.max(0, left))
      }
    }
    return slots === 0 ? 0 : first + (Math.ceil(place / slots) - 1) * shortest
  }
}
