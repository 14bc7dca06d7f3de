/** Counts the connections of all fronts of a listener against one bound. This module is loaded by every thread. */

/** @internal */
export class Seats {
  readonly memory: SharedArrayBuffer
  private readonly words: Int32Array
  private readonly max: number
  private readonly mine: number

  /** `mine`: the number of the front. The first word counts for all of them, one more for each front. */
  constructor(memory: SharedArrayBuffer, max: number, mine: number) {
    this.memory = memory
    this.words = new Int32Array(memory)
    this.max = max
    this.mine = 1 + mine
  }

  static allocate(fronts: number): SharedArrayBuffer {
    return new SharedArrayBuffer(4 * (1 + fronts))
  }

  /** Connections that are open now, of all fronts. */
  get taken(): number {
    return Atomics.load(this.words, 0)
  }

  /** `false`: so many connections are open already. */
  take(): boolean {
    if (Atomics.add(this.words, 0, 1) >= this.max) {
      Atomics.sub(this.words, 0, 1)
      return false
    }
    Atomics.add(this.words, this.mine, 1)
    return true
  }

  leave(): void {
    Atomics.sub(this.words, this.mine, 1)
    Atomics.sub(this.words, 0, 1)
  }

  /** The front is gone, with everything it held. */
  clear(): void {
    Atomics.sub(this.words, 0, Atomics.exchange(this.words, this.mine, 0))
  }
}
