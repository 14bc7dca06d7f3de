/**
 * How fast requests have left a queue of late, and how long their runs took: what says whether a deadline can be kept. A few numbers, no
 * timer and no history; old measurements fade.
 *
 * An estimate that is too long heals by itself. Nobody is turned away while nobody waits, so that runs go on and are measured, and each
 * batch that leaves nobody behind makes the expected wait shorter.
 */

/** How much one measurement of the line weighs: those of about the last sixteen batches count. */
const fading = 1 / 16

/**
 * By how much an expected wait is stretched: who is taken is to be in time although the next runs may be slower than the last ones, and
 * a line that is a little shorter keeps the instances as busy.
 */
const caution = 5 / 4

/** @category models */
export class Pace {
  /** Time in which requests left while others waited, and how many they were. */
  private nanos = 0
  private requests = 0
  /** When a batch last left others behind, if somebody has waited ever since. */
  private since: number | undefined
  private mean = 0
  /** Mean distance of the durations of runs from their mean. */
  private spread = 0

  /** Nobody waits. */
  emptied(): void {
    this.since = undefined
  }

  /** A batch of so many requests leaves the line at a time, in monotonic nanoseconds; `others`: some stay behind. */
  left(requests: number, at: number, others: boolean): void {
    const { since } = this
    this.since = others ? at : undefined
    if (!others) this.nanos *= 1 - fading
    else if (since !== undefined) {
      this.nanos += at - since - this.nanos * fading
      this.requests += requests - this.requests * fading
    }
  }

  /** A run has ended that took so long, in nanoseconds. The weights are those that TCP estimates its round trips with. */
  ran(nanos: number): void {
    if (this.mean === 0) {
      this.mean = nanos
      this.spread = nanos / 2
      return
    }
    const off = nanos - this.mean
    this.mean += off / 8
    this.spread += (Math.abs(off) - this.spread) / 4
  }

  /** What a run takes on average, in nanoseconds; 0 while none was seen. */
  get runNanos(): number {
    return this.mean
  }

  /** What a run hardly ever takes longer than, in nanoseconds; 0 while none was seen. */
  get longRunNanos(): number {
    return this.mean + 4 * this.spread
  }

  /** Until the answer of a request that so many others are served before, in nanoseconds. */
  answerNanos(before: number): number {
    const wait = this.requests === 0 ? 0 : before * this.nanos / this.requests
    return wait * caution + this.longRunNanos
  }
}
