/** The time that the end of an export has, of all signals together. */
import { Clock, Effect, type Option } from "effect"

/** One for the whole export: what one signal waits for is not there for those that end later. @category models */
export class FlushTime {
  /** In milliseconds. */
  private left: number

  constructor(millis: number) {
    this.left = millis
  }

  /**
   * Ends the effect when the time that is left is over, or after `share` of it. What ends at the same time has the same time.
   * `None`: it was ended.
   */
  within<A>(effect: Effect.Effect<A>, share: number = 1): Effect.Effect<Option.Option<A>> {
    return Effect.gen({ self: this }, function*() {
      const { left } = this
      const begun = yield* Clock.currentTimeMillis
      const done = yield* Effect.timeoutOption(Effect.interruptible(effect), left * share)
      const spent = (yield* Clock.currentTimeMillis) - begun
      this.left = Math.max(0, Math.min(this.left, left - spent))
      return done
    })
  }
}
