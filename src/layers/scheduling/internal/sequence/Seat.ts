/** An execution instance as sequences see it: slots, each for one of them until it ends. */
import type { LentInstance } from "../../../../services/Executor.ts"
import type { Lanes } from "../Lanes.ts"
import type { Sequence } from "./Sequence.ts"
import type { Strategy } from "./Strategy.ts"

const nothing = () => {}

/** That of a seat which is not open yet. */
const none: Strategy = {
  offered: nothing,
  retracted: nothing,
  returned: nothing,
  changed: nothing,
  dueAt: () => Infinity
}

/** @category models */
export class Seat {
  readonly index: number
  readonly slots: Array<Sequence | undefined>
  /** The instance; `undefined` while it is lost. */
  lent: LentInstance | undefined = undefined
  /** Slots that are taken. */
  occupied = 0
  /** Batches that were started and have not ended. */
  running = 0
  /** Set once, before it has any sequence. */
  lanes!: Lanes
  strategy: Strategy = none
  /** No slot before it is free. */
  private lowest = 0

  constructor(index: number, slots: number) {
    this.index = index
    this.slots = Array.from({ length: slots }, () => undefined)
  }

  /** The free slot of the lowest index; infinite where there is none. */
  get freeSlot(): number {
    if (this.lent === undefined || this.occupied === this.slots.length) return Infinity
    while (this.slots[this.lowest] !== undefined) this.lowest++
    return this.lowest
  }

  /** Gives a sequence a free slot. */
  take(sequence: Sequence, slot: number): void {
    this.slots[slot] = sequence
    this.occupied++
    sequence.seat = this
    sequence.slot = slot
  }

  /** Takes a sequence out of its slot. */
  free(sequence: Sequence): void {
    this.slots[sequence.slot] = undefined
    this.occupied--
    this.lowest = Math.min(this.lowest, sequence.slot)
    sequence.seat = undefined
    sequence.slot = -1
  }
}

/** The seat whose free slot has the lowest index, of equal ones the first; `undefined` where no slot is free. @category getters */
export const freest = (seats: ReadonlyArray<Seat>): Seat | undefined => {
  let chosen: Seat | undefined
  let lowest = Infinity
  for (let i = 0; i < seats.length; i++) {
    const slot = seats[i]!.freeSlot
    if (slot < lowest) {
      lowest = slot
      chosen = seats[i]
    }
  }
  return chosen
}
