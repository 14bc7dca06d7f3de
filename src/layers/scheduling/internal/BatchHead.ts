/** The requests that the next batch could take: the longest head of a queue that may share a batch. */
import type { Entry } from "./Entry.ts"

/** Requests that wait, in the order of service. @category models */
export interface Line {
  /** Rows of these requests. */
  readonly rows: number
  /** Calls `visit` for the requests in the order of service, until it says `false`. */
  readonly walk: (visit: (entry: Entry) => boolean) => void
}

/** @category models */
export class BatchHead {
  readonly entries: Array<Entry> = []
  rows = 0
  /** One more request waits, and does not fit. */
  closed = false
  /** Monotonic nanoseconds. */
  oldest = Infinity

  /** Requests of the longest head of at most so many rows; the first one always counts. */
  countOf(limit: number): number {
    let count = 1
    let rows = this.entries[0]!.rows
    while (count < this.entries.length && rows + this.entries[count]!.rows <= limit) rows += this.entries[count++]!.rows
    return count
  }

  /** Rows of so many of its requests. */
  rowsOf(count: number): number {
    let rows = 0
    for (let i = 0; i < count; i++) rows += this.entries[i]!.rows
    return rows
  }
}

/** Of at most so many rows; one request at least, where any waits. @category constructors */
export const headOf = (line: Line, maxRows: number, sameKey: (a: unknown, b: unknown) => boolean): BatchHead => {
  const head = new BatchHead()
  line.walk((entry) => {
    const first = head.entries[0]
    if (first !== undefined) {
      if (entry.isAlone || head.rows + entry.rows > maxRows || !sameKey(first.key, entry.key)) {
        head.closed = true
        return false
      }
    }
    head.entries.push(entry)
    head.rows += entry.rows
    head.oldest = Math.min(head.oldest, entry.ready)
    return head.rows < maxRows && !entry.isAlone
  })
  if (head.rows >= maxRows || head.entries[0]?.isAlone === true) head.closed = true
  return head
}
