/** How much of what costs the server and brings the client nothing a connection may do: so much at once, and so much a second. */

/** @internal */
export class Budget {
  private readonly most: number
  private readonly perSecond: number
  private left: number

  constructor(most: number, perSecond: number) {
    this.most = most
    this.perSecond = perSecond
    this.left = most
  }

  /** Spends one; `false`: nothing is left. */
  spend(): boolean {
    return --this.left >= 0
  }

  /** Time went by, in milliseconds. */
  refill(millis: number): void {
    this.left = Math.min(this.most, this.left + this.perSecond * millis / 1000)
  }
}
