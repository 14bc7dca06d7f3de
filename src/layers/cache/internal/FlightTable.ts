/** The flights of one version by the keys of their leaders. */
import type { CacheKey } from "./CacheKey.ts"
import type { Flight } from "./Flight.ts"

const fewest = 16

/**
 * A hash table that grows with the most flights at a time and stays as it is then. No `Map`, which makes what lives short grow old: see
 * `Roster`.
 *
 * @category models
 */
export class FlightTable {
  /** A power of two of places; each has a chain of the flights whose checksums end alike. */
  private places: Array<Flight | undefined> = new Array<Flight | undefined>(fewest).fill(undefined)
  private count = 0

  /** Flights now. */
  get size(): number {
    return this.count
  }

  get(key: CacheKey): Flight | undefined {
    let flight = this.places[this.placeOf(key)]
    while (flight !== undefined && flight.leader.key.hash !== key.hash) flight = flight.next
    return flight
  }

  /** Takes a flight in whose key is not there. */
  add(flight: Flight): void {
    if (++this.count > this.places.length) this.grow()
    this.put(flight)
  }

  /** Takes a flight out, if it is there. */
  delete(flight: Flight): void {
    const place = this.placeOf(flight.leader.key)
    let before: Flight | undefined
    let at = this.places[place]
    while (at !== undefined && at !== flight) {
      before = at
      at = at.next
    }
    if (at === undefined) return
    if (before === undefined) this.places[place] = flight.next
    else before.next = flight.next
    // One that has grown old must keep no other alive.
    flight.next = undefined
    this.count--
  }

  private put(flight: Flight): void {
    const place = this.placeOf(flight.leader.key)
    flight.next = this.places[place]
    this.places[place] = flight
  }

  private grow(): void {
    const chains = this.places
    this.places = new Array<Flight | undefined>(chains.length * 2).fill(undefined)
    for (const chain of chains) {
      for (let flight = chain; flight !== undefined;) {
        const { next } = flight
        this.put(flight)
        flight = next
      }
    }
  }

  private placeOf({ checksum }: CacheKey): number {
    return checksum & (this.places.length - 1)
  }
}
