/**
 * Requests that are the same and there at the same time: one of them, the leader, finds the answer, and the others follow it.
 *
 * Nothing of the leader but its answer reaches a follower. A leader that gives up makes room for the first follower; one that
 * fails leaves every follower to itself.
 */
import type { Effect } from "effect"
import type { Job, JobFailure, JobResult } from "../../../services/Scheduler.ts"
import * as CacheKey from "./CacheKey.ts"
import type { Waiting } from "./DueTimes.ts"

/** A request that the cache had no answer for. @category models */
export class Participant implements Waiting {
  readonly job: Job
  readonly key: CacheKey.CacheKey
  /** Monotonic nanoseconds. */
  readonly arrivedAt: number
  /** Nanoseconds that looking up took. */
  readonly lookupNanos: number
  /** When its caller's deadline passes; infinite: never. */
  readonly dueAt: number
  duePlace = -1
  /** It is among those whom the end of the version waits for. */
  entered = false
  /** The queue has it, and counts what happens to it. */
  submitted = false
  /** Continues its caller's fiber; there while it follows. */
  resume: ((effect: Effect.Effect<JobResult, JobFailure>) => void) | undefined = undefined
  private readonly onExpired: (participant: Participant) => void

  constructor(
    job: Job,
    key: CacheKey.CacheKey,
    arrivedAt: number,
    lookupNanos: number,
    onExpired: (participant: Participant) => void
  ) {
    this.job = job
    this.key = key
    this.arrivedAt = arrivedAt
    this.lookupNanos = lookupNanos
    this.dueAt = job.deadlineMicros > 0 ? arrivedAt + job.deadlineMicros * 1000 : Infinity
    this.onExpired = onExpired
  }

  expired(): void {
    this.onExpired(this)
  }
}

/** @category models */
export class Flight {
  leader: Participant
  /** In the order of their arrival. */
  readonly followers = new Set<Participant>()
  /** The next in its place of a `FlightTable`. */
  next: Flight | undefined = undefined

  constructor(leader: Participant) {
    this.leader = leader
  }

  /** A request may follow where the leader is the same, and waits in the queue as urgently as it would itself. */
  accepts({ job, key }: Participant): boolean {
    return job.priority === this.leader.job.priority && CacheKey.equals(key, this.leader.key)
  }
}

/** One result for several callers: the memory under it comes back when the last of them has released it. @category constructors */
export const share = (result: JobResult, holders: number): (changes: Partial<JobResult>) => JobResult => {
  let left = holders
  return (changes) => {
    let held = true
    return {
      ...result,
      ...changes,
      release: () => {
        if (!held) return
        held = false
        if (--left === 0) result.release()
      }
    }
  }
}
