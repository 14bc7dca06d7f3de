/** Who has which slot, and who gets the next one. Source: scheduling §4.1, §4.2. */
import { HoldingTimes } from "./HoldingTimes.ts"
import { freest, type Seat } from "./Seat.ts"
import type { Sequence } from "./Sequence.ts"
import { SlotLine } from "./SlotLine.ts"

/** @category models */
export class Slots {
  readonly seats: ReadonlyArray<Seat>
  /** Sequences without a slot. */
  readonly line = new SlotLine()
  readonly holding = new HoldingTimes()
  private readonly now: () => number
  private readonly placed: (sequence: Sequence) => void
  private holds = 0

  /** `placed` is told of each sequence that has got a slot. `now`: monotonic nanoseconds. */
  constructor(seats: ReadonlyArray<Seat>, now: () => number, placed: (sequence: Sequence) => void) {
    this.seats = seats
    this.now = now
    this.placed = placed
  }

  /** Slots of the instances that are there. */
  get total(): number {
    let total = 0
    for (const { lent, slots } of this.seats) if (lent !== undefined) total += slots.length
    return total
  }

  /** Slots that sequences have. */
  get taken(): number {
    let taken = 0
    for (const { occupied } of this.seats) taken += occupied
    return taken
  }

  /** A sequence that starts now gets a slot at once. */
  get hasRoom(): boolean {
    return this.line.length === 0 && freest(this.seats) !== undefined
  }

  /** Gives free slots to those who wait for one. All have theirs before any is told: its steps may have run when that returns. */
  assign(): void {
    const first = this.holds > 0 ? undefined : this.place()
    if (first === undefined) return
    const others: Array<Sequence> = []
    for (let next = this.place(); next !== undefined; next = this.place()) others.push(next)
    this.placed(first)
    for (let i = 0; i < others.length; i++) this.placed(others[i]!)
  }

  /** Gives no slots until {@link resume}, as often as this was called: more is about to change. */
  pause(): void {
    this.holds++
  }

  resume(): void {
    if (--this.holds === 0) this.assign()
  }

  /** Gives no slots until `change` is over: an instance is lost, and all that were there have to stand in line first. */
  during(change: () => void): void {
    this.pause()
    try {
      change()
    } finally {
      this.resume()
    }
  }

  private place(): Sequence | undefined {
    const next = this.line.head
    const seat = next === undefined ? undefined : freest(this.seats)
    if (next === undefined || seat === undefined) return undefined
    this.line.leave(next)
    next.place = "slot"
    next.heldSince = this.now()
    seat.take(next, seat.freeSlot)
    return next
  }

  /** Takes a sequence out of its slot, if it has one, because it needs none any more. */
  release(sequence: Sequence): void {
    if (sequence.seat === undefined) return
    this.holding.add(this.now() - sequence.heldSince)
    sequence.seat.free(sequence)
  }

  /** Takes a sequence out of a slot that is no more, and puts it in line for another one. */
  displace(sequence: Sequence): void {
    sequence.seat?.free(sequence)
    this.line.displace(sequence)
  }
}
