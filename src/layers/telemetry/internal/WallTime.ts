/** What the monotonic clock says as time of day. */
import type { Clock } from "effect"

const renewNanos = 60e9

/** Values of a half of a moment, which are moments in two halves of 32 bits. */
const halfValues = 0x100000000

/** How far the time of day is from the monotonic clock. @category models */
export class Distance {
  /** Nanoseconds. */
  readonly nanos: bigint
  private readonly high: number
  private readonly low: number

  constructor(nanos: bigint) {
    this.nanos = nanos
    this.high = highOf(nanos)
    this.low = lowOf(nanos) >>> 0
  }

  /** Nanoseconds since 1970 at a moment of the monotonic clock. */
  time(atNanos: number): bigint {
    return BigInt(Math.round(atNanos)) + this.nanos
  }

  /** The upper half of these nanoseconds; together with `timeLow` the same as `time`, and cheaper. */
  timeHigh(atNanos: number): number {
    const nanos = Math.round(atNanos)
    const high = Math.floor(nanos / halfValues)
    return (high + this.high + (nanos - high * halfValues + this.low >= halfValues ? 1 : 0)) | 0
  }

  /** The lower half, as an integer with a sign. */
  timeLow(atNanos: number): number {
    const nanos = Math.round(atNanos)
    return (nanos - Math.floor(nanos / halfValues) * halfValues + this.low) | 0
  }
}

/** The upper half of nanoseconds, as an integer with a sign. @category conversions */
export const highOf = (nanos: bigint): number => Number(BigInt.asIntN(32, nanos >> 32n))

/** The lower half, as an integer with a sign. @category conversions */
export const lowOf = (nanos: bigint): number => Number(BigInt.asIntN(32, nanos))

/** Nanoseconds of two halves. @category conversions */
export const nanosOf = (high: number, low: number): bigint => (BigInt(high) << 32n) + BigInt(low >>> 0)

/**
 * How far the time of day is from the monotonic clock: looked at again once a minute at most, since the time of day is set now and
 * then. Whoever tells several moments of one thing uses one distance for all of them.
 *
 * @category models
 */
export class WallTime {
  private readonly clock: Clock.Clock
  private distance: Distance
  private renewAt: number

  constructor(clock: Clock.Clock) {
    this.clock = clock
    this.distance = this.measure()
    this.renewAt = this.now() + renewNanos
  }

  /** Nanoseconds by the monotonic clock. */
  now(): number {
    return Number(this.clock.monotonicTimeNanosUnsafe())
  }

  /** For what began at `atNanos` by the monotonic clock. */
  distanceAt(atNanos: number): Distance {
    if (atNanos >= this.renewAt) {
      this.distance = this.measure()
      this.renewAt = atNanos + renewNanos
    }
    return this.distance
  }

  private measure(): Distance {
    return new Distance(this.clock.currentTimeNanosUnsafe() - this.clock.monotonicTimeNanosUnsafe())
  }
}
