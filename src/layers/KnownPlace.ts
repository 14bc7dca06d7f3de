/** A place for something that was read before and may be found again, among others that come once and never again. */

/** One place, and how eager it is to be filled. @internal */
export class KnownPlace<A> {
  private kept: A | undefined = undefined
  private found = false
  /** Misses until it is filled again. */
  private left = 0
  private patience = 0
  private readonly mostPatient: number

  /** `mostPatient`: misses before it is filled again, where what it holds was never found. */
  constructor(mostPatient = 256) {
    this.mostPatient = mostPatient
  }

  /** What it holds. */
  get held(): A | undefined {
    return this.kept
  }

  /** What it holds was what somebody looked for. */
  wasFound(): void {
    this.found = true
  }

  /** Something was not found. `true`: it may take the place of what is held. */
  isFree(): boolean {
    if (this.left === 0) return true
    this.left--
    return false
  }

  hold(held: A): void {
    this.patience = this.found || this.kept === undefined ? 0 : Math.min(this.mostPatient, this.patience * 2 + 1)
    this.left = this.patience
    this.found = false
    this.kept = held
  }
}
