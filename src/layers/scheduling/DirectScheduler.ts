/**
 * The default scheduler: requests run one by one, in the order of their arrival, each on whichever instance is idle.
 *
 * A request that finds a free permit runs in its caller's fiber at once. Otherwise it waits in line, and who gives a permit
 * back hands it to the head of the line: no fiber, no timer and no queue turn for a request.
 */
import { Clock, Effect, Exit, Latch, Layer } from "effect"
import { QueueFull, Stopping } from "../../schema/Errors.ts"
import type { Instances } from "../../services/Executor.ts"
import { type Job, type JobFailure, type JobResult, type ModelScheduler, Scheduler } from "../../services/Scheduler.ts"
import { type Place, WaitingLine } from "./internal/WaitingLine.ts"

/** @category models */
export interface Options {
  /** Requests of one version that may wait for an instance; beyond it they are refused with `QueueFull`. Default: 16384. */
  readonly maxQueueSize?: number
}

/** A caller in line; `grant` hands it a permit. */
interface Waiter {
  readonly grant: () => void
}

const make = Effect.fnUntraced(function*(options: Options, model: string, instances: Instances) {
  const maxQueueSize = options.maxQueueSize ?? 16_384
  const { poll, run, slots } = instances
  const clock = yield* Clock.Clock
  const line = new WaitingLine<Waiter>()
  /** Open while the line may have members and no permit was at hand: then `pump` waits for one. */
  const unserved = yield* Latch.make()
  const drained = yield* Latch.make(true)
  let running = 0
  let granting = false
  let closed = false

  const settle = () => {
    if (line.length === 0 && running === 0) drained.openUnsafe()
  }

  /** Gives free permits to the head of the line. */
  const serve: Effect.Effect<void> = Effect.suspend(() =>
    line.length === 0 ? Effect.void : Effect.flatMap(slots.takeIfAvailable(1), (taken) => {
      if (!taken) return Effect.void
      const next = line.take()
      if (next === undefined) return Effect.asVoid(slots.release(1))
      running++
      granting = true
      next.grant()
      granting = false
      return serve
    })
  )

  const giveBack = Effect.suspend(() => {
    running--
    settle()
    // A job that ends while it is being granted leaves the line to who grants: a long line must not become a deep stack.
    return line.length === 0 || granting ? Effect.asVoid(slots.release(1)) : Effect.andThen(slots.release(1), serve)
  })

  /** Runs a job whose permit is held and counted. */
  const execute = (
    job: Job,
    arrivedAt: bigint,
    restore: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>
  ): Effect.Effect<JobResult, JobFailure> =>
    Effect.suspend(() => {
      const queueNanos = Number(clock.monotonicTimeNanosUnsafe() - arrivedAt)
      return Effect.onExit(
        Effect.map(restore(run(job.inputs, job.outputs)), (result): JobResult => ({ ...result, queueNanos })),
        () => giveBack
      )
    })

  const wait: Effect.Effect<void> = Effect.callback((resume) => {
    drained.closeUnsafe()
    const place: Place<Waiter> = line.join({ grant: () => resume(Exit.void) })
    unserved.openUnsafe()
    return Effect.suspend(() => {
      // Granted and interrupted at once: the permit goes on to the next.
      if (!place.waiting) return giveBack
      line.leave(place)
      settle()
      return Effect.void
    })
  })

  const submit = (job: Job): Effect.Effect<JobResult, JobFailure> =>
    Effect.uninterruptibleMask((restore) => {
      if (closed) return Effect.fail(new Stopping({ message: `model '${model}' is being unloaded` }))
      const arrivedAt = clock.monotonicTimeNanosUnsafe()
      if (poll !== undefined) poll()
      return Effect.flatMap(line.length === 0 ? slots.takeIfAvailable(1) : none, (taken) => {
        if (taken) {
          running++
          drained.closeUnsafe()
          return execute(job, arrivedAt, restore)
        }
        if (line.length >= maxQueueSize) {
          return Effect.fail(
            new QueueFull({ message: "Exceeds maximum queue size", model, capacity: maxQueueSize })
          )
        }
        return Effect.flatMap(restore(wait), () => execute(job, arrivedAt, restore))
      })
    })

  /** Serves the line when permits come from elsewhere: an instance that is back, or another user of the same instances. */
  const pump = Effect.gen(function*() {
    yield* Effect.interruptible(unserved.await)
    if (line.length === 0) return unserved.closeUnsafe()
    yield* Effect.interruptible(slots.withPermit(Effect.void))
    return yield* serve
  })
  yield* pump.pipe(Effect.forever({ disableYield: true }), Effect.uninterruptible, Effect.forkScoped)

  // Runs before the pump ends: refuse, then wait for everybody who was accepted.
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      closed = true
      return drained.await
    })
  )

  return {
    submit,
    depth: () => ({ waiting: line.length, running })
  } satisfies ModelScheduler
})

const none = Effect.succeed(false)

const service = (options: Options) =>
  Scheduler.of({
    open: ({ config, instances }) => make(options, config.name, instances)
  })

/** Arrival order, with default options. @category layers */
export const layer: Layer.Layer<Scheduler> = Layer.succeed(Scheduler, service({}))

/** Arrival order. @category layers */
export const layerWith = (options: Options): Layer.Layer<Scheduler> => Layer.succeed(Scheduler, service(options))
