/**
 * How the runs on the main thread share it with everything else: they follow each other for a while, then the next one waits until the
 * event loop has come round. One for all models of an executor.
 */

/** A run that was put off. @category models */
export interface PutOff {
  readonly run: () => void
}

/** @category models */
export class Turns {
  private readonly budget: number
  private waiting: Array<PutOff> = []
  /** Milliseconds of runs since the event loop is known to have come round, and when the first of them began. */
  private spent = 0
  private since = 0

  /** `turnNanos`: how long runs may follow each other. */
  constructor(turnNanos: number) {
    this.budget = turnNanos / 1e6
  }

  /** A run may begin at once. */
  hasTime(): boolean {
    return this.waiting.length === 0 && this.spent < this.budget
  }

  /** A run has ended. Times are milliseconds of `performance.now`. */
  ran(began: number, ended: number): void {
    // Runs that take less than a quarter of the time leave enough for everything else.
    if (began - this.since > 4 * this.budget) {
      this.since = began
      this.spent = 0
    }
    this.spent += ended - began
  }

  /** Runs it when the event loop has come round. */
  putOff(run: PutOff): void {
    if (this.waiting.length === 0) setImmediate(this.turn)
    this.waiting.push(run)
  }

  /** `false`: it has run. */
  takeBack(run: PutOff): boolean {
    const at = this.waiting.indexOf(run)
    if (at === -1) return false
    this.waiting.splice(at, 1)
    return true
  }

  private readonly turn = (): void => {
    this.spent = 0
    // Those that are started meanwhile wait for the next turn: they could go on for ever.
    const runs = this.waiting
    this.waiting = []
    let next = 0
    while (next < runs.length && this.spent < this.budget) runs[next++]!.run()
    if (next === runs.length && this.waiting.length === 0) return
    if (this.waiting.length === 0) setImmediate(this.turn)
    this.waiting = next === 0 ? runs.concat(this.waiting) : [...runs.slice(next), ...this.waiting]
  }
}
