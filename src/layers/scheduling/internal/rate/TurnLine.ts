/**
 * The one line in which the instances of all versions stand for the resources that they need. Plain data and plain calls.
 *
 * Who stands first is looked at, and nobody else: an instance whose resources are there waits behind one whose are not, so that no
 * need is too large to be met.
 *
 * Source: scheduling §6.
 */
import type { Share } from "./ResourcePools.ts"

/** An instance of a version, for as long as that is loaded, however often it is lost and opened again. @category models */
export class Seat {
  readonly shares: ReadonlyArray<Share>
  /** At least 1. */
  readonly priority: number
  executions: number

  constructor(shares: ReadonlyArray<Share>, priority: number, executions: number) {
    this.shares = shares
    this.priority = priority
    this.executions = executions
  }

  /** Triton's scaled priority. */
  get rank(): number {
    return this.executions * this.priority
  }
}

/** What one user of an instance wants of the line, again and again. @category models */
export class Claim {
  readonly seat: Seat
  /** Called when the resources are there. */
  readonly granted: () => void
  state: "idle" | "staged" | "granted" = "idle"
  /** That of its seat when it was staged. */
  rank = 0

  constructor(seat: Seat, granted: () => void) {
    this.seat = seat
    this.granted = granted
  }
}

/** @category models */
export class TurnLine {
  /** In the order in which they are served. */
  private readonly staged: Array<Claim> = []
  private attempting = false
  /** Rank of whoever has run last. */
  private served = 0

  /**
   * The seat of an instance that was loaded now. It starts where the line is: from 0 it would stand before everybody else until it
   * had caught up with all that they have run since the start of the server.
   */
  seat(shares: ReadonlyArray<Share>, priority: number): Seat {
    const weight = Math.max(1, priority)
    return new Seat(shares, weight, Math.floor(this.served / weight))
  }

  /** Puts a claim in line. */
  stage(claim: Claim): void {
    claim.state = "staged"
    claim.rank = claim.seat.rank
    for (const { pool } of claim.seat.shares) pool.waiting++
    this.staged.splice(this.placeOf(claim), 0, claim)
    this.attempt()
  }

  /** Takes a claim out of the line, or its resources away. Whoever calls it looks again. */
  release(claim: Claim, executed: boolean): void {
    if (claim.state === "staged") this.unstage(claim)
    else if (claim.state === "granted") {
      for (const { count, pool } of claim.seat.shares) pool.granted -= count
      if (executed) {
        this.served = claim.rank
        claim.seat.executions++
      }
    }
    claim.state = "idle"
  }

  /** Lets those begin who stand first, as long as there is what they need. */
  attempt(): void {
    // Whatever happens in a callback is seen by the loop that called it.
    if (this.attempting) return
    this.attempting = true
    try {
      for (let first = this.staged[0]; first !== undefined && fits(first); first = this.staged[0]) {
        this.unstage(first)
        first.state = "granted"
        for (const { count, pool } of first.seat.shares) pool.granted += count
        first.granted()
      }
    } finally {
      this.attempting = false
    }
  }

  private unstage(claim: Claim): void {
    this.staged.splice(this.staged.indexOf(claim), 1)
    for (const { pool } of claim.seat.shares) pool.waiting--
  }

  private placeOf(claim: Claim): number {
    let low = 0
    let high = this.staged.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.staged[middle]!.rank <= claim.rank) low = middle + 1
      else high = middle
    }
    return low
  }
}

const fits = ({ seat }: Claim): boolean => {
  for (const { count, pool } of seat.shares) if (pool.granted + count > pool.size) return false
  return true
}
