/** The deadlines of all calls in progress behind one timer: a heap ordered by time, from which a call can be taken. */

/** Something that ends at a time. @internal */
export interface Expiring {
  /** On the clock of `performance.now()`. */
  readonly expiresAt: number
  /** Its place in the heap; −1: it is in none. Kept by the heap. */
  heapIndex: number
  /** The time has come. It is in the heap no more. */
  expired(): void
}

/** @internal */
export class Deadlines {
  private readonly heap: Array<Expiring> = []
  private timer: NodeJS.Timeout | undefined = undefined
  private armedFor = Infinity

  /** Calls that wait for their deadline. */
  get size(): number {
    return this.heap.length
  }

  add(entry: Expiring): void {
    entry.heapIndex = this.heap.length
    this.heap.push(entry)
    this.rise(entry)
    if (entry.heapIndex === 0 && entry.expiresAt < this.armedFor) this.arm()
  }

  /** Takes an entry out; nothing happens when it is not there. The timer stays as it is and finds the next one due later. */
  remove(entry: Expiring): void {
    const index = entry.heapIndex
    if (index === -1) return
    entry.heapIndex = -1
    const last = this.heap.pop()!
    if (last === entry) return
    this.heap[index] = last
    last.heapIndex = index
    this.rise(last)
    this.sink(last)
  }

  /** Forgets all of them. */
  clear(): void {
    for (const entry of this.heap) entry.heapIndex = -1
    this.heap.length = 0
    clearTimeout(this.timer)
    this.armedFor = Infinity
  }

  private arm(): void {
    clearTimeout(this.timer)
    const first = this.heap[0]
    this.armedFor = first === undefined ? Infinity : first.expiresAt
    if (first === undefined) return
    this.timer = setTimeout(() => this.ring(), Math.max(1, Math.ceil(first.expiresAt - performance.now())))
    this.timer.unref()
  }

  private ring(): void {
    const now = performance.now()
    for (let first = this.heap[0]; first !== undefined && first.expiresAt <= now; first = this.heap[0]) {
      this.remove(first)
      first.expired()
    }
    this.arm()
  }

  private rise(entry: Expiring): void {
    const { heap } = this
    let index = entry.heapIndex
    while (index > 0) {
      const above = (index - 1) >> 1
      const parent = heap[above]!
      if (parent.expiresAt <= entry.expiresAt) break
      heap[index] = parent
      parent.heapIndex = index
      index = above
    }
    heap[index] = entry
    entry.heapIndex = index
  }

  private sink(entry: Expiring): void {
    const { heap } = this
    let index = entry.heapIndex
    for (;;) {
      let below = index * 2 + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && heap[below + 1]!.expiresAt < heap[below]!.expiresAt) below++
      const child = heap[below]!
      if (child.expiresAt >= entry.expiresAt) break
      heap[index] = child
      child.heapIndex = index
      index = below
    }
    heap[index] = entry
    entry.heapIndex = index
  }
}
