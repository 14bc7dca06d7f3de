/** The streams of one connection by their ids. */
const fewest = 8

/**
 * A hash table that grows with the most streams at a time and stays as it is then. No `Map`, which makes what lives short grow old: see
 * `Roster`.
 *
 * @internal
 */
export class StreamTable<S extends { readonly id: number }> {
  /** A power of two of places; a stream lies at that of its id, or behind it where that is taken. At least half of them are free. */
  private places: Array<S | undefined> = new Array<S | undefined>(fewest).fill(undefined)
  private count = 0

  get size(): number {
    return this.count
  }

  get(id: number): S | undefined {
    return this.places[this.find(id)]
  }

  /** Takes a stream in whose id is not there. */
  add(stream: S): void {
    if (++this.count * 2 > this.places.length) {
      const all = this.all()
      this.places = new Array<S | undefined>(this.places.length * 2).fill(undefined)
      for (const other of all) this.places[this.find(other.id)] = other
    }
    this.places[this.find(stream.id)] = stream
  }

  /** Takes the stream of an id out, if there is one. */
  delete(id: number): void {
    const { places } = this
    const last = places.length - 1
    let hole = this.find(id)
    if (places[hole] === undefined) return
    this.count--
    // Whoever lies behind it because its own place was taken moves up.
    for (let at = (hole + 1) & last; places[at] !== undefined; at = (at + 1) & last) {
      const own = this.placeOf(places[at]!.id)
      if (((at - own) & last) < ((at - hole) & last)) continue
      places[hole] = places[at]
      hole = at
    }
    places[hole] = undefined
  }

  /** Streams now, without an order; those that come or go meanwhile change nothing about it. */
  all(): ReadonlyArray<S> {
    return this.count === 0 ? [] : this.places.filter((stream) => stream !== undefined)
  }

  /** Ids of clients are odd and follow each other. */
  private placeOf(id: number): number {
    return (id >>> 1) & (this.places.length - 1)
  }

  /** The place of an id, or the free one where it belongs. */
  private find(id: number): number {
    const { places } = this
    let at = this.placeOf(id)
    for (let there = places[at]; there !== undefined && there.id !== id; there = places[at]) {
      at = (at + 1) & (places.length - 1)
    }
    return at
  }
}
