/**
 * What every queue of a version has: admission, timeouts and deadlines, cancellation, execution on lanes, answers, statistics, and a
 * graceful end. When a batch leaves and with whom is its owner's matter.
 */
import { Clock, Effect, Exit, Latch, type Scope } from "effect"
import { ExecutionFailed, RequestTimedOut } from "../../../schema/Errors.ts"
import type { Tensor } from "../../../schema/Inference.ts"
import type { DynamicBatching } from "../../../schema/ModelConfig.ts"
import type { ExecutionResult, Instances, RunFailure } from "../../../services/Executor.ts"
import { type Job, type JobFailure, type ModelScheduler, submitOf } from "../../../services/Scheduler.ts"
import type { FailureReason, ModelStatistics } from "../../../services/Statistics.ts"
import * as Admission from "./Admission.ts"
import type { Batch } from "./Batch.ts"
import * as BatchAnswers from "./BatchAnswers.ts"
import * as BatchTrace from "./BatchTrace.ts"
import * as DeadlineWatch from "./DeadlineWatch.ts"
import { Departures } from "./Departures.ts"
import type { Entry } from "./Entry.ts"
import * as Lanes from "./Lanes.ts"
import { deadlinePassed, Lateness, noTimeLeft } from "./Lateness.ts"
import { LaunchedBatches } from "./LaunchedBatches.ts"
import type { Owner } from "./Level.ts"
import * as RequestQueue from "./RequestQueue.ts"
import { runAgain } from "./Retries.ts"

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
    const { batching, instances, maxQueueSize, model, statistics } = options
    const { poll, suspension } = instances
    const clock = yield* Clock.Clock
    const now = () => Number(clock.monotonicTimeNanosUnsafe())
    const queue = yield* RequestQueue.make(maxQueueSize, batching)
    const lateness = new Lateness({ model, queue, lanes: () => lanes, maxRows: options.maxRows, now })
    const departures = new Departures({
      queue,
      statistics,
      ordered: batching?.preserve_ordering ?? false,
      drained: yield* Latch.make(true),
      now
    })
    const launched = new LaunchedBatches({ queue, departures, now })
    let opened = false

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
      departures.end(waiting, Exit.fail(refusal), "OTHER")
      options.onChange()
    }

    const finish = (batch: Batch, prepared: Prepared, exit: Exit.Exit<ExecutionResult, RunFailure>) => {
      if (Lanes.isNotBegun(exit)) {
        launched.putBack(batch, undefined)
        return comeBack()
      }
      if (options.retries && Exit.isFailure(exit) && Lanes.isLost(exit)) {
        runAgain(batch, exit, { launched, departures, statistics, now })
        return comeBack()
      }
      try {
        if (Exit.isSuccess(exit)) lateness.ran(exit.value.begunAtNanos)
        batch.answers = Exit.isSuccess(exit)
          ? BatchAnswers.ofResult(batch, exit.value, prepared.share(exit.value), now(), statistics)
          : BatchAnswers.ofFailure(batch, exit, now(), statistics)
      } catch (bug) {
        batch.answers = batch.entries.map(() => Exit.die(bug))
      }
      batch.release()
      departures.answered(batch)
    }

    const launch: QueueCore["launch"] = (entries, prepare) => {
      let prepared: Prepared
      try {
        const jobs = new Array<Job>(entries.length)
        for (let i = 0; i < entries.length; i++) jobs[i] = entries[i]!.job
        prepared = prepare(jobs)
      } catch (cause) {
        const message = `a batch of ${entries.length} requests for model '${model}' could not be put together: ${cause}`
        return departures.end(entries, Exit.fail(new ExecutionFailed({ model, message, cause })), "OTHER")
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
      launched.add(batch)
      batch.run = lanes.start(
        prepared.inputs,
        prepared.outputs,
        entries.length,
        (instance) => launched.begin(batch, instance),
        (exit) => finish(batch, prepared, exit)
      )
      launched.started(batch)
    }

    /** Does what is due: rejects, or puts behind the others. What has begun stays. */
    const expire = () => {
      const at = now()
      for (let entry = queue.deadlines.take(at); entry !== undefined; entry = queue.deadlines.take(at)) {
        if (!entry.waits && (entry.batch === undefined || !launched.takeBack(entry.batch, undefined))) continue
        if (entry.deadlineAt !== undefined && entry.deadlineAt <= at) {
          departures.end([entry], Exit.fail(deadlinePassed(model, entry)), "REJECTED")
        } else if (entry.level.action === "DELAY") {
          queue.delay(entry)
          queue.deadlines.add(entry, queue.length)
        } else {
          departures.end([entry], Exit.fail(new RequestTimedOut({ message: "Request timeout expired" })), "REJECTED")
        }
      }
      options.onChange()
    }

    /** What has begun is not withdrawn: its result is dropped, after the native call. */
    const owner: Owner = {
      withdraw: (entry, ended) => {
        if (entry.state === "ended") return ended()
        if (entry.waits || (entry.batch !== undefined && launched.takeBack(entry.batch, entry))) {
          departures.withdrawn(entry)
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

    const lanes = yield* Lanes.make(instances, () => opened && options.onChange())
    const watch = yield* DeadlineWatch.make(queue.deadlines, expire)
    const admission = Admission.make({
      model,
      maxQueueSize,
      queue,
      lanes,
      lateness,
      departures,
      statistics,
      suspension,
      poll,
      owner,
      now,
      keyOf: options.keyOf,
      expect: watch.expect,
      onArrival: options.onArrival,
      onFull: options.onFull
    })
    opened = true

    if (suspension !== undefined) yield* suspension.listen(suspend)

    // Runs before the lanes end: refuse, then wait for everybody who was accepted.
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        admission.close()
        options.onChange()
        return departures.done
      })
    )

    const depth = () => {
      const load = lanes.load()
      return { waiting: queue.length + load.ready, running: load.running }
    }
    const oldestNanos = () => {
      const at = Math.min(queue.oldestAt, launched.oldestAt)
      return at === Infinity ? 0 : Math.max(0, now() - at)
    }
    statistics.observe(() => ({ ...depth(), oldestNanos: oldestNanos() }))
    return {
      queue,
      lanes,
      submit: submitOf(admission.begin),
      depth,
      oldestNanos,
      closing: admission.isClosed,
      refresh: watch.refresh,
      launch,
      soonest: () => lateness.soonest(),
      drop: (entry) => departures.end([entry], Exit.fail(noTimeLeft(model, entry)), "REJECTED"),
      fail: (entries, exit, reason) => departures.end(entries, exit, reason)
    }
  })
