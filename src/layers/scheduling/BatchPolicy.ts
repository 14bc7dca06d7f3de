/**
 * When a batch leaves the queue, written as an Effect `Schedule`.
 *
 * `Schedule.while` and `Schedule.tap` compose with a policy; `Schedule.min` and `Schedule.max` do not, because they drop its outputs:
 * {@link either} is what they would be.
 */
import { Cause, Duration, Effect, type Pull, Schedule } from "effect"
import type { BatchPolicy, QueueSnapshot } from "../../services/Batcher.ts"

/** One step of a policy: {@link leave} or {@link wait}. @category models */
export type Decision = Pull.Pull<[rows: number, delay: Duration.Duration], never, number>

/** Take this many rows now. @category constructors */
export const leave: (rows: number) => Decision = Cause.done

/** Look again when this many rows wait, a batch ends elsewhere, or the delay (milliseconds) is over. @category constructors */
export const wait = (rows: number, delay: number): Decision => Effect.succeed([rows, Duration.millis(delay)])

type Decide = (queue: QueueSnapshot) => Decision

const decisions = new WeakMap<BatchPolicy, Decide>()

/** A policy from a decision. @category constructors */
export const make = (decide: Decide): BatchPolicy => {
  const policy: BatchPolicy = Schedule.fromStep(
    Effect.succeed((_now: number, queue: QueueSnapshot) => decide(queue))
  )
  decisions.set(policy, decide)
  return policy
}

/** The decision that a policy was made from, and no more: it can be asked without stepping the schedule. @internal */
export const decisionOf = (policy: BatchPolicy): Decide | undefined => decisions.get(policy)

/** What is left of a delay of less than a microsecond counts as nothing: milliseconds. */
const nothingLeft = 0.001

/**
 * `max_queue_delay_microseconds` and `preferred_batch_size`: the largest preferred size that is reached leaves at once, otherwise
 * everything leaves when the oldest request is `delay` old. No sizes: only the model's largest is preferred. Without a delay idle
 * instances share what waits.
 *
 * Source: scheduling §3.3.
 *
 * @category constructors
 */
export const maxQueueDelay = (delay: Duration.Input, preferredSizes: ReadonlyArray<number> = []): BatchPolicy => {
  const limit = Duration.toMillis(delay)
  const sizes = preferredSizes.toSorted((a, b) => a - b)
  return make((queue) => {
    const left = limit - queue.age
    const largest = sizes.at(-1) ?? queue.maxRows
    if (limit > 0 && left < nothingLeft) return leave(queue.rows)
    const reached = sizes.findLast((size) => queue.fit(size) === size)
    if (reached !== undefined) return leave(reached)
    if (queue.rows > largest) return leave(queue.fit(largest))
    if (queue.closed || queue.rows === largest) return leave(queue.rows)
    // Who asks for no delay is better served by two instances with half of the rows each than by one with all of them.
    if (limit === 0) return leave(queue.idle > 1 ? queue.fit(Math.ceil(queue.rows / queue.idle)) : queue.rows)
    return wait(sizes.find((size) => size > queue.rows) ?? largest, left)
  })
}

/** Leaves as soon as one of two policies does. @category combinators */
export const either = (self: BatchPolicy, that: BatchPolicy): BatchPolicy =>
  Schedule.fromStep(
    Effect.zipWith(
      Schedule.toStep(self),
      Schedule.toStep(that),
      (one, other) => (now, queue) =>
        Effect.zipWith(one(now, queue), other(now, queue), (a, b): [number, Duration.Duration] => [
          Math.min(a[0], b[0]),
          Duration.min(a[1], b[1])
        ])
    )
  )
