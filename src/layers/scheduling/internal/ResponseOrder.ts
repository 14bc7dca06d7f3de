/** In which order answers leave: as they come, or in the order in which their batches were started. Source: scheduling §3.9. */
import type { Batch } from "./Batch.ts"

/** @category models */
export class ResponseOrder {
  private readonly kept: boolean
  private readonly give: (batch: Batch) => void
  /** Batches whose answers have not left, where the order is kept. */
  private batches: Array<Batch> = []

  constructor(kept: boolean, give: (batch: Batch) => void) {
    this.kept = kept
    this.give = give
  }

  /** A batch was started. */
  started(batch: Batch): void {
    if (this.kept) this.batches.push(batch)
  }

  /** A batch was taken back: nobody waits for its answers. */
  takenBack(batch: Batch): void {
    if (this.kept) this.batches = this.batches.filter((other) => other !== batch)
  }

  /** The answers of a batch are there. */
  answered(batch: Batch): void {
    if (this.kept) this.leave()
    else this.give(batch)
  }

  /** Gives the answers that wait for nobody any more: after batches were taken back. */
  leave(): void {
    for (let first = this.batches[0]; first?.answers !== undefined; first = this.batches[0]) {
      this.batches.shift()
      this.give(first)
    }
  }
}
