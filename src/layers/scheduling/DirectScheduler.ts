/**
 * The default scheduler: requests run one by one, in the order of their arrival, each on whichever instance is idle.
 *
 * A request that finds an idle instance starts in its caller's fiber at once. Otherwise it waits in line, and the end of a run
 * starts the head of the line: no fiber, no timer and no queue turn for a request.
 */
import { Cause, Clock, Effect, Exit, Latch, Layer, Option } from "effect"
import { QueueFull, Stopping } from "../../schema/Errors.ts"
import type { Instances, RunFailure, StartedRun } from "../../services/Executor.ts"
import { type Job, type JobFailure, type JobResult, type ModelScheduler, Scheduler } from "../../services/Scheduler.ts"
import type { ModelStatistics } from "../../services/Statistics.ts"
import * as Lanes from "./internal/Lanes.ts"
import { type Place, WaitingLine } from "./internal/WaitingLine.ts"

/** @category models */
export interface Options {
  /** Requests of one version that may wait for an instance; beyond it they are refused with `QueueFull`. Default: 16384. */
  readonly maxQueueSize?: number
}

/** A request and its caller. */
interface Entry {
  readonly job: Job
  /** Requests that arrived before it. */
  readonly order: number
  /** Monotonic nanoseconds. */
  readonly arrivedAt: number
  readonly resume: (exit: Exit.Exit<JobResult, JobFailure>) => void
  place: Place<Entry> | undefined
  run: StartedRun | undefined
  ended: boolean
  /** Called at the end of the run, in place of `resume`, for a caller that was interrupted. */
  dropped: (() => void) | undefined
}

const make = Effect.fnUntraced(function*(
  options: Options,
  model: string,
  instances: Instances,
  statistics: ModelStatistics
) {
  const maxQueueSize = options.maxQueueSize ?? 16_384
  const { poll } = instances
  const clock = yield* Clock.Clock
  const line = new WaitingLine<Entry>()
  const drained = yield* Latch.make(true)
  let arrivals = 0
  let serving = false
  let closed = false

  const start = (entry: Entry) => {
    const { job } = entry
    entry.run = lanes.start(job.inputs, job.outputs, (exit) => {
      if (Exit.isFailure(exit) && entry.dropped === undefined && isNotBegun(exit)) {
        entry.run = undefined
        entry.place = line.rejoin(entry, (other) => other.order > entry.order)
        return serve()
      }
      entry.ended = true
      settle()
      if (entry.dropped !== undefined) {
        if (Exit.isSuccess(exit)) exit.value.release()
        return entry.dropped()
      }
      if (Exit.isFailure(exit)) return entry.resume(Exit.failCause(exit.cause))
      const queueNanos = Math.max(0, exit.value.begunAtNanos - entry.arrivedAt)
      entry.resume(Exit.succeed({ ...exit.value, queueNanos, batchRows: job.batchSize }))
    })
  }

  /** Starts the head of the line where a lane takes more. A run that ends at once comes back here: the loop takes care of it. */
  const serve = () => {
    if (serving) return
    serving = true
    while (line.length > 0 && lanes.accepts()) start(line.take()!)
    serving = false
  }

  const settle = () => {
    if (line.length === 0 && lanes.load().running === 0) drained.openUnsafe()
  }

  /** What the interruption of a caller waits for: nothing while the request waits, the native call while that runs. */
  const withdraw = (entry: Entry): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (entry.place?.waiting === true) {
        line.leave(entry.place)
        settle()
        return Effect.void
      }
      if (entry.ended) return Effect.void
      if (entry.run?.withdraw() === true) {
        settle()
        return Effect.void
      }
      return Effect.callback<void>((resume) => {
        entry.dropped = () => resume(Effect.void)
      })
    })

  const submit = (job: Job): Effect.Effect<JobResult, JobFailure> =>
    Effect.callback((resume) => {
      if (closed) return resume(Exit.fail(new Stopping({ message: `model '${model}' is being unloaded` })))
      const arrivedAt = Number(clock.monotonicTimeNanosUnsafe())
      if (poll !== undefined) poll()
      const entry: Entry = {
        job,
        order: arrivals++,
        arrivedAt,
        resume,
        place: undefined,
        run: undefined,
        ended: false,
        dropped: undefined
      }
      if (line.length === 0 && lanes.idle()) {
        drained.closeUnsafe()
        start(entry)
      } else if (line.length + lanes.load().ready >= maxQueueSize) {
        return resume(
          Exit.fail(new QueueFull({ message: "Exceeds maximum queue size", model, capacity: maxQueueSize }))
        )
      } else {
        drained.closeUnsafe()
        if (line.length === 0 && lanes.accepts()) start(entry)
        else entry.place = line.join(entry)
      }
      return withdraw(entry)
    })

  const lanes = yield* Lanes.make(instances, () => serve())

  // Runs before the lanes end: refuse, then wait for everybody who was accepted.
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      closed = true
      return drained.await
    })
  )

  return {
    submit,
    depth: () => {
      const { ready, running } = lanes.load()
      return { waiting: line.length + ready, running }
    }
  } satisfies ModelScheduler
})

/** The instance was lost before it came to this request. */
const isNotBegun = (exit: Exit.Failure<unknown, RunFailure>): boolean => {
  const failure = Cause.findErrorOption(exit.cause)
  return Option.isSome(failure) && failure.value._tag === "InstanceLost" && !failure.value.begun
}

const service = (options: Options) =>
  Scheduler.of({
    open: ({ config, instances, statistics }) => make(options, config.name, instances, statistics)
  })

/** Arrival order, with default options. @category layers */
export const layer: Layer.Layer<Scheduler> = Layer.succeed(Scheduler, service({}))

/** Arrival order. @category layers */
export const layerWith = (options: Options): Layer.Layer<Scheduler> => Layer.succeed(Scheduler, service(options))
