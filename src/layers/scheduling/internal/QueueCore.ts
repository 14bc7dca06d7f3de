/**
 * What every queue of a version has: admission, timeouts and deadlines, cancellation, execution on lanes, answers, statistics, and a
 * graceful end. When a batch leaves and with whom is its owner's matter.
 */
import { Clock, Effect, Exit, Latch, type Scope } from "effect"
import { DeadlineExceeded, ExecutionFailed, QueueFull, RequestTimedOut, Stopping } from "../../../schema/Errors.ts"
import type { Tensor } from "../../../schema/Inference.ts"
import type { DynamicBatching } from "../../../schema/ModelConfig.ts"
import { type Begun, over } from "../../../services/Begun.ts"
import type { ExecutionResult, Instances, LentInstance, RunFailure } from "../../../services/Executor.ts"
import {
  type BeginJob,
  type Job,
  type JobFailure,
  type JobResult,
  type ModelScheduler,
  submitOf
} from "../../../services/Scheduler.ts"
import type { FailureReason, ModelStatistics, RefusalReason } from "../../../services/Statistics.ts"
import { Roster } from "../../Roster.ts"
import type { Batch } from "./Batch.ts"
import * as BatchAnswers from "./BatchAnswers.ts"
import * as BatchTrace from "./BatchTrace.ts"
import * as DeadlineWatch from "./DeadlineWatch.ts"
import { CallerEntry, type Entry, type Owner } from "./Entry.ts"
import * as Lanes from "./Lanes.ts"
import { Lateness, noTimeLeft } from "./Lateness.ts"
import type { Level } from "./Level.ts"
import * as RequestQueue from "./RequestQueue.ts"
import { ResponseOrder } from "./ResponseOrder.ts"
import { KeptPlace, mayRunAgain } from "./Retries.ts"

type Answered = (exit: Exit.Exit<JobResult, JobFailure>) => void

/** What a batch runs on. @category models */
export interface Prepared {
  readonly inputs: ReadonlyArray<Tensor>
  readonly outputs: ReadonlyArray<string>
  readonly rows: number
  readonly release: () => void
  /** Each request's share of a result, in the order of the batch. */
  readonly share: (result: ExecutionResult) => ReadonlyArray<Exit.Exit<BatchAnswers.Share, JobFailure>>
}

/** @category models */
export interface Options {
  readonly model: string
  readonly batching: DynamicBatching | undefined
  /** Requests that may wait, over all levels. */
  readonly maxQueueSize: number
  /** Rows that leave together at most; 0: requests leave one by one. */
  readonly maxRows: number
  readonly instances: Instances
  /** Requests in a run whose instance was lost are run once more. */
  readonly retries: boolean
  readonly statistics: ModelStatistics
  readonly keyOf: (job: Job) => unknown
  /** A request was accepted and is in the queue. */
  readonly onArrival: (entry: Entry) => void
  /** The queue is at a bound: the last chance to let something leave. */
  readonly onFull: () => void
  /** An instance can take more, or the queue has changed otherwise. */
  readonly onChange: () => void
}

/** @category models */
export interface QueueCore {
  readonly queue: RequestQueue.RequestQueue
  readonly lanes: Lanes.Lanes
  readonly submit: ModelScheduler["submit"]
  readonly depth: ModelScheduler["depth"]
  readonly oldestNanos: () => number
  /** Ends or moves the requests whose time is over. To be called before any are chosen. */
  readonly refresh: () => void
  /** No more requests are taken: whatever waits needs not wait for others. */
  readonly closing: () => boolean
  /** Takes waiting requests out of the queue and runs them as one batch, on a lane that accepts it. */
  readonly launch: (entries: ReadonlyArray<Entry>, prepare: (jobs: ReadonlyArray<Job>) => Prepared) => void
  /** Requests whose deadlines are before this time, in monotonic nanoseconds, are too late: others wait for their places. */
  readonly soonest: () => number
  /** Answers waiting requests that are too late. */
  readonly drop: (entry: Entry) => void
  /** Answers waiting requests with a failure. */
  readonly fail: (entries: ReadonlyArray<Entry>, exit: Exit.Exit<never, JobFailure>, reason: FailureReason) => void
}

/** @category constructors */
export const make = (options: Options): Effect.Effect<QueueCore, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { batching, instances, keyOf, maxQueueSize, model, statistics } = options
    const { poll, suspension } = instances
    const ordered = batching?.preserve_ordering ?? false
    const clock = yield* Clock.Clock
    const drained = yield* Latch.make(true)
    const queue = yield* RequestQueue.make(maxQueueSize, batching)
    const lateness = new Lateness({ model, queue, lanes: () => lanes, maxRows: options.maxRows, now: () => now() })
    /** Batches that lie ready at an instance which is busy with another. */
    const ready = new Roster<Batch>()
    let arrivals = 0
    /** Accepted requests whose callers have no answer yet. */
    let open = 0
    let opened = false
    let closing = false

    const now = () => Number(clock.monotonicTimeNanosUnsafe())

    const settle = () => {
      if (--open === 0) drained.openUnsafe()
    }

    /** The last thing that happens to a request. */
    const answer = (entry: Entry, exit: Exit.Exit<JobResult, JobFailure>) => {
      entry.state = "ended"
      entry.batch = undefined
      entry.resume(exit)
      settle()
    }

    /** A request that keeps a place in the order of responses does not need it any more. */
    const leavePlace = (entry: Entry, exit: Exit.Exit<JobResult, JobFailure> | undefined) => {
      const { place } = entry
      entry.place = undefined
      if (place?.settle(entry, exit) === true) order.answered(place.batch)
    }

    /** Ends requests that did not run. */
    const end = (entries: ReadonlyArray<Entry>, exit: Exit.Exit<never, JobFailure>, reason: FailureReason) => {
      const at = now()
      for (const entry of entries) {
        queue.remove(entry, "ended")
        statistics.failed(reason, at - entry.arrivedAt)
        answer(entry, exit)
        leavePlace(entry, undefined)
      }
    }

    const order = new ResponseOrder(ordered, ({ answers, entries }) => {
      for (let i = 0; i < entries.length; i++) {
        const exit = answers![i]
        if (exit !== undefined) answer(entries[i]!, exit)
      }
    })

    /**
     * Takes a batch back that has not begun; its requests but `except` return to the queue. `onChange` is the caller's to call, once
     * it has dealt with those whose time is over.
     */
    const takeBack = (batch: Batch, except: Entry | undefined): boolean => {
      if (batch.run?.withdraw() !== true) return false
      putBack(batch, except)
      return true
    }

    const putBack = (batch: Batch, except: Entry | undefined) => {
      order.takenBack(batch)
      leave(batch)
      batch.release()
      for (const entry of batch.entries) {
        entry.batch = undefined
        if (entry !== except) wait(entry)
      }
    }

    /** Puts a request back to where it was taken from. */
    const wait = (entry: Entry) => {
      queue.putBack(entry)
      // Looked at in vain while it ran, or while its instance was being lost: nobody would look again.
      if (entry.dueAt <= now() || (entry.isAlone && entry.dueAt !== Infinity)) queue.deadlines.add(entry, queue.length)
    }

    /** Lets the requests of a run that was lost run again, each by itself; who was in such a run before is answered. */
    const runAgain = (batch: Batch, exit: Exit.Failure<ExecutionResult, RunFailure>) => {
      leave(batch)
      batch.release()
      // The answers of a batch leave together: a run of one request has a batch of its own, which has no place in the order.
      const place = ordered && batch.entries[0]!.place === undefined ? new KeptPlace(batch) : undefined
      const lost: Array<Entry> = []
      const at = now()
      const again: Array<Entry> = []
      for (const entry of batch.entries) {
        entry.batch = undefined
        entry.place ??= place
        if (!mayRunAgain(entry, at)) {
          lost.push(entry)
          continue
        }
        entry.isAlone = true
        again.push(entry)
        wait(entry)
      }
      if (again.length > 0) statistics.retried(again.length)
      if (batch.isTraced) BatchTrace.retried(again, exit.cause, at)
      if (lost.length > 0) {
        const failed = { ...batch, entries: lost }
        const answers = BatchAnswers.ofFailure(failed, exit, at, statistics)
        for (let i = 0; i < lost.length; i++) give(lost[i]!, answers[i]!)
      }
      comeBack()
    }

    /** Requests have come back, of an instance that is lost. */
    const comeBack = () => {
      watch.lookAgain()
      options.onChange()
      suspend()
    }

    /** Nobody waits for instances that are not started: those that would are answered. */
    const suspend = () => {
      const refusal = suspension?.current()
      if (refusal === undefined || queue.length === 0) return
      const waiting: Array<Entry> = []
      queue.walk((entry) => waiting.push(entry) > 0)
      end(waiting, Exit.fail(refusal), "OTHER")
      options.onChange()
    }

    /** An answer of a request that runs, or ran, by itself. */
    const give = (entry: Entry, exit: Exit.Exit<JobResult, JobFailure>) => {
      if (entry.place === undefined) answer(entry, exit)
      else leavePlace(entry, exit)
    }

    const begin = (batch: Batch, instance: LentInstance) => {
      leave(batch)
      batch.instance = instance
      if (batch.isTraced) BatchTrace.begun(batch, now())
    }

    /** Its requests do not lie ready any more. */
    const leave = (batch: Batch) => {
      if (batch.begun) return
      batch.begun = true
      ready.remove(batch, batch.place)
      for (const entry of batch.entries) entry.level.ready--
    }

    const finish = (batch: Batch, prepared: Prepared, exit: Exit.Exit<ExecutionResult, RunFailure>) => {
      if (Lanes.isNotBegun(exit)) {
        putBack(batch, undefined)
        return comeBack()
      }
      if (options.retries && Exit.isFailure(exit) && Lanes.isLost(exit)) return runAgain(batch, exit)
      try {
        if (Exit.isSuccess(exit)) lateness.ran(exit.value.begunAtNanos)
        batch.answers = Exit.isSuccess(exit)
          ? BatchAnswers.ofResult(batch, exit.value, prepared.share(exit.value), now(), statistics)
          : BatchAnswers.ofFailure(batch, exit, now(), statistics)
      } catch (bug) {
        batch.answers = batch.entries.map(() => Exit.die(bug))
      }
      batch.release()
      const [first] = batch.entries
      if (first!.place === undefined) order.answered(batch)
      else give(first!, batch.answers[0]!)
    }

    const launch: QueueCore["launch"] = (entries, prepare) => {
      let prepared: Prepared
      try {
        const jobs = new Array<Job>(entries.length)
        for (let i = 0; i < entries.length; i++) jobs[i] = entries[i]!.job
        prepared = prepare(jobs)
      } catch (cause) {
        const message = `a batch of ${entries.length} requests for model '${model}' could not be put together: ${cause}`
        return end(entries, Exit.fail(new ExecutionFailed({ model, message, cause })), "OTHER")
      }
      for (const entry of entries) queue.remove(entry, "started")
      lateness.left(entries.length)
      const batch: Batch = {
        entries,
        rows: prepared.rows,
        release: prepared.release,
        run: undefined,
        begun: false,
        isTraced: BatchTrace.isTraced(entries),
        instance: undefined,
        begunAt: 0,
        place: -1,
        answers: undefined
      }
      for (const entry of entries) {
        entry.batch = batch
        entry.level.ready++
      }
      if (entries[0]!.place === undefined) order.started(batch)
      batch.run = lanes.start(
        prepared.inputs,
        prepared.outputs,
        entries.length,
        (instance) => begin(batch, instance),
        (exit) => finish(batch, prepared, exit)
      )
      if (!batch.begun) batch.place = ready.add(batch)
    }

    /** Does what is due: rejects, or puts behind the others. What has begun stays. */
    const expire = () => {
      const at = now()
      for (let entry = queue.deadlines.take(at); entry !== undefined; entry = queue.deadlines.take(at)) {
        if (!entry.waits && (entry.batch === undefined || !takeBack(entry.batch, undefined))) continue
        if (entry.deadlineAt !== undefined && entry.deadlineAt <= at) {
          end([entry], Exit.fail(deadlineExceeded(model, entry)), "REJECTED")
        } else if (entry.level.action === "DELAY") {
          queue.delay(entry)
          queue.deadlines.add(entry, queue.length)
        } else end([entry], Exit.fail(new RequestTimedOut({ message: "Request timeout expired" })), "REJECTED")
      }
      options.onChange()
    }

    /** What has begun is not withdrawn: its result is dropped, after the native call. */
    const owner: Owner = {
      withdraw: (entry, ended) => {
        if (entry.state === "ended") return ended()
        if (entry.waits || (entry.batch !== undefined && takeBack(entry.batch, entry))) {
          queue.remove(entry, "ended")
          statistics.failed("CANCELED", now() - entry.arrivedAt)
          settle()
          leavePlace(entry, undefined)
          options.onChange()
          return ended()
        }
        entry.isAbandoned = true
        entry.resume = (exit) => {
          if (Exit.isSuccess(exit)) exit.value.release()
          ended()
        }
      }
    }

    /** The bound that one more request of a level would go beyond. */
    const boundOf = (level: Level): number | undefined => {
      const { maxQueueSize: own } = level
      if (own > 0 && level.length + level.ready >= own) return own
      if (queue.length === 0 && lanes.idle()) return undefined
      return queue.length + lanes.load().ready >= maxQueueSize ? maxQueueSize : undefined
    }

    const refuse = (answered: Answered, reason: RefusalReason, failure: JobFailure): Begun => {
      statistics.refused(reason)
      answered(Exit.fail(failure))
      return over
    }

    const accept: BeginJob = (job, answered) => {
      if (closing) {
        return refuse(answered, "stopping", new Stopping({ message: `model '${model}' is being unloaded` }))
      }
      const suspended = suspension?.current()
      if (suspended !== undefined) return refuse(answered, "suspended", suspended)
      const arrivedAt = now()
      lateness.arrived(job)
      if (poll !== undefined) poll()
      const level = queue.levelOf(job)
      let capacity = boundOf(level)
      if (capacity !== undefined) {
        options.onFull()
        capacity = boundOf(level)
      }
      if (capacity !== undefined) {
        return refuse(answered, "queue_full", new QueueFull({ message: "Exceeds maximum queue size", model, capacity }))
      }
      const late = lateness.refusal(job, level)
      if (late !== undefined) return refuse(answered, "deadline", late)
      const entry = new CallerEntry(owner, job, arrivals++, arrivedAt, level, keyOf(job), answered)
      if (open++ === 0) drained.closeUnsafe()
      if (job.trace !== undefined) BatchTrace.queued(job.trace, job, arrivedAt)
      queue.add(entry)
      const { dueAt } = entry
      if (dueAt !== Infinity) {
        queue.deadlines.add(entry, queue.length)
        watch.expect(dueAt)
      }
      options.onArrival(entry)
      return entry
    }

    const lanes = yield* Lanes.make(instances, () => opened && options.onChange())
    const watch = yield* DeadlineWatch.make(queue.deadlines, expire)
    opened = true

    if (suspension !== undefined) yield* suspension.listen(suspend)

    // Runs before the lanes end: refuse, then wait for everybody who was accepted.
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        closing = true
        options.onChange()
        return drained.await
      })
    )

    const depth = () => {
      const load = lanes.load()
      return { waiting: queue.length + load.ready, running: load.running }
    }
    const oldestNanos = () => {
      let at = queue.oldestAt
      for (const { entries } of ready.all()) for (const { arrivedAt } of entries) at = Math.min(at, arrivedAt)
      return at === Infinity ? 0 : Math.max(0, now() - at)
    }
    statistics.observe(() => ({ ...depth(), oldestNanos: oldestNanos() }))
    return {
      queue,
      lanes,
      submit: submitOf(accept),
      depth,
      oldestNanos,
      closing: () => closing,
      refresh: watch.refresh,
      launch,
      soonest: () => lateness.soonest(),
      drop: (entry) => end([entry], Exit.fail(noTimeLeft(model, entry)), "REJECTED"),
      fail: end
    }
  })

const deadlineExceeded = (model: string, entry: Entry): DeadlineExceeded =>
  new DeadlineExceeded({
    message:
      `the deadline of the request, ${
        entry.job.deadlineMicros / 1000
      } ms after its arrival, passed while it waited for ` +
      `an instance of model '${model}'`
  })
