/** Heads that main was told, and where it keeps them. */
import type { Head } from "../../http1/Head.ts"
import { headPlaces, noPlace } from "../Records.ts"

/** Longer heads are told every time. */
const maxKept = 2048

/** Where the last head of a connection is kept. @internal */
export interface LastHead {
  head: Head | undefined
  place: number
  /** How often its place had been given away by then. */
  round: number
}

/** @internal */
export class HeadTable {
  /** Each head by its text; most connections of a client send the same. */
  private readonly places = new Map<string, number>()
  private readonly texts: Array<string> = []
  private readonly rounds = new Int32Array(headPlaces)
  private next = 0
  /** Whether main knows the head at the place that `placeOf` gave. */
  isKnown = false

  /** The place of a head, in a table where the oldest makes way for the next one; `noPlace`: it is not kept. */
  placeOf(head: Head, last: LastHead): number {
    if (last.head === head && this.rounds[last.place] === last.round) {
      this.isKnown = true
      return last.place
    }
    this.isKnown = false
    if (head.bytes.length > maxKept) return noPlace
    const text = head.bytes.toString("latin1")
    const told = this.places.get(text)
    this.isKnown = told !== undefined
    const place = told ?? this.keep(text)
    last.head = head
    last.place = place
    last.round = this.rounds[place]!
    return place
  }

  private keep(text: string): number {
    const place = this.next
    this.next = (place + 1) % headPlaces
    const before = this.texts[place]
    if (before !== undefined) this.places.delete(before)
    this.rounds[place]!++
    this.texts[place] = text
    this.places.set(text, place)
    return place
  }
}
