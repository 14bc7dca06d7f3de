/** Requests that something has to be done about, the most urgent first. Those that have ended meanwhile are dropped on the way. */
import type { Entry } from "./Entry.ts"

interface Item {
  readonly dueAt: number
  readonly entry: Entry
}

/** Ended entries that may lie in the heap for each living one, and beside them. */
const slack = 64

/** @category models */
export class DeadlineHeap {
  private items: Array<Item> = []

  /** Adds an entry that is due some time. `living`: entries that have not ended, of which this heap keeps its own bound. */
  add(entry: Entry, living: number): void {
    const { dueAt } = entry
    if (dueAt === Infinity) return
    if (this.items.length > 2 * living + slack) this.compact()
    this.items.push({ dueAt, entry })
    this.rise(this.items.length - 1)
  }

  /** When the next entry is due; infinite where none is. */
  next(): number {
    this.skim()
    return this.items[0]?.dueAt ?? Infinity
  }

  /** Takes the most urgent entry that is due at `now`. */
  take(now: number): Entry | undefined {
    this.skim()
    const first = this.items[0]
    if (first === undefined || first.dueAt > now) return undefined
    this.pop()
    return first.entry
  }

  private skim(): void {
    for (let first = this.items[0]; first !== undefined && stale(first); first = this.items[0]) this.pop()
  }

  private compact(): void {
    this.items = this.items.filter((item) => !stale(item))
    for (let i = (this.items.length >> 1) - 1; i >= 0; i--) this.sink(i)
  }

  private pop(): void {
    const last = this.items.pop()!
    if (this.items.length === 0) return
    this.items[0] = last
    this.sink(0)
  }

  private rise(index: number): void {
    const { items } = this
    const item = items[index]!
    let at = index
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!sooner(item, items[parent]!)) break
      items[at] = items[parent]!
      at = parent
    }
    items[at] = item
  }

  private sink(index: number): void {
    const { items } = this
    const item = items[index]!
    let at = index
    for (;;) {
      let child = 2 * at + 1
      if (child >= items.length) break
      if (child + 1 < items.length && sooner(items[child + 1]!, items[child]!)) child++
      if (!sooner(items[child]!, item)) break
      items[at] = items[child]!
      at = child
    }
    items[at] = item
  }
}

/** Of those due at the same time, who arrived first. */
const sooner = (a: Item, b: Item): boolean =>
  a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.entry.order < b.entry.order)

/** Ended, or due at another time since. */
const stale = ({ dueAt, entry }: Item): boolean => entry.state === "ended" || entry.dueAt !== dueAt
