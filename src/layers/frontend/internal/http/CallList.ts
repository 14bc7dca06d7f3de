/** The calls of one connection: few, so that looking for one costs nothing. */

/** Calls in order of arrival. No `Set`, which makes what lives short grow old: see `Roster`. @internal */
export class CallList<C> implements Iterable<C> {
  private readonly calls: Array<C> = []

  get size(): number {
    return this.calls.length
  }

  add(call: C): void {
    this.calls.push(call)
  }

  delete(call: C): void {
    // Answers leave in the order of their requests, mostly.
    if (this.calls[0] === call) this.calls.shift()
    else {
      const at = this.calls.indexOf(call)
      if (at !== -1) this.calls.splice(at, 1)
    }
  }

  /** Those that are there at the beginning. */
  [Symbol.iterator](): Iterator<C> {
    return this.calls.slice()[Symbol.iterator]()
  }
}
