/**
 * Execution instances: a `Pool` of them, and the `Semaphore` whose permits say how many runs may be in it.
 *
 * An instance that is lost leaves the pool and takes its permit along; it comes back with both once it is open again, unless too many
 * were lost: then none is started for a while. One that has grown is replaced between two runs.
 */
import {
  Cause,
  Clock,
  Deferred,
  Duration,
  Effect,
  Exit,
  FiberSet,
  Latch,
  Pool,
  Schedule,
  Scope,
  Semaphore
} from "effect"
import { freemem } from "node:os"
import { type LoadFailed, ModelSuspended } from "../../../schema/Errors.ts"
import type { Tensor } from "../../../schema/Inference.ts"
import type {
  ExecutionResult,
  Instances,
  LentInstance,
  LossCause,
  ModelPlan,
  Placement,
  RunFailure
} from "../../../services/Executor.ts"
import * as Breaker from "./Breaker.ts"
import type { InstanceBounds } from "./InstanceBounds.ts"
import { LossBook } from "./LossBook.ts"
import * as MemoryWatch from "./MemoryWatch.ts"
import * as RunWatch from "./RunWatch.ts"

/** An open instance. Its scope closes it. @category models */
export interface Instance {
  readonly name: string
  /** Where it runs now. Default: in a thread. */
  readonly placement?: () => Placement
  readonly accepts: LentInstance["accepts"]
  readonly quick: LentInstance["quick"]
  readonly start: LentInstance["start"]
  readonly sequenceEnded?: LentInstance["sequenceEnded"]
  /**
   * Completes, with a reason that clients may read, when the instance cannot run any more; what ran in it has failed by then.
   */
  readonly lost: Deferred.Deferred<string>
  /** The reason with what its process or thread itself said, for whoever runs the server. Default: the reason. */
  readonly lostInFull?: () => string
  /** Why it was lost, where its reason does not say it for machines. Default: it ended. */
  readonly lostBy?: () => LossCause
  /** Runs that it has answered with a result. */
  readonly answers: () => number
  /** Monotonic nanoseconds since which it runs something that can be abandoned. */
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
  /** Delays before each next attempt to open a lost instance. Starts afresh once an instance has answered or stayed up `stableAfter`. */
  readonly restart: Schedule.Schedule<unknown>
  readonly stableAfter: Duration.Input
  readonly bounds: InstanceBounds
  /** Default: `Breaker.defaults`. */
  readonly breaker?: Breaker.Options | undefined
  /** Bytes of memory that are free on this machine: whether a second instance may be opened before the first is closed. */
  readonly freeMemory?: () => number
  readonly poll: () => void
  /** Told of each loss. */
  readonly onLoss?: (reason: string) => void
  /** Instances that have moved from one place to another. Default: none. */
  readonly moved?: () => number
}

/** Indices of the passive instances of a plan. @category getters */
export const passiveOf = (plan: ModelPlan): ReadonlySet<number> =>
  new Set(plan.instances.flatMap(({ passive }, index) => passive === true ? [index] : []))

/** 100 ms, doubling up to 30 s, without end. */
export const defaultRestart: Schedule.Schedule<unknown> = Schedule.min([
  Schedule.exponential("100 millis"),
  Schedule.spaced("30 seconds")
])

/** An instance that has answered and was up so long is opened again at once: it is no start that fails again and again. */
const provenNanos = 1_000_000_000n

/** How often an instance on trial is looked at. */
const trialLook: Duration.Input = "50 millis"

interface Opened {
  readonly index: number
  readonly instance: Instance
  readonly scope: Scope.Closeable
  /** Completes when it is to be replaced between two runs. */
  readonly retiring: Deferred.Deferred<void>
  /** Completes when nobody has it any more. */
  readonly gone: Deferred.Deferred<void>
}

/** Opens all instances at once; fails when one cannot be opened. @category constructors */
export const make = Effect.fnUntraced(function*(options: Options) {
  const { bounds, model } = options
  const clock = yield* Clock.Clock
  const stableNanos = Duration.toNanosUnsafe(options.stableAfter)
  const freeMemory = options.freeMemory ?? freemem
  const indices = Array.from({ length: options.count }, (_, index) => index)
  const active = indices.filter((index) => options.passive?.has(index) !== true)
  const slots = yield* Semaphore.make(active.length)
  const live = new Map<Instance, Opened>()
  const known = new WeakMap<Instance, Opened>()
  /** Indices without an instance. */
  const vacant: Array<number> = []
  /** Open, and not in the pool yet, by index: those of the start, and those that take the place of another. */
  const prepared = new Map<number, Opened>()
  /** To be opened without delay once the instance is closed whose place they take. */
  const planned = new Map<number, Deferred.Deferred<void>>()
  const delays = Array.from({ length: options.count }, () => ({
    step: undefined as Step | undefined,
    openedAt: 0n,
    /** The next opening needs no delay. */
    proven: false
  }))
  const breakerOptions = options.breaker ?? Breaker.defaults
  const breaker = new Breaker.Breaker(breakerOptions)
  const admission = yield* Latch.make(true)
  const book = new LossBook()
  const causes = new WeakMap<Instance, LossCause>()
  const listeners = new Set<() => void>()
  /** Runs answered by instances that are no more. */
  let answered = 0

  const now = () => clock.monotonicTimeNanosUnsafe()
  const answers = () => {
    let sum = answered
    for (const instance of live.keys()) sum += instance.answers()
    return sum
  }
  const isSuspended = () => breaker.isOpen && live.size === 0
  const tellSuspension = () => {
    if (isSuspended()) { for (const listener of listeners) listener() }
  }

  const openOne = (index: number): Effect.Effect<Opened, LoadFailed> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Scope.make(), (scope) =>
        Effect.onExit(
          restore(Effect.map(Scope.provide(options.open(index), scope), (instance): Opened => ({
            index,
            instance,
            scope,
            retiring: Deferred.makeUnsafe<void>(),
            gone: Deferred.makeUnsafe<void>()
          }))),
          (exit) => Exit.isFailure(exit) ? Scope.close(scope, exit) : Effect.void
        ))
    )

  /** Waits as the schedule says; never ends when the schedule has. */
  const backOff = Effect.fnUntraced(function*(index: number) {
    const delay = delays[index]!
    const closed = planned.get(index)
    if (closed !== undefined) {
      yield* Deferred.await(closed)
      planned.delete(index)
      return
    }
    if (delay.proven) {
      delay.proven = false
      return
    }
    if (delay.step === undefined || now() - delay.openedAt >= stableNanos) {
      delay.step = yield* Schedule.toStep(options.restart)
    }
    const next = yield* Effect.exit(delay.step(clock.currentTimeMillisUnsafe(), undefined))
    yield* Exit.isSuccess(next) ? Effect.sleep(next.value[1]) : Effect.never
  })

  /** Waits until the breaker lets an instance be started. */
  const admit = (index: number): Effect.Effect<void> =>
    Effect.suspend(() => {
      const told = breaker.admit(index, now())
      if (told === "now") return Effect.void
      if (told === "on trial") {
        admission.closeUnsafe()
        return Effect.logInfo(`one instance of model '${model}' is started on trial`)
      }
      const wait = told === "after the trial" ? admission.await : Effect.sleep(Duration.nanos(told.at - now()))
      return Effect.andThen(wait, admit(index))
    })

  /** Counts a loss, or an instance that could not be started, with the breaker. */
  const strike = (index: number, reason: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      const wasOpen = breaker.isOpen
      const opened = breaker.lost(index, now(), answers())
      const closed = wasOpen && !breaker.isOpen
      if (opened || closed) admission.openUnsafe()
      if (!opened) return Effect.void
      for (const delay of delays) delay.step = undefined
      return Effect.logError(
        `${breaker.count} losses of instances of model '${model}' since it last answered: no more is started for ` +
          `${Duration.format(Duration.nanos(breakerOptions.pauseNanos))}, then one on trial. The last was: ${reason}`
      )
    })

  const closeBreaker = Effect.suspend(() => {
    breaker.close()
    admission.openUnsafe()
    return Effect.logInfo(`instances of model '${model}' are started as usual again`)
  })

  /** The instance on trial has proved itself once it has answered, or stayed up as long as a pause is. */
  const tryOut = ({ index, instance }: Opened): Effect.Effect<void> => {
    const since = now()
    const look: Effect.Effect<void> = Effect.suspend(() => {
      if (!breaker.isOnTrial(index)) return Effect.void
      return instance.answers() > 0 || now() - since >= breakerOptions.pauseNanos
        ? closeBreaker
        : Effect.andThen(Effect.sleep(trialLook), look)
    })
    return look
  }

  const reopen = (index: number): Effect.Effect<Opened> =>
    Effect.andThen(
      Effect.andThen(Effect.suspend(() => breaker.isOpen ? Effect.void : backOff(index)), admit(index)),
      Effect.catchCause(openOne(index), (cause) =>
        Cause.hasInterrupts(cause)
          ? Effect.interrupt
          : Effect.gen(function*() {
            const reason = reasonOf(cause)
            yield* Effect.logWarning(`instance ${index} of model '${model}' could not be opened again`, cause)
            book.failed(reason)
            yield* strike(index, reason)
            tellSuspension()
            return yield* reopen(index)
          }))
    )

  /** Ends with the instance: takes its permit away, then lets the pool replace it. */
  const supervise = Effect.fnUntraced(function*(opened: Opened): Effect.fn.Return<void> {
    const { index, instance } = opened
    const reason = yield* Effect.raceFirst(
      Deferred.await(instance.lost),
      Effect.as(Deferred.await(opened.gone), undefined)
    )
    if (reason === undefined) return
    const inFull = instance.lostInFull?.() ?? reason
    yield* Effect.logWarning(`instance '${instance.name}' of model '${model}' was lost: ${inFull}; restarting it`)
    const retires = Deferred.isDoneUnsafe(opened.retiring)
    yield* Effect.uninterruptible(Effect.gen(function*() {
      const delay = delays[index]!
      const at = now()
      book.lost(index, causes.get(instance) ?? instance.lostBy?.() ?? "ended", reason, at, inFull)
      options.onLoss?.(reason)
      forget(opened)
      yield* strike(index, inFull)
      if (retires) return
      if (instance.answers() > 0) delay.step = undefined
      delay.proven = instance.answers() > 0 && at - delay.openedAt >= provenNanos
      vacant.push(index)
      yield* slots.resize(live.size)
      tellSuspension()
      yield* Pool.invalidate(pool, instance)
    }))
  })

  const forget = ({ instance }: Opened) => {
    if (live.delete(instance)) answered += instance.answers()
  }

  /**
   * Puts another instance in the place of one that works: opens it first where there is memory for both, and closes the old one once
   * what was started in it has ended.
   */
  const replace = Effect.fnUntraced(function*(instance: Instance, reason: string, bytes: number) {
    const opened = live.get(instance)!
    const { index } = opened
    yield* Effect.logInfo(`instance '${instance.name}' of model '${model}' is being replaced: ${reason}`)
    if (freeMemory() > bytes) {
      const taken = yield* Effect.uninterruptibleMask((restore) =>
        Effect.matchCauseEffect(restore(openOne(index)), {
          onFailure: (cause) =>
            Cause.hasInterrupts(cause)
              ? Effect.interrupt
              : Effect.as(
                Effect.logWarning(`instance '${instance.name}' of model '${model}' could not be replaced`, cause),
                false
              ),
          onSuccess: (next) => {
            if (!live.has(instance)) return Effect.as(Scope.close(next.scope, Exit.void), false)
            prepared.set(index, next)
            return Effect.succeed(true)
          }
        })
      )
      if (!taken) return false
    } else planned.set(index, Deferred.makeUnsafe())
    book.replaced()
    vacant.push(index)
    Deferred.doneUnsafe(opened.retiring, Exit.void)
    yield* Pool.invalidate(pool, instance)
    yield* Deferred.await(opened.gone)
    return true
  })

  const passive: Array<Opened> = []
  const closePrepared = Effect.suspend(() => {
    const all = [...prepared.values(), ...passive.splice(0)]
    prepared.clear()
    return Effect.forEach(all, (opened) => Scope.close(opened.scope, Exit.void), {
      concurrency: "unbounded",
      discard: true
    })
  })
  yield* Effect.addFinalizer(() => closePrepared)
  yield* Effect.forEach(
    indices,
    (index) =>
      Effect.map(openOne(index), (opened) => {
        if (active.includes(index)) prepared.set(index, opened)
        else passive.push(opened)
      }),
    { concurrency: "unbounded", discard: true }
  ).pipe(Effect.onError(() => closePrepared))
  vacant.push(...active)

  const fibers = yield* FiberSet.make()
  /** The ends of instances that were replaced: nobody waits for them but the end of the pool. */
  const endings = yield* FiberSet.make()

  const acquire = Effect.acquireRelease(
    Effect.interruptible(Effect.suspend(() => {
      const index = vacant.shift()!
      const opened = prepared.get(index)
      if (opened !== undefined) {
        prepared.delete(index)
        return Effect.succeed(opened)
      }
      return Effect.onInterrupt(reopen(index), () =>
        Effect.sync(() => {
          breaker.dropTrial(index)
          vacant.push(index)
        }))
    })),
    (opened) => {
      Deferred.doneUnsafe(opened.gone, Exit.void)
      const close = Scope.close(opened.scope, Exit.void)
      if (!Deferred.isDoneUnsafe(opened.retiring)) return close
      forget(opened)
      const next = planned.get(opened.index)
      if (next !== undefined) return Effect.andThen(close, Effect.sync(() => Deferred.doneUnsafe(next, Exit.void)))
      return Effect.andThen(
        slots.resize(live.size),
        Effect.asVoid(FiberSet.run(endings, Effect.uninterruptible(close), { startImmediately: true }))
      )
    }
  ).pipe(
    Effect.tap((opened) => {
      const at = now()
      const { index, instance } = opened
      delays[index]!.openedAt = at
      book.opened(index, at)
      live.set(instance, opened)
      known.set(instance, opened)
      const tried = breaker.isOnTrial(index) ? FiberSet.run(fibers, tryOut(opened)) : Effect.void
      return Effect.andThen(slots.resize(live.size), Effect.andThen(FiberSet.run(fibers, supervise(opened)), tried))
    }),
    Effect.map((opened) => opened.instance)
  )

  const pool: Pool.Pool<Instance> = yield* Pool.make({ acquire, size: active.length })
  // `Pool.make` acquires in the background; the instances are open already, so this takes no time.
  yield* Effect.scoped(Effect.forEach(active, () => Pool.get(pool), { concurrency: "unbounded", discard: true }))

  const runStarted = bounds.run === undefined ? undefined : yield* RunWatch.make<Instance>({
    bound: bounds.run,
    live: () => live.keys(),
    poll: options.poll,
    onTimeout: (instance) => causes.set(instance, "run_timeout")
  })
  yield* MemoryWatch.run<Instance>({
    model,
    bounds,
    live: () => live.keys(),
    onExcess: (instance, reason) => {
      causes.set(instance, "memory")
      instance.abandon(reason)
    },
    onGrowth: replace
  })

  const startIn = ({ runningSince, start }: Instance): LentInstance["start"] =>
    runStarted === undefined ? start : (inputs, outputs, done) => {
      const run = start(inputs, outputs, done)
      if (runningSince() !== undefined) runStarted()
      return run
    }

  return {
    count: active.length,
    slots,
    run: (inputs, outputs) => Pool.use(pool, (instance) => runIn(startIn(instance), inputs, outputs)),
    lend: Effect.map(Pool.get(pool), (instance) => ({
      name: instance.name,
      index: known.get(instance)!.index,
      accepts: instance.accepts,
      quick: instance.quick,
      start: startIn(instance),
      ...(instance.sequenceEnded === undefined ? {} : { sequenceEnded: instance.sequenceEnded }),
      lost: Effect.asVoid(Deferred.await(instance.lost)),
      ...(instance.lostInFull === undefined ? {} : { whyLost: instance.lostInFull }),
      ...(bounds.growth === undefined ? {} : { retiring: Deferred.await(known.get(instance)!.retiring) })
    })),
    healthy: () => live.size > 0 || active.length === 0,
    condition: () => {
      const memoryBytes = new Map<string, number>()
      const placed = { inline: 0, thread: 0, process: 0 }
      for (const instance of live.keys()) {
        placed[instance.placement?.() ?? "thread"]++
        const bytes = instance.memoryBytes?.()
        if (bytes !== undefined) memoryBytes.set(instance.name, bytes)
      }
      return book.condition({
        live: live.size,
        pausedUntilNanos: breaker.pausedUntil,
        memoryBytes,
        placed,
        moved: options.moved?.() ?? 0
      })
    },
    suspension: {
      current: () => isSuspended() ? suspended(model, breaker, book, now()) : undefined,
      listen: (listener) =>
        Effect.acquireRelease(
          Effect.sync(() => void listeners.add(listener)),
          () => Effect.sync(() => listeners.delete(listener))
        )
    },
    poll: options.poll
  } satisfies Instances
})

type Step = Effect.Success<ReturnType<typeof Schedule.toStep<unknown, unknown, never, never>>>

const reasonOf = (cause: Cause.Cause<LoadFailed>): string => {
  const [first] = Cause.prettyErrors(cause)
  return first?.message ?? "it could not be opened"
}

const suspended = (model: string, breaker: Breaker.Breaker, { lastReason }: LossBook, now: bigint): ModelSuspended => {
  const left = Math.max(0, Math.ceil(Number(breaker.pausedUntil! - now) / 1e6))
  return new ModelSuspended({
    model,
    retryAfterMillis: left,
    message: `model '${model}' is suspended after ${breaker.count} losses of its instances, ` +
      `${left === 0 ? "and one is being started on trial" : `for another ${left} ms`}; the last was: ${lastReason}; ` +
      "try again then"
  })
}

/** Waits for the native call whatever happens to the caller, and frees a result that nobody is left to take. */
const runIn = (
  start: LentInstance["start"],
  inputs: ReadonlyArray<Tensor>,
  outputs: ReadonlyArray<string>
): Effect.Effect<ExecutionResult, RunFailure> =>
  Effect.callback((resume) => {
    let ended = false
    let dropped: (() => void) | undefined
    start(inputs, outputs, (exit) => {
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
