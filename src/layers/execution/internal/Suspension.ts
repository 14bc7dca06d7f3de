/** A version none of whose instances works, and none is started for a while: who would wait for one is told so, and until when. */
import { Effect, type Scope } from "effect"
import { ModelSuspended } from "../../../schema/Errors.ts"
import type { Instances } from "../../../services/Executor.ts"
import type { Breaker } from "./Breaker.ts"
import type { LiveInstances } from "./LiveInstances.ts"
import type { LossBook } from "./LossBook.ts"

/** @category models */
export interface Options {
  readonly model: string
  readonly breaker: Breaker
  readonly live: LiveInstances
  readonly book: LossBook
  /** Monotonic nanoseconds. */
  readonly now: () => bigint
}

/** @category models */
export class Suspension implements NonNullable<Instances["suspension"]> {
  private readonly options: Options
  private readonly listeners = new Set<() => void>()

  constructor(options: Options) {
    this.options = options
  }

  /** Asked before each request: no more than two looks while all is well. */
  readonly current = (): ModelSuspended | undefined => {
    const { breaker, live } = this.options
    return breaker.isOpen && live.size === 0 ? this.failure() : undefined
  }

  readonly listen = (listener: () => void): Effect.Effect<void, never, Scope.Scope> =>
    Effect.asVoid(Effect.acquireRelease(
      Effect.sync(() => this.listeners.add(listener)),
      () => Effect.sync(() => this.listeners.delete(listener))
    ))

  /** Tells those who listen, where the version is suspended: to be called after each loss and each start that failed. */
  tell(): void {
    const { breaker, live } = this.options
    if (!breaker.isOpen || live.size > 0) return
    for (const listener of this.listeners) listener()
  }

  private failure(): ModelSuspended {
    const { book, breaker, model, now } = this.options
    const left = Math.max(0, Math.ceil(Number(breaker.pausedUntil! - now()) / 1e6))
    return new ModelSuspended({
      model,
      retryAfterMillis: left,
      message: `model '${model}' is suspended after ${breaker.count} losses of its instances, ` +
        `${
          left === 0 ? "and one is being started on trial" : `for another ${left} ms`
        }; the last was: ${book.lastReason}; ` +
        "try again then"
    })
  }
}
