/** The moment from which nobody waits for the answer to a request, as a client gave it with the request. */
import { DeadlineExceeded } from "../../../../schema/Errors.ts"

/** Longest time until a deadline, in milliseconds: 24 days, as much as a timer can hold. A longer one counts as this. */
const longest = 2147483647

/**
 * Counts from the arrival of a request, so that receiving and decoding it take their share. Front ends make one of whatever their
 * protocol calls it: a header, the deadline of a call.
 *
 * @internal
 */
export class Deadline {
  /** Milliseconds that the client waits. */
  readonly millis: number
  private readonly arrived: number

  /** `arrived`: a reading of `performance.now()`. */
  constructor(millis: number, arrived: number = performance.now()) {
    this.millis = Math.min(millis, longest)
    this.arrived = arrived
  }

  /** Whole microseconds that are left, rounded up; 0: the deadline has passed. */
  leftMicros(now: number = performance.now()): number {
    return Math.max(0, Math.ceil((this.arrived + this.millis - now) * 1000))
  }

  /** The failure of a request whose deadline passed before it reached a queue. */
  exceeded(now: number = performance.now()): DeadlineExceeded {
    const spent = Math.round((now - this.arrived) * 1000) / 1000
    return new DeadlineExceeded({
      message:
        `The deadline of ${this.millis} ms passed while the request was received and decoded, which took ${spent} ms. ` +
        "Send it faster, or allow more time."
    })
  }
}
