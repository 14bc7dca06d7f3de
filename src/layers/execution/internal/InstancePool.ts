/**
 * Execution instances: a `Pool` of them, and the `Semaphore` whose permits say how many runs may be in it.
 *
 * An instance that is lost leaves the pool and takes its permit along; it comes back with both once it is open again.
 */
import { Cause, Clock, Deferred, Duration, Effect, Exit, FiberSet, Pool, Schedule, Scope, Semaphore } from "effect"
import type { LoadFailed } from "../../../schema/Errors.ts"
import type { Tensor } from "../../../schema/Inference.ts"
import type { ExecutionResult, Instances, LentInstance, ModelPlan, RunFailure } from "../../../services/Executor.ts"

/** An open instance. Its scope closes it. @category models */
export interface Instance {
  readonly name: string
  readonly accepts: LentInstance["accepts"]
  readonly quick: LentInstance["quick"]
  readonly start: LentInstance["start"]
  readonly sequenceEnded?: LentInstance["sequenceEnded"]
  /** Completes, with the reason, when the instance cannot run any more; what ran in it has failed by then. */
  readonly lost: Deferred.Deferred<string>
  /** Monotonic nanoseconds since which it runs something. */
  readonly runningSince: () => bigint | undefined
  /** Resident bytes of its process, as last heard. Absent: it has none of its own. */
  readonly memoryBytes?: () => number | undefined
  /** Gives it up while it runs: it is lost. */
  readonly abandon: (reason: string) => void
}

/** @category models */
export interface Options {
  readonly model: string
  /** Number of instances; `open` gets the index of the one to open. */
  readonly count: number
  /** Which of them are passive: opened and kept, but not in the pool. Default: none. */
  readonly passive?: ReadonlySet<number>
  readonly open: (index: number) => Effect.Effect<Instance, LoadFailed, Scope.Scope>
  /** Delays before each next attempt to open a lost instance. Starts afresh once an instance has stayed up `stableAfter`. */
  readonly restart: Schedule.Schedule<unknown>
  readonly stableAfter: Duration.Input
  /** A run longer than this counts as an instance that does not answer. */
  readonly stallTimeout: Duration.Input
  readonly poll: () => void
}

/** Indices of the passive instances of a plan. @category getters */
export const passiveOf = (plan: ModelPlan): ReadonlySet<number> =>
  new Set(plan.instances.flatMap(({ passive }, index) => passive === true ? [index] : []))

/** 100 ms, doubling up to 30 s, without end. */
export const defaultRestart: Schedule.Schedule<unknown> = Schedule.min([
  Schedule.exponential("100 millis"),
  Schedule.spaced("30 seconds")
])

interface Opened {
  readonly index: number
  readonly instance: Instance
  readonly scope: Scope.Closeable
}

/** Opens all instances at once; fails when one cannot be opened. @category constructors */
export const make = Effect.fnUntraced(function*(options: Options) {
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const stallNanos = Duration.toNanosUnsafe(options.stallTimeout)
  const stableNanos = Duration.toNanosUnsafe(options.stableAfter)
  const indices = Array.from({ length: options.count }, (_, index) => index)
  const active = indices.filter((index) => options.passive?.has(index) !== true)
  const slots = yield* Semaphore.make(active.length)
  const live = new Map<Instance, number>()
  const known = new WeakMap<Instance, number>()
  /** Indices without an instance. */
  const vacant: Array<number> = []
  const delays = Array.from({ length: options.count }, () => ({ step: undefined as Step | undefined, openedAt: 0n }))

  const openOne = (index: number): Effect.Effect<Opened, LoadFailed> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Scope.make(), (scope) =>
        Effect.onExit(
          restore(Effect.map(Scope.provide(options.open(index), scope), (instance) => ({ index, instance, scope }))),
          (exit) => Exit.isFailure(exit) ? Scope.close(scope, exit) : Effect.void
        ))
    )

  /** Waits as the schedule says; never ends when the schedule has. */
  const backOff = Effect.fnUntraced(function*(index: number) {
    const delay = delays[index]!
    if (delay.step === undefined || clock.monotonicTimeNanosUnsafe() - delay.openedAt >= stableNanos) {
      delay.step = yield* Schedule.toStep(options.restart)
    }
    const next = yield* Effect.exit(delay.step(clock.currentTimeMillisUnsafe(), undefined))
    yield* Exit.isSuccess(next) ? Effect.sleep(next.value[1]) : Effect.never
  })

  const reopen = (index: number): Effect.Effect<Opened> =>
    Effect.andThen(
      backOff(index),
      Effect.catchCause(openOne(index), (cause) =>
        Cause.hasInterrupts(cause)
          ? Effect.interrupt
          : Effect.andThen(
            Effect.logWarning(`instance ${index} of model '${options.model}' could not be opened again`, cause),
            reopen(index)
          ))
    )

  /** Ends with the instance: takes its permit away, then lets the pool replace it. */
  const supervise = Effect.fnUntraced(function*(opened: Opened): Effect.fn.Return<void> {
    const reason = yield* Deferred.await(opened.instance.lost)
    yield* Effect.logWarning(
      `instance '${opened.instance.name}' of model '${options.model}' was lost: ${reason}; restarting it`
    )
    yield* Effect.uninterruptible(Effect.suspend(() => {
      live.delete(opened.instance)
      vacant.push(opened.index)
      return Effect.andThen(slots.resize(live.size), Pool.invalidate(pool, opened.instance))
    }))
  })

  const first: Array<Opened> = []
  const passive: Array<Opened> = []
  const closeFirst = Effect.suspend(() =>
    Effect.forEach([...first.splice(0), ...passive.splice(0)], (opened) => Scope.close(opened.scope, Exit.void), {
      concurrency: "unbounded",
      discard: true
    })
  )
  yield* Effect.addFinalizer(() => closeFirst)
  yield* Effect.forEach(
    indices,
    (index) =>
      Effect.map(openOne(index), (opened) => {
        if (active.includes(index)) first.push(opened)
        else passive.push(opened)
      }),
    { concurrency: "unbounded", discard: true }
  ).pipe(Effect.onError(() => closeFirst))

  const supervisors = yield* FiberSet.make()

  const acquire = Effect.acquireRelease(
    Effect.interruptible(Effect.suspend(() => {
      const opened = first.pop()
      if (opened !== undefined) return Effect.succeed(opened)
      const index = vacant.pop()!
      return Effect.onInterrupt(reopen(index), () => Effect.sync(() => vacant.push(index)))
    })),
    (opened) => Scope.close(opened.scope, Exit.void)
  ).pipe(
    Effect.tap((opened) => {
      delays[opened.index]!.openedAt = clock.monotonicTimeNanosUnsafe()
      live.set(opened.instance, opened.index)
      known.set(opened.instance, opened.index)
      return Effect.andThen(
        slots.resize(live.size),
        FiberSet.run(supervisors, supervise(opened))
      )
    }),
    Effect.map((opened) => opened.instance)
  )

  const pool: Pool.Pool<Instance> = yield* Pool.make({ acquire, size: active.length })
  // `Pool.make` acquires in the background; the instances are open already, so this takes no time.
  yield* Effect.scoped(Effect.forEach(active, () => Pool.get(pool), { concurrency: "unbounded", discard: true }))

  const sweep = Effect.sync(() => {
    const now = clock.monotonicTimeNanosUnsafe()
    for (const instance of live.keys()) {
      const since = instance.runningSince()
      if (since !== undefined && now - since >= stallNanos) {
        instance.abandon(`it did not answer within ${Duration.format(Duration.fromInputUnsafe(options.stallTimeout))}`)
      }
    }
  })
  yield* Effect.forkIn(
    Effect.forever(Effect.delay(sweep, Duration.nanos(stallNanos / 4n))),
    scope
  )

  return {
    count: active.length,
    slots,
    run: (inputs, outputs) => Pool.use(pool, (instance) => runIn(instance, inputs, outputs)),
    lend: Effect.map(Pool.get(pool), (instance) => ({
      name: instance.name,
      index: known.get(instance)!,
      accepts: instance.accepts,
      quick: instance.quick,
      start: instance.start,
      ...(instance.sequenceEnded === undefined ? {} : { sequenceEnded: instance.sequenceEnded }),
      lost: Effect.asVoid(Deferred.await(instance.lost))
    })),
    healthy: () => live.size > 0 || active.length === 0,
    poll: options.poll
  } satisfies Instances
})

type Step = Effect.Success<ReturnType<typeof Schedule.toStep<unknown, unknown, never, never>>>

/** Waits for the native call whatever happens to the caller, and frees a result that nobody is left to take. */
const runIn = (
  instance: Instance,
  inputs: ReadonlyArray<Tensor>,
  outputs: ReadonlyArray<string>
): Effect.Effect<ExecutionResult, RunFailure> =>
  Effect.callback((resume) => {
    let ended = false
    let dropped: (() => void) | undefined
    instance.start(inputs, outputs, (exit) => {
      ended = true
      if (dropped === undefined) return resume(exit)
      if (Exit.isSuccess(exit)) exit.value.release()
      dropped()
    })
    return Effect.suspend(() =>
      ended ? Effect.void : Effect.callback<void>((resume) => {
        dropped = () => resume(Effect.void)
      })
    )
  })
