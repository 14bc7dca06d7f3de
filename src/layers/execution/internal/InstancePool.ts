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
  type Duration,
  Effect,
  Exit,
  FiberSet,
  Pool,
  Schedule,
  type Scope,
  Semaphore
} from "effect"
import { freemem } from "node:os"
import type { LoadFailed } from "../../../schema/Errors.ts"
import type { Instances, LentInstance, LossCause, ModelPlan } from "../../../services/Executor.ts"
import * as AwaitedRun from "./AwaitedRun.ts"
import * as Breaker from "./Breaker.ts"
import type { Instance } from "./Instance.ts"
import type { InstanceBounds } from "./InstanceBounds.ts"
import { LiveInstances } from "./LiveInstances.ts"
import { LossBook } from "./LossBook.ts"
import * as MemoryWatch from "./MemoryWatch.ts"
import * as PoolMember from "./PoolMember.ts"
import * as Replacement from "./Replacement.ts"
import * as Restarts from "./Restarts.ts"
import * as RunWatch from "./RunWatch.ts"
import { Suspension } from "./Suspension.ts"
import { Vacancies } from "./Vacancies.ts"

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

/** Opens all instances at once; fails when one cannot be opened. @category constructors */
export const make = Effect.fnUntraced(function*(options: Options) {
  const { bounds, model } = options
  const clock = yield* Clock.Clock
  const indices = Array.from({ length: options.count }, (_, index) => index)
  const active = indices.filter((index) => options.passive?.has(index) !== true)
  const slots = yield* Semaphore.make(active.length)
  const live = new LiveInstances()
  const vacancies = new Vacancies()
  const book = new LossBook()
  /** Why instances are given up, where this says it. */
  const causes = new WeakMap<Instance, LossCause>()
  const breaker = new Breaker.Breaker(options.breaker ?? Breaker.defaults)
  const now = () => clock.monotonicTimeNanosUnsafe()
  const suspension = new Suspension({ model, breaker, live, book, now })
  const restarts = yield* Restarts.make({
    model,
    count: options.count,
    schedule: options.restart,
    stableAfter: options.stableAfter,
    breaker,
    answers: live.answers
  })

  const openOne = (index: number) => PoolMember.open(index, options.open(index))

  const reopen = (index: number): Effect.Effect<PoolMember.PoolMember> =>
    Effect.andThen(
      restarts.turn(index, vacancies.turn(index)),
      Effect.catchCause(openOne(index), (cause) =>
        Cause.hasInterrupts(cause)
          ? Effect.interrupt
          : Effect.gen(function*() {
            const reason = reasonOf(cause)
            yield* Effect.logWarning(`instance ${index} of model '${model}' could not be opened again`, cause)
            book.failed(reason)
            yield* restarts.strike(index, reason)
            suspension.tell()
            return yield* reopen(index)
          }))
    )

  /** Ends with the instance: takes its permit away, then lets the pool replace it. */
  const supervise = Effect.fnUntraced(function*(member: PoolMember.PoolMember): Effect.fn.Return<void> {
    const { index, instance } = member
    const reason = yield* Effect.raceFirst(
      Deferred.await(instance.lost),
      Effect.as(Deferred.await(member.gone), undefined)
    )
    if (reason === undefined) return
    const inFull = instance.lostInFull?.() ?? reason
    yield* Effect.logWarning(`instance '${instance.name}' of model '${model}' was lost: ${inFull}; restarting it`)
    const retires = Deferred.isDoneUnsafe(member.retiring)
    yield* Effect.uninterruptible(Effect.gen(function*() {
      book.lost(index, causes.get(instance) ?? instance.lostBy?.() ?? "ended", reason, now(), inFull)
      options.onLoss?.(reason)
      live.remove(member)
      yield* restarts.strike(index, inFull)
      if (retires) return
      restarts.lost(index, instance)
      vacancies.add(index)
      yield* slots.resize(live.size)
      suspension.tell()
      yield* Pool.invalidate(pool, instance)
    }))
  })

  const passive: Array<PoolMember.PoolMember> = []
  const closeUnused = Effect.suspend(() =>
    Effect.forEach([...vacancies.takeAllPrepared(), ...passive.splice(0)], PoolMember.close, {
      concurrency: "unbounded",
      discard: true
    })
  )
  yield* Effect.addFinalizer(() => closeUnused)
  yield* Effect.forEach(
    indices,
    (index) =>
      Effect.map(openOne(index), (member) => {
        if (active.includes(index)) vacancies.prepare(member)
        else passive.push(member)
      }),
    { concurrency: "unbounded", discard: true }
  ).pipe(Effect.onError(() => closeUnused))
  for (const index of active) vacancies.add(index)

  const fibers = yield* FiberSet.make()
  /** The ends of instances that were replaced: nobody waits for them but the end of the pool. */
  const endings = yield* FiberSet.make()

  /** An instance has left the pool. */
  const release = (member: PoolMember.PoolMember): Effect.Effect<void> => {
    Deferred.doneUnsafe(member.gone, Exit.void)
    const close = PoolMember.close(member)
    if (!Deferred.isDoneUnsafe(member.retiring)) return close
    live.remove(member)
    const closed = vacancies.closed(member.index)
    if (closed !== undefined) return Effect.andThen(close, closed)
    return Effect.andThen(
      slots.resize(live.size),
      Effect.asVoid(FiberSet.run(endings, Effect.uninterruptible(close), { startImmediately: true }))
    )
  }

  const acquire = Effect.acquireRelease(
    Effect.interruptible(Effect.suspend(() => {
      const index = vacancies.take()
      const prepared = vacancies.takePrepared(index)
      if (prepared !== undefined) return Effect.succeed(prepared)
      return Effect.onInterrupt(reopen(index), () =>
        Effect.sync(() => {
          restarts.dropped(index)
          vacancies.add(index)
        }))
    })),
    release
  ).pipe(
    Effect.tap((member) => {
      const { index, instance } = member
      const onTrial = restarts.opened(index)
      book.opened(index, now())
      live.add(member)
      const tried = onTrial ? FiberSet.run(fibers, restarts.tryOut(index, instance)) : Effect.void
      return Effect.andThen(slots.resize(live.size), Effect.andThen(FiberSet.run(fibers, supervise(member)), tried))
    }),
    Effect.map((member) => member.instance)
  )

  const pool: Pool.Pool<Instance> = yield* Pool.make({ acquire, size: active.length })
  // `Pool.make` acquires in the background; the instances are open already, so this takes no time.
  yield* Effect.scoped(Effect.forEach(active, () => Pool.get(pool), { concurrency: "unbounded", discard: true }))

  const runStarted = bounds.run === undefined ? undefined : yield* RunWatch.make<Instance>({
    bound: bounds.run,
    live: live.all,
    poll: options.poll,
    onTimeout: (instance) => causes.set(instance, "run_timeout")
  })
  yield* MemoryWatch.run<Instance>({
    model,
    bounds,
    live: live.all,
    onExcess: (instance, reason) => {
      causes.set(instance, "memory")
      instance.abandon(reason)
    },
    onGrowth: Replacement.make({
      model,
      live,
      vacancies,
      open: openOne,
      freeMemory: options.freeMemory ?? freemem,
      onReplaced: () => book.replaced(),
      invalidate: (instance) => Pool.invalidate(pool, instance)
    })
  })

  const startIn = (instance: Instance): LentInstance["start"] =>
    runStarted === undefined ? instance.start : RunWatch.watched(instance, runStarted)

  return {
    count: active.length,
    slots,
    run: (inputs, outputs) => Pool.use(pool, (instance) => AwaitedRun.of(startIn(instance), inputs, outputs)),
    lend: Effect.map(Pool.get(pool), (instance) => ({
      name: instance.name,
      index: live.of(instance).index,
      accepts: instance.accepts,
      quick: instance.quick,
      start: startIn(instance),
      ...(instance.sequenceEnded === undefined ? {} : { sequenceEnded: instance.sequenceEnded }),
      lost: Effect.asVoid(Deferred.await(instance.lost)),
      ...(instance.lostInFull === undefined ? {} : { whyLost: instance.lostInFull }),
      ...(bounds.growth === undefined ? {} : { retiring: Deferred.await(live.of(instance).retiring) })
    })),
    healthy: () => live.size > 0 || active.length === 0,
    condition: () =>
      book.condition({
        ...live.condition(),
        pausedUntilNanos: breaker.pausedUntil,
        moved: options.moved?.() ?? 0
      }),
    suspension,
    poll: options.poll
  } satisfies Instances
})

const reasonOf = (cause: Cause.Cause<LoadFailed>): string => {
  const [first] = Cause.prettyErrors(cause)
  return first?.message ?? "it could not be opened"
}
