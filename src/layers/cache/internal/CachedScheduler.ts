/**
 * Stands before the queue of a version and answers what was answered before.
 *
 * A hit costs a hash and a comparison: no fiber, no timer, no copy. Requests that are the same and there at the same time run once.
 *
 * Source: scheduling §7.3, §7.5.
 */
import { Cause, Clock, Effect, Exit, Latch, type Scope } from "effect"
import { DeadlineExceeded } from "../../../schema/Errors.ts"
import type { CachedVersion } from "../../../services/ResponseCache.ts"
import type { Job, JobFailure, JobResult, ModelScheduler } from "../../../services/Scheduler.ts"
import * as CacheKey from "./CacheKey.ts"
import type { Answer, CacheStore } from "./CacheStore.ts"
import * as DueTimes from "./DueTimes.ts"
import { Flight, Participant, share } from "./Flight.ts"
import { FlightTable } from "./FlightTable.ts"

/** @category models */
export interface Options {
  readonly store: CacheStore
  /** Requests of one version that may follow others; beyond it they run by themselves. */
  readonly maxFollowers: number
  /** Told how long each look-up and each insertion took, in nanoseconds. */
  readonly onTimes: (lookup: number, insertion: number) => void
  /** Told of requests that got the answer of another. */
  readonly onShared: (requests: number) => void
}

const nothing = () => {}

/** A leader that ended like this did so for reasons of its own caller. */
const gaveUp = (exit: Exit.Failure<unknown, JobFailure>): boolean => {
  if (Cause.hasInterruptsOnly(exit.cause)) return true
  const failure = exit.cause.reasons.find(Cause.isFailReason)?.error
  return failure?._tag === "DeadlineExceeded" || failure?._tag === "RequestTimedOut" || failure?._tag === "Cancelled"
}

/** @category constructors */
export const open = (
  version: CachedVersion,
  options: Options
): Effect.Effect<ModelScheduler, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { model, scheduler, statistics } = version
    const { maxFollowers, onTimes, store } = options
    const { fetch } = store
    const clock = yield* Clock.Clock
    const dueTimes = yield* DueTimes.make
    const drained = yield* Latch.make(true)
    const scheme = CacheKey.scheme(version)
    const flights = new FlightTable()
    /** Reasons why nothing was inserted, each told once. */
    const told = new Set<string>()
    let present = 0
    let following = 0
    /** Requests that Redis is being asked for. */
    let fetching = 0
    let closing = false

    const now = () => Number(clock.monotonicTimeNanosUnsafe())

    const deadlineExceeded = ({ job }: Participant) =>
      Effect.fail(
        new DeadlineExceeded({
          message: `the deadline of the request, ${job.deadlineMicros / 1000} ms after its arrival, passed while it ` +
            `waited for the answer to the same request to model '${model}'`
        })
      )

    const stopFollowing = (me: Participant) => {
      following--
      me.resume = undefined
      dueTimes.remove(me)
    }

    const expired = (me: Participant) => {
      const { resume } = me
      const flight = flights.get(me.key)
      if (resume === undefined || flight?.followers.delete(me) !== true) return
      stopFollowing(me)
      statistics.failed("REJECTED", now() - me.arrivedAt)
      resume(deadlineExceeded(me))
    }

    /** What is answered without a run. */
    const hit = (job: Job, outputs: Answer, arrivedAt: number, lookup: number, answeredAt: number): JobResult => {
      job.trace?.cached("hit", lookup)
      statistics.cacheHit({ request: answeredAt - arrivedAt, queue: 0, lookup }, job.trace?.context)
      return {
        outputs,
        begunAtNanos: arrivedAt,
        computeInputNanos: 0,
        computeInferNanos: 0,
        computeOutputNanos: 0,
        queueNanos: 0,
        batchRows: job.batchSize,
        release: nothing
      }
    }

    /** Puts the request into the queue of the version, with what is left of its time. */
    const submit = (me: Participant): Effect.Effect<JobResult, JobFailure> =>
      Effect.suspend(() => {
        const { dueAt, job } = me
        if (dueAt === Infinity) {
          me.submitted = true
          return scheduler.submit(job)
        }
        const left = dueAt - now()
        if (left <= 0) {
          statistics.failed("REJECTED", now() - me.arrivedAt)
          return deadlineExceeded(me)
        }
        me.submitted = true
        return scheduler.submit({ ...job, deadlineMicros: Math.max(1, Math.floor(left / 1000)) })
      })

    /** Runs the request, and inserts what comes of it, which is also the flight's answer where it leads one. */
    const run = (me: Participant, flight: Flight | undefined): Effect.Effect<JobResult, JobFailure> =>
      Effect.suspend(() => {
        const lookupNanos = now() - me.arrivedAt
        me.job.trace?.cached("miss", lookupNanos)
        return Effect.flatMap(submit(me), (result) => {
          const began = now()
          const insertion = store.insert(me.key, result.outputs, began)
          const took = now() - began
          onTimes(0, took)
          if (insertion._tag !== "Exists") statistics.cacheMiss(lookupNanos + took)
          const mine = flight === undefined ? result : conclude(flight, result)
          if (insertion._tag !== "Failed" || told.has(insertion.reason)) return Effect.succeed(mine)
          told.add(insertion.reason)
          return Effect.as(
            Effect.logWarning(
              `Failed to insert key [${
                CacheKey.digest(me.key)
              }] into response cache: ${insertion.message} (model '${model}'; ` +
                "not told again for this reason)"
            ),
            mine
          )
        })
      })

    /** Finds the answer for everybody in a flight. */
    const lead = (flight: Flight, me: Participant): Effect.Effect<JobResult, JobFailure> => {
      if (fetch === undefined) return run(me, flight)
      return Effect.suspend(() => {
        fetching++
        const began = now()
        return Effect.flatMap(
          Effect.onExit(fetch(me.key, now), () => Effect.sync(() => void fetching--)),
          (outputs) => {
            if (outputs === undefined) return run(me, flight)
            const at = now()
            onTimes(at - began, 0)
            return Effect.succeed(conclude(flight, hit(me.job, outputs, me.arrivedAt, at - me.arrivedAt, at)))
          }
        )
      })
    }

    /** Gives every follower the leader's result; the leader's own comes back. */
    const conclude = (flight: Flight, result: JobResult): JobResult => {
      flights.delete(flight)
      const { followers } = flight
      if (followers.size === 0) return result
      const shared = share(result, followers.size + 1)
      const at = now()
      options.onShared(followers.size)
      for (const follower of followers) {
        const resume = follower.resume!
        stopFollowing(follower)
        follower.job.trace?.cached("shared", follower.lookupNanos)
        const queueNanos = Math.max(0, at - follower.arrivedAt - follower.lookupNanos)
        statistics.cacheHit(
          { request: at - follower.arrivedAt, queue: queueNanos, lookup: follower.lookupNanos },
          follower.job.trace?.context
        )
        resume(Effect.succeed(shared({
          queueNanos,
          begunAtNanos: at,
          computeInputNanos: 0,
          computeInferNanos: 0,
          computeOutputNanos: 0,
          batchRows: follower.job.batchSize
        })))
      }
      followers.clear()
      return shared({})
    }

    /** The leader of a flight has no answer: its followers go on without it. */
    const disband = (flight: Flight, exit: Exit.Failure<unknown, JobFailure>) => {
      const { followers } = flight
      const [next] = followers
      if (next !== undefined && gaveUp(exit)) {
        followers.delete(next)
        flight.leader = next
        const resume = next.resume!
        stopFollowing(next)
        return resume(run(next, flight))
      }
      flights.delete(flight)
      for (const follower of followers) {
        const resume = follower.resume!
        stopFollowing(follower)
        resume(run(follower, undefined))
      }
      followers.clear()
    }

    /** The last thing that happens to a request that was no hit, however it ends. */
    const leave = (me: Participant, exit: Exit.Exit<unknown, JobFailure>) => {
      if (!me.entered) return statistics.failed("CANCELED", now() - me.arrivedAt)
      if (Exit.isFailure(exit)) {
        const flight = flights.get(me.key)
        if (flight?.followers.delete(me) === true) stopFollowing(me)
        if (!me.submitted && Cause.hasInterruptsOnly(exit.cause)) {
          statistics.failed("CANCELED", now() - me.arrivedAt)
        }
        if (flight?.leader === me) disband(flight, exit)
      }
      if (--present === 0) drained.openUnsafe()
    }

    const follow = (flight: Flight, me: Participant): Effect.Effect<JobResult, JobFailure> =>
      Effect.callback((resume) => {
        me.resume = resume
        flight.followers.add(me)
        following++
        dueTimes.add(me)
      })

    const enter = (me: Participant): Effect.Effect<JobResult, JobFailure> => {
      me.entered = true
      if (present++ === 0) drained.closeUnsafe()
      const flight = flights.get(me.key)
      if (flight === undefined) {
        const mine = new Flight(me)
        flights.add(mine)
        return lead(mine, me)
      }
      return following < maxFollowers && flight.accepts(me) ? follow(flight, me) : run(me, undefined)
    }

    const answer = (job: Job): Effect.Effect<JobResult, JobFailure> =>
      Effect.suspend(() => {
        // The queue refuses work only once all have left here who may still need it.
        if (closing) return scheduler.submit(job)
        const arrivedAt = now()
        const key = scheme.keyOf(job)
        const found = store.lookup(key, arrivedAt)
        const at = now()
        onTimes(at - arrivedAt, 0)
        if (found !== undefined) return Effect.succeed(hit(job, found, arrivedAt, at - arrivedAt, at))
        const me = new Participant(job, key, arrivedAt, at - arrivedAt, expired)
        // Nothing may be waited for that an interruption at this point would leave behind: it enters inside.
        return Effect.onExit(Effect.suspend(() => enter(me)), (exit) => Effect.sync(() => leave(me, exit)))
      })

    const depth = () => {
      const { running, waiting } = scheduler.depth()
      return { waiting: waiting + following + fetching, running }
    }
    const { oldestNanos } = scheduler
    statistics.observe(oldestNanos === undefined ? depth : () => ({ ...depth(), oldestNanos: oldestNanos() }))

    // Runs before the queue ends: a follower whose leader fails now must find it open.
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        closing = true
        return drained.await
      })
    )
    return { ...scheduler, submit: answer, depth }
  })
