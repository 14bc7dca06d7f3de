/**
 * Notices runs on the main thread that are much longer than they were when the model was measured.
 *
 * A machine that has something else to do makes any run look long now and then. So a run is blamed where it has used the processor for
 * so long, or where a large part of all runs is long: runs are too short to be interrupted that often.
 */

/** A run is slow that takes so many times what was measured, and no less than a turn. */
const factor = 10

/** Slow runs within a minute at which a model leaves the main thread, where they have used the processor all the time. @category constants */
export const tolerated = 3

const windowMillis = 60_000

/** By how much what the system says of used time may be wrong: it counts from tick to tick. */
const tickMillis = 20

/** Part of the recent runs that may be slow, and about how many those are. @category constants */
export const part = 1 / 4
const recent = 64

/** Processor time that this thread has used, in milliseconds. */
const threadMillis = (): number => {
  const { system, user } = process.threadCpuUsage()
  return (system + user) / 1000
}

/** What the main thread had used a moment ago: to read it for every run would cost too much. @category models */
export class UsedTime {
  private at = -Infinity
  private used = 0
  private readonly read: () => number

  constructor(read: () => number = threadMillis) {
    this.read = read
  }

  /** Something begins at this time, in milliseconds of `performance.now`. */
  begins(now: number): void {
    if (now - this.at < 1) return
    this.at = now
    this.used = this.read()
  }

  /** Processor time that was used at least since `began`. */
  since(began: number): number {
    return this.read() - this.used - (began - this.at) - tickMillis
  }
}

/** One for each open version. @category models */
export class SlowRuns {
  /** Milliseconds from which a run is slow. */
  readonly limit: number
  /** When those were that have used the processor all the time. */
  private times: Array<number> = []
  /** Part of the recent runs that was slow. */
  private slow = 0
  private readonly usedTime: UsedTime

  constructor(usedTime: UsedTime, runNanos: number, turnNanos: number) {
    this.usedTime = usedTime
    this.limit = Math.max(factor * runNanos, turnNanos) / 1e6
  }

  begins(now: number): void {
    this.usedTime.begins(now)
  }

  /** `true`: there were too many. Times are milliseconds of `performance.now`. */
  ended(began: number, now: number): boolean {
    this.slow *= 1 - 1 / recent
    if (now - began < this.limit) return false
    this.slow += 1 / recent
    if (this.usedTime.since(began) >= this.limit) {
      this.times = this.times.filter((time) => now - time < windowMillis)
      this.times.push(now)
    }
    return this.slow > part || this.times.length >= tolerated
  }
}
