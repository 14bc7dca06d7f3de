/**
 * Notices runs on the main thread that are much longer than they were when the model was measured. What counts is processor time: a
 * machine that has something else to do makes every run look long.
 */
import { performance } from "node:perf_hooks"

/** Slow runs within a minute at which a model leaves the main thread. @category constants */
export const tolerated = 3

const windowMillis = 60_000

/** A run is slow that takes so many times what was measured, and no less than a turn. */
const factor = 10

/** Processor time that this thread has used, in milliseconds. */
const threadMillis = (): number => {
  const { system, user } = process.threadCpuUsage()
  return (system + user) / 1000
}

/** What the main thread had used at some time a moment ago: reading it for every run would cost as much as a run. @category models */
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
    return this.read() - this.used - (began - this.at)
  }
}

/** One for each open version. @category models */
export class SlowRuns {
  /** Milliseconds from which a run is slow. */
  readonly limit: number
  private times: Array<number> = []
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
    if (now - began < this.limit) return false
    if (this.usedTime.since(began) < this.limit) return false
    this.times = this.times.filter((time) => now - time < windowMillis)
    this.times.push(now)
    return this.times.length >= tolerated
  }
}

/** Milliseconds, as the other times here. @category getters */
export const now = (): number => performance.now()
