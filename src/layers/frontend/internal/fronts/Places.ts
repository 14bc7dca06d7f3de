/**
 * Calls by number. Numbers are places in a list that are given out again and again, each time with another round in the upper bits, so
 * that what comes late for a call is not taken for another one's.
 *
 * A `Map` would serve as well, but what V8 leaves behind of one that changes all the time keeps calls alive until the next full
 * collection. This module is loaded by both threads.
 */

const placeBits = 20
const placeMask = 2 ** placeBits - 1
const maxRound = 2 ** (31 - placeBits) - 1

interface Numbered {
  readonly id: number
}

/** @internal */
export class Places<A extends Numbered> {
  /** How many there are. */
  size = 0
  private readonly list: Array<A | undefined> = []
  private readonly rounds: Array<number> = []
  private readonly free: Array<number> = []

  /** A number for a call that comes; give it back with `leave`. */
  next(): number {
    const place = this.free.pop() ?? this.rounds.push(0) - 1
    return this.rounds[place]! << placeBits | place
  }

  set(call: A): void {
    this.list[call.id & placeMask] = call
    this.size++
  }

  get(id: number): A | undefined {
    const call = this.list[id & placeMask]
    return call?.id === id ? call : undefined
  }

  /** Forgets a call. */
  delete(id: number): void {
    if (this.get(id) === undefined) return
    this.list[id & placeMask] = undefined
    this.size--
  }

  /** Forgets a call, whose place goes to another one. */
  leave(id: number): void {
    if (this.get(id) === undefined) return
    this.delete(id)
    const place = id & placeMask
    this.rounds[place] = this.rounds[place] === maxRound ? 0 : this.rounds[place]! + 1
    this.free.push(place)
  }

  clear(): void {
    this.list.length = 0
    this.size = 0
  }
}
