/** What the monotonic clock says as time of day. */
import type { Clock } from "effect"

const renewNanos = 60e9

/**
 * How far the time of day is from the monotonic clock: looked at again once a minute at most, since the time of day is set now and
 * then. Whoever tells several moments of one thing uses one distance for all of them.
 *
 * @category models
 */
export class WallTime {
  private readonly clock: Clock.Clock
  private distance: bigint
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

  /** Nanoseconds to add to what the monotonic clock said at `atNanos`, for nanoseconds since 1970. */
  offset(atNanos: number): bigint {
    if (atNanos >= this.renewAt) {
      this.distance = this.measure()
      this.renewAt = atNanos + renewNanos
    }
    return this.distance
  }

  private measure(): bigint {
    return this.clock.currentTimeNanosUnsafe() - this.clock.monotonicTimeNanosUnsafe()
  }
}
