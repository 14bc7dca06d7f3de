/**
 * The requests of one version that wait: by priority, then in the order of their arrival, those whose timeout put them behind the
 * others of their priority last. Plain data: it knows no clock, no instance and no fiber.
 *
 * Source: scheduling §3.5, §3.6.
 */
import { Effect, Queue } from "effect"
import type { DynamicBatching } from "../../../schema/ModelConfig.ts"
import type { Job } from "../../../services/Scheduler.ts"
import { DeadlineHeap } from "./DeadlineHeap.ts"
import type { Entry } from "./Entry.ts"
import { Level } from "./Level.ts"

/** Levels that are kept although nobody waits in them. */
const maxIdleLevels = 64

/** @category models */
export class RequestQueue {
  /** Those that have a timeout or a deadline, until they have ended. */
  readonly deadlines = new DeadlineHeap()
  /** Requests that wait. */
  length = 0
  /** Rows of these requests. */
  rows = 0
  /** Where requests arrive, until somebody looks: then they are sorted into their levels. */
  private readonly arrivals: Queue.Queue<Entry>
  private readonly batching: DynamicBatching | undefined
  private readonly levelCount: number
  /** Levels that were used, by priority. */
  private levels: Array<Level> = []

  constructor(arrivals: Queue.Queue<Entry>, batching: DynamicBatching | undefined) {
    this.arrivals = arrivals
    this.batching = batching
    this.levelCount = Number(batching?.priority_levels ?? 0n)
    if (this.levelCount === 0) this.levels = [new Level(0, batching?.default_queue_policy)]
  }

  /** The level of a request. */
  levelOf(job: Job): Level {
    if (this.levelCount === 0) return this.levels[0]!
    const asked = job.priority
    const priority = asked >= 1 && asked <= this.levelCount
      ? asked
      : Number(this.batching!.default_priority_level)
    const found = this.levels.find((level) => level.priority === priority)
    if (found !== undefined) return found
    const policies = this.batching!.priority_queue_policy
    const level = new Level(priority, policies[String(priority)] ?? this.batching!.default_queue_policy)
    this.hold(level)
    return level
  }

  /** Puts a request at the end of its level; the caller has checked the bounds. */
  add(entry: Entry): void {
    this.enter(entry, "arriving")
    if (Queue.offerUnsafe(this.arrivals, entry)) return
    // Full of requests that have left since.
    this.sort()
    Queue.offerUnsafe(this.arrivals, entry)
  }

  /** Puts a request back to where it was taken from. */
  putBack(entry: Entry): void {
    this.sort()
    this.enter(entry, "waiting")
    const { level } = entry
    if (entry.wasDelayed) level.delayed.rejoin(entry, (other) => laterDelayed(other, entry))
    else level.line.rejoin(entry, (other) => other.order > entry.order)
  }

  /** Takes a request out, from wherever it waits, and says what becomes of it. */
  remove(entry: Entry, state: "started" | "ended"): void {
    const was = entry.state
    entry.state = state
    if (was !== "arriving" && was !== "waiting") return
    entry.level.length--
    this.length--
    this.rows -= entry.rows
    if (was === "arriving") return
    if (entry.wasDelayed) entry.level.delayed.leave(entry)
    else entry.level.line.leave(entry)
  }

  /** Puts a waiting request behind the others of its level: its timeout is over and does not come again. */
  delay(entry: Entry): void {
    this.sort()
    entry.level.line.leave(entry)
    entry.wasDelayed = true
    // Mostly the last one, but not where it lay ready at an instance that was lost when its time came.
    entry.level.delayed.joinBehind(entry, (other) => laterDelayed(other, entry))
  }

  /** Calls `visit` for the requests in the order of service, until it says `false`. */
  walk(visit: (entry: Entry) => boolean): void {
    this.sort()
    for (const level of this.levels) {
      for (let entry = level.line.head; entry !== undefined; entry = entry.after) if (!visit(entry)) return
      for (let entry = level.delayed.head; entry !== undefined; entry = entry.after) if (!visit(entry)) return
    }
  }

  /** The request that is served next. */
  get head(): Entry | undefined {
    if (this.length === 0) return undefined
    this.sort()
    for (const level of this.levels) {
      const entry = level.line.head ?? level.delayed.head
      if (entry !== undefined) return entry
    }
    return undefined
  }

  /** Requests that are served before one that would join this level now. */
  countBefore(level: Level): number {
    let count = level.length - level.delayed.length
    for (const { length, priority } of this.levels) if (priority < level.priority) count += length
    return count
  }

  /** When the one arrived that has waited longest, in monotonic nanoseconds; infinite where none waits. */
  get oldestAt(): number {
    if (this.length === 0) return Infinity
    this.sort()
    let at = Infinity
    for (const { delayed, line } of this.levels) {
      if (line.head !== undefined) at = Math.min(at, line.head.arrivedAt)
      // These stand by the times of their timeouts.
      for (let entry = delayed.head; entry !== undefined; entry = entry.after) at = Math.min(at, entry.arrivedAt)
    }
    return at
  }

  private enter(entry: Entry, state: "arriving" | "waiting"): void {
    const { level } = entry
    // A level that was dropped while it was empty comes back with its first request.
    if (level.length === 0 && !this.levels.includes(level)) this.hold(level)
    entry.state = state
    level.length++
    this.length++
    this.rows += entry.rows
  }

  private sort(): void {
    for (let next = Queue.takeUnsafe(this.arrivals); next !== undefined; next = Queue.takeUnsafe(this.arrivals)) {
      if (next._tag === "Failure") return
      const entry = next.value
      if (entry.state !== "arriving") continue
      entry.state = "waiting"
      entry.level.line.join(entry)
    }
  }

  /** Clients choose among up to 2^64 levels: beyond some, empty ones make room. */
  private hold(level: Level): void {
    const kept = this.levels.length < maxIdleLevels ? this.levels : this.levels.filter((other) => other.length > 0)
    this.levels = [...kept, level].toSorted((a, b) => a.priority - b.priority)
  }
}

/** Of the delayed, who stands behind whom: by the times of their timeouts, not by when these were noticed. */
const laterDelayed = (other: Entry, entry: Entry): boolean =>
  other.timeoutAt! > entry.timeoutAt! || (other.timeoutAt === entry.timeoutAt && other.order > entry.order)

/** A queue for at most so many requests. @category constructors */
export const make = (maxQueueSize: number, batching: DynamicBatching | undefined): Effect.Effect<RequestQueue> =>
  Effect.map(
    Queue.dropping<Entry>(Math.max(1, maxQueueSize)),
    (arrivals) => new RequestQueue(arrivals, batching)
  )
