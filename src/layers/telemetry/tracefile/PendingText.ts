/** The text of traces that is in memory at a time, and what was left out because there was no room for it. */

/** @category models */
export class PendingText {
  private readonly max: number
  private used = 0
  /** Traces, and tensors of traces, that were left out since somebody took note. */
  private leftOut = { traces: 0, tensors: 0 }

  /** `max`: characters. */
  constructor(max: number) {
    this.max = max
  }

  /** Characters that there is room for. */
  get room(): number {
    return Math.max(0, this.max - this.used)
  }

  /** More than half of the room is taken. */
  get filling(): boolean {
    return this.used > this.max / 2
  }

  /** Keeps room for a text, beyond the bound if need be: ask for `room` first. */
  take(length: number): void {
    this.used += length
  }

  free(length: number): void {
    this.used -= length
  }

  left(what: "traces" | "tensors"): void {
    this.leftOut[what]++
  }

  /** What was left out since the last call. */
  takeLeftOut(): { readonly traces: number; readonly tensors: number } {
    const { leftOut } = this
    this.leftOut = { traces: 0, tensors: 0 }
    return leftOut
  }
}
