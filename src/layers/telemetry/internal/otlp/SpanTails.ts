/**
 * The ends of spans as they were written before: attributes, events, links and status. Those of most spans differ from others in
 * nothing but moments and ids, which take the same number of bytes each: these are put into a copy.
 */
import { detached } from "../../../../schema/DetachedText.ts"
import { KnownPlace } from "../../../KnownPlace.ts"
import type { Value } from "./AttributeValues.ts"
import type { RecordedSpan } from "./RecordedSpan.ts"
import type { ReverseWriter } from "./ReverseWriter.ts"

/** Where something is in a tail that is being written: in bytes before its end. @category models */
export interface Places {
  /** The moment of each event, from the last one to the first. */
  readonly events: Array<number>
  /** The ids of each link, from the last one to the first. */
  readonly links: Array<number>
}

const none: ReadonlyArray<never> = []

const same = (some: ReadonlyArray<unknown>, others: ReadonlyArray<unknown>): boolean => {
  if (some.length !== others.length) return false
  for (let i = 0; i < some.length; i++) if (some[i] !== others[i]) return false
  return true
}

/** What was written of one span, and where its moments and ids are. */
class Tail {
  private readonly names: ReadonlyArray<string>
  private readonly values: ReadonlyArray<Value>
  private readonly events: ReadonlyArray<string>
  private readonly statusCode: number
  private readonly isAboveRemote: boolean
  private readonly bytes: Uint8Array
  private readonly places: Places

  constructor(span: RecordedSpan, bytes: Uint8Array, places: Places) {
    const { happened, isAboveRemote, statusCode, told } = span
    // Texts may be parts of the bodies of requests.
    this.names = told === undefined ? none : told.names.map(detached)
    this.values = told === undefined ? none : told.values.map((one) => typeof one === "string" ? detached(one) : one)
    this.events = happened === undefined ? none : happened.names.map(detached)
    this.statusCode = statusCode
    this.isAboveRemote = isAboveRemote
    this.bytes = bytes.slice()
    this.places = places
  }

  fits({ happened, isAboveRemote, links, statusCode, told }: RecordedSpan): boolean {
    if (statusCode !== this.statusCode || isAboveRemote !== this.isAboveRemote) return false
    if (links.length !== this.places.links.length) return false
    return same(told?.values ?? none, this.values) && same(told?.names ?? none, this.names) &&
      same(happened?.names ?? none, this.events)
  }

  write(writer: ReverseWriter, { happened, links }: RecordedSpan): void {
    const { bytes, places } = this
    const times = happened?.times ?? none
    const { length } = bytes
    writer.raw(bytes)
    for (let i = 0, time = times.length; i < places.events.length; i++) {
      time -= 2
      writer.putHalves(length - places.events[i]!, times[time]!, times[time + 1]!)
    }
    for (let i = 0; i < places.links.length; i++) {
      const { high, low, trace: { a, b, c, d } } = links[links.length - 1 - i]!.own!
      const at = length - places.links[i]!
      writer.putWord(at, a)
      writer.putWord(at + 4, b)
      writer.putWord(at + 8, c)
      writer.putWord(at + 12, d)
      // Behind a tag and a length.
      writer.putWord(at + 18, high)
      writer.putWord(at + 22, low)
    }
  }
}

/** Spans that differ from the one that is kept before another one is, where none was like it: what differs each time is kept that seldom. */
const mostPatient = 1024
/** Longer ones are not kept. */
const maxBytes = 4096

/** Where one tail is kept. @category models */
export class TailPlace {
  private readonly place = new KnownPlace<Tail>(mostPatient)

  /** Writes the tail of a span like the one that is kept. `false`: there is none, and nothing was written. */
  write(writer: ReverseWriter, span: RecordedSpan): boolean {
    const tail = this.place.held
    if (tail === undefined || !isPlain(span) || !tail.fits(span)) return false
    this.place.wasFound()
    tail.write(writer, span)
    return true
  }

  /** What to fill in while a tail is written, where it is to be kept. */
  wanted(span: RecordedSpan): Places | undefined {
    return this.place.isFree() && isPlain(span) ? { events: [], links: [] } : undefined
  }

  keep(span: RecordedSpan, bytes: Uint8Array, places: Places): void {
    if (bytes.length <= maxBytes) this.place.hold(new Tail(span, bytes, places))
  }
}

const placeCount = 64

/** Some tails, each until another one takes its place. @category models */
export class SpanTails {
  private readonly places: ReadonlyArray<TailPlace> = Array.from({ length: placeCount }, () => new TailPlace())

  /** Where the tail of a span is, if it is anywhere: by how many things it has, and by what numbers there are among its values. */
  of({ happened, links, told }: RecordedSpan): TailPlace {
    const values = told?.values ?? none
    let hash = (happened === undefined ? 0 : happened.names.length) * 31 + links.length * 7 + values.length
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!
      hash = Math.imul(hash, 33) +
        (typeof value === "number" ? value | 0 : typeof value === "string" ? value.length : 1)
    }
    return this.places[(hash ^ hash >>> 6 ^ hash >>> 12) & (placeCount - 1)]!
  }
}

/** It has nothing but what tails have: nothing was dropped, and events and links say nothing more. */
const isPlain = (span: RecordedSpan): boolean => {
  const { droppedAttributes, droppedEvents, droppedLinks, happened, links, statusMessage } = span
  if (droppedAttributes + droppedEvents + droppedLinks > 0) return false
  if (happened?.attributes !== undefined || statusMessage !== "") return false
  for (let i = 0; i < links.length; i++) if (links[i]!.own === undefined) return false
  return true
}
