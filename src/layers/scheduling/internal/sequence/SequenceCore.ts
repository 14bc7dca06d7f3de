/**
 * The queue of a version whose requests belong to sequences: admission, slots, idle clocks, deadlines, cancellation, the loss of
 * instances, and a graceful end. When steps run is the strategy's matter.
 *
 * A step costs its caller's fiber, an entry in a map and a few links: no fiber and no timer of its own. One fiber for each instance
 * holds it, one for all waits for what is due next.
 */
import { Clock, type Duration, Effect, Exit, FiberSet, Latch, type Scope } from "effect"
import type { SequenceStep } from "../../../../schema/Inference.ts"
import type { Instances } from "../../../../services/Executor.ts"
import type { Job, JobFailure, JobResult, ModelScheduler } from "../../../../services/Scheduler.ts"
import type { ModelStatistics } from "../../../../services/Statistics.ts"
import * as DeadlineWatch from "../DeadlineWatch.ts"
import * as Lanes from "../Lanes.ts"
import * as Admission from "./Admission.ts"
import { Seat } from "./Seat.ts"
import * as SeatInstances from "./SeatInstances.ts"
import { Sequence, type SequenceId } from "./Sequence.ts"
import * as SequenceErrors from "./SequenceErrors.ts"
import type { SequenceLayout } from "./SequenceLayout.ts"
import { SequenceTable } from "./SequenceTable.ts"
import { Step } from "./Step.ts"
import { StepEndings } from "./StepEndings.ts"
import { StepRuns } from "./StepRuns.ts"
import type { Desk, MakeStrategy } from "./Strategy.ts"

/** @category models */
export interface Options {
  readonly model: string
  readonly layout: SequenceLayout
  readonly instances: Instances
  readonly statistics: ModelStatistics
  readonly strategy: MakeStrategy
  /** Rows of the largest batch. */
  readonly maxRows: number
  /** Sequences that an instance has at once. */
  readonly slotsPerInstance: number
  /** Nanoseconds from its last answer after which a sequence is over. */
  readonly idleLimit: number
  /** Steps that may wait whose sequence has a slot. */
  readonly maxQueueSize: number
  /** Steps that may wait whose sequence has none yet. */
  readonly maxBacklog: number
  readonly preserveOrdering: boolean
  /** How long sequences may go on after the scope has begun to close. */
  readonly drain: Duration.Duration
}

/** @category models */
export interface SequenceCore extends ModelScheduler {
  readonly holds: (id: bigint | string) => boolean
  readonly endSequences: () => void
  readonly table: SequenceTable
}

/** Nanoseconds in which at most one warning of a conflict is written. */
const betweenWarnings = 1e9

/** The queue; the scope refuses new sequences first, and waits for those that are alive. @category constructors */
export const make = (options: Options): Effect.Effect<SequenceCore, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { instances, layout, maxRows, model, statistics } = options
    const { poll, suspension } = instances
    const clock = yield* Clock.Clock
    const log = yield* FiberSet.makeRuntime()
    const dispatcher = yield* Effect.withFiberSucceed((fiber) => fiber.currentDispatcher)
    const drained = yield* Latch.make(true)
    const seats = Array.from({ length: instances.count }, (_, index) => new Seat(index, options.slotsPerInstance))
    let arrivals = 0
    let sequences = 0
    /** Sequences that are not over, and steps that have no answer yet. */
    let open = 0
    let closing = false
    let warnAgainAt = 0
    /** Conflicts since the last warning of one. */
    let untold = 0

    const now = () => Number(clock.monotonicTimeNanosUnsafe())

    const admit = () => {
      if (open++ === 0) drained.closeUnsafe()
    }
    const settled = () => {
      if (--open === 0) drained.openUnsafe()
    }

    const table = new SequenceTable({
      model,
      layout,
      statistics,
      seats,
      idleLimit: options.idleLimit,
      now,
      settled,
      expect: (dueAt) => watch.expect(dueAt)
    })
    const { register, slots } = table

    const runs = new StepRuns({
      model,
      table,
      layout,
      statistics,
      preserveOrdering: options.preserveOrdering,
      now,
      lookAgain: () => {
        watch.lookAgain()
        suspend()
      }
    })

    const endings = new StepEndings({ model, table, runs })

    const suspend = () => {
      const refusal = table.waiting === 0 ? undefined : suspension?.current()
      if (refusal !== undefined) endings.refuse(refusal)
    }
    if (suspension !== undefined) yield* suspension.listen(suspend)

    const next = () => {
      let due = Math.min(table.deadlines.next(), table.idle.next(), table.lost.next())
      for (let i = 0; i < seats.length; i++) due = Math.min(due, seats[i]!.strategy.dueAt())
      return due
    }

    /** What is over at one time has all ended before slots are given away. */
    const expire = () => {
      const at = now()
      slots.during(() => end(at))
      for (const { strategy } of seats) if (strategy.dueAt() <= at) strategy.changed()
    }

    const end = (at: number) => {
      const { deadlines, idle, lost } = table
      for (let step = deadlines.take(at); step !== undefined; step = deadlines.take(at)) {
        endings.expire(step as Step, at)
      }
      for (let sequence = idle.take(at); sequence !== undefined; sequence = idle.take(at)) {
        table.finishWith(sequence, "expired")
      }
      lost.forget(at)
    }

    const desk: Desk = {
      model,
      maxRows,
      layout,
      refresh: () => watch.refresh(),
      closing: () => closing,
      expect: (dueAt) => watch.expect(dueAt),
      launch: (seat, members, steps) => runs.launch(seat, members, steps),
      vacate: (sequence) => {
        sequence.place = "leaving"
        slots.release(sequence)
        slots.assign()
      },
      fail: (steps, exit) => runs.failOffered(steps as ReadonlyArray<Step>, exit)
    }

    /** Warns of a START of a sequence that has not ended, without filling the log where a client sends nothing else. */
    const warn = (id: SequenceId, at: number) => {
      if (at < warnAgainAt) {
        untold++
        return
      }
      log(Effect.logWarning(SequenceErrors.conflict(model, id, untold)))
      warnAgainAt = at + betweenWarnings
      untold = 0
    }

    /** The sequence that a request belongs to, which it may begin; or why it is not taken. */
    const sequenceOf = (asked: SequenceStep, job: Job, at: number): Sequence | Admission.Refusal => {
      const { id, start } = asked
      const found = register.find(id)
      if (closing && (start || (found === undefined && table.unloaded))) {
        statistics.refused("stopping")
        return SequenceErrors.stopping()
      }
      if (found === undefined && !start) {
        const refusal = Admission.strangerOf(admission, asked)
        if (refusal._tag === "InvalidRequest") statistics.refused("invalid")
        return refusal
      }
      const refusal = Admission.fullness(admission, found) ??
        (found === undefined ? Admission.lateness(admission, asked, job, at) : undefined)
      if (refusal !== undefined) {
        statistics.refused("queue_full")
        return refusal
      }
      if (found !== undefined) {
        if (start) warn(id, at)
        return found
      }
      const sequence = new Sequence(id, sequences++)
      admit()
      table.begin(sequence)
      return sequence
    }

    const admission: Admission.Options = { ...options, table }

    const submit = (job: Job): Effect.Effect<JobResult, JobFailure> =>
      Effect.callback((resume) => {
        const suspended = suspension?.current()
        if (suspended !== undefined) {
          statistics.refused("suspended")
          return resume(Exit.fail(suspended))
        }
        if (poll !== undefined) poll()
        const at = now()
        watch.refresh(at)
        const problem = Admission.problemOf(admission, job)
        if (problem !== undefined) {
          statistics.refused("invalid")
          return resume(Exit.fail(problem))
        }
        const asked = job.request!.sequence!
        const sequence = sequenceOf(asked, job, at)
        if (!(sequence instanceof Sequence)) return resume(Exit.fail(sequence))
        admit()
        job.trace?.queued(at)
        const step = new Step(sequence, job, asked.start, asked.end, arrivals++, at, resume)
        sequence.unanswered++
        if (asked.end) {
          table.forget(sequence)
          sequence.ending = "finished"
        } else table.idle.stop(sequence)
        sequence.steps.join(step)
        table.waiting++
        if (sequence.place === "backlog") slots.line.steps++
        const { dueAt } = step
        if (dueAt !== Infinity) table.deadlines.add(step, table.waiting)
        if (sequence.waits) slots.assign()
        else table.advance(sequence)
        // May look at the time at once: by then a sequence for which there is room has its slot.
        if (dueAt !== Infinity) watch.expect(dueAt)
        return endings.withdraw(step)
      })

    /** Instances come and go together with others, and with the ends of their runs: then all slots are given out by index. */
    const assignSoon = () => {
      slots.pause()
      dispatcher.scheduleTask(() => slots.resume(), 0)
    }

    const watch = yield* DeadlineWatch.make({ next }, expire)
    for (const seat of seats) {
      const one = SeatInstances.make(instances, {
        lent: (instance) => {
          seat.lent = instance
          assignSoon()
        },
        gone: () => {
          assignSoon()
          table.seatLost(seat)
        }
      })
      seat.lanes = yield* Lanes.make(one, () => {
        // The end of a run comes here first: its sequences go on at the end of it, and the instance then.
        if (seat.running === 0) seat.strategy.changed()
      })
      seat.strategy = yield* options.strategy(seat, desk)
    }

    /** No more sequences come: nothing waits for others. */
    const close = () => {
      closing = true
      for (const { strategy } of seats) strategy.changed()
    }

    const endSequences = () => {
      close()
      table.unloaded = true
      slots.during(() => {
        for (const sequence of register.all()) table.finishWith(sequence, "unloaded")
      })
      for (const { strategy } of seats) strategy.changed()
    }

    // Runs before the lanes end: refuse new sequences, and let those that are alive come to their ends.
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        close()
        if (open === 0) return Effect.void
        const overtime = Effect.andThen(Effect.sleep(options.drain), Effect.sync(endSequences))
        return Effect.andThen(Effect.raceFirst(drained.await, overtime), drained.await)
      })
    )

    const depth = () => {
      let waiting = table.waiting
      let running = 0
      for (const { lanes } of seats) {
        const load = lanes.load()
        waiting += load.ready
        running += load.running
      }
      return { waiting, running }
    }
    /** The first step of a sequence that waits is its oldest. Those of a batch that lies ready at a busy instance are left out. */
    const oldestNanos = () => {
      if (table.waiting === 0) return 0
      const at = register.oldestAt
      return at === Infinity ? 0 : Math.max(0, now() - at)
    }
    statistics.observe(() => ({
      ...depth(),
      oldestNanos: oldestNanos(),
      sequences: { live: register.size, waiting: slots.line.length, slots: slots.total }
    }))
    return {
      submit,
      depth,
      holds: (id) => register.find(id) !== undefined,
      sequences: () => register.size,
      endSequences,
      table
    }
  })
