/** A sum of whole nanoseconds that stays exact: a number alone would lose single ones after a hundred days. */

/** Both parts stay far below the 2^53 up to which numbers count in ones. */
const limit = 2 ** 52

/** @category models */
export class NanosTotal {
  private low = 0
  private high = 0

  /** Adds a whole number that is not negative. */
  add(nanos: number): void {
    this.low += nanos
    if (this.low >= limit) {
      this.low -= limit
      this.high++
    }
  }

  get value(): bigint {
    return BigInt(this.high) * BigInt(limit) + BigInt(this.low)
  }

  /** In seconds, as exact as a number can be. */
  get seconds(): number {
    return this.high * (limit / 1e9) + this.low / 1e9
  }
}

/** A measured duration as a whole number of nanoseconds: clocks may step back. */
export const wholeNanos = (nanos: number): number => nanos > 0 ? Math.floor(nanos) : 0
