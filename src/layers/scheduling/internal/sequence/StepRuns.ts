/** The batches of steps on their way: started, taken back, answered, lost with their instance. */
import { Cause, Exit, Option } from "effect"
import { ExecutionFailed, type InstanceLost } from "../../../../schema/Errors.ts"
import type { ExecutionResult, LentInstance, RunFailure } from "../../../../services/Executor.ts"
import type { JobFailure, JobResult } from "../../../../services/Scheduler.ts"
import type { ModelStatistics } from "../../../../services/Statistics.ts"
import * as BatchAnswers from "../BatchAnswers.ts"
import * as BatchTrace from "../BatchTrace.ts"
import type { Prepared } from "../QueueCore.ts"
import { ResponseOrder } from "../ResponseOrder.ts"
import type { Seat } from "./Seat.ts"
import * as SequenceErrors from "./SequenceErrors.ts"
import type { SequenceLayout } from "./SequenceLayout.ts"
import type { SequenceTable } from "./SequenceTable.ts"
import type { Step, StepBatch } from "./Step.ts"

/** How often a step is tried again whose instance was lost while it ran. @category constants */
export const maxRetries = 2

/** @category models */
export interface Options {
  readonly model: string
  readonly table: SequenceTable
  readonly layout: SequenceLayout
  readonly statistics: ModelStatistics
  readonly preserveOrdering: boolean
  /** Monotonic nanoseconds. */
  readonly now: () => number
  /** Something that was due may be due again. */
  readonly lookAgain: () => void
}

/** @category models */
export class StepRuns {
  private readonly options: Options
  private readonly order: ResponseOrder
  /** Batches that have ended and are to be answered, once their instances go on. */
  private readonly ended: Array<StepBatch> = []
  private concluding = false

  constructor(options: Options) {
    this.options = options
    const { table } = options
    this.order = new ResponseOrder(options.preserveOrdering, ({ answers, entries }) => {
      for (let i = 0; i < entries.length; i++) table.answer(entries[i] as Step, answers![i]!)
    })
  }

  /** Runs steps that were offered as one batch; `undefined` among the members is padding. */
  launch(seat: Seat, members: ReadonlyArray<Step | undefined>, steps: ReadonlyArray<Step>): void {
    const { layout, model, table } = this.options
    let prepared: Prepared
    for (let i = 0; i < steps.length; i++) steps[i]!.state = "started"
    table.waiting -= steps.length
    try {
      prepared = layout.prepare(members)
    } catch (cause) {
      const message = `a batch of ${steps.length} requests for model '${model}' could not be put together: ${cause}`
      const exit = Exit.fail(new ExecutionFailed({ model, message, cause }))
      for (const step of steps) this.skip(step, exit)
      return
    }
    const batch: StepBatch = {
      entries: steps,
      seat,
      rows: prepared.rows,
      release: prepared.release,
      run: undefined,
      begun: false,
      isTraced: BatchTrace.isTraced(steps),
      instance: undefined,
      begunAt: 0,
      place: -1,
      answers: undefined
    }
    for (let i = 0; i < steps.length; i++) steps[i]!.batch = batch
    seat.running++
    this.order.started(batch)
    batch.run = seat.lanes.start(
      prepared.inputs,
      prepared.outputs,
      steps.length,
      (instance) => this.begin(batch, instance),
      (exit) => this.finish(batch, prepared, exit)
    )
  }

  /** Answers steps that a strategy had taken out and cannot run. */
  failOffered(steps: ReadonlyArray<Step>, exit: Exit.Exit<never, JobFailure>): void {
    this.options.table.waiting -= steps.length
    for (const step of steps) this.skip(step, exit)
  }

  /** Takes a batch back that has not begun: its steps are offered again. What the instance does next is the caller's to ask for. */
  takeBack(batch: StepBatch): boolean {
    if (batch.run?.withdraw() !== true) return false
    const { table } = this.options
    this.undo(batch)
    for (const step of batch.entries) {
      const { sequence } = step
      if (sequence.seat === undefined) {
        // Its slot was given away when it was started.
        table.putBack(step)
        table.slots.displace(sequence)
        continue
      }
      step.state = "waiting"
      step.batch = undefined
      table.waiting++
      table.expectAgain(step)
      batch.seat.strategy.returned(step)
    }
    table.slots.assign()
    this.order.leave()
    return true
  }

  /** A step is answered with a failure, and its sequence goes on. */
  private skip(step: Step, exit: Exit.Exit<never, JobFailure>): void {
    const { table } = this.options
    step.sequence.current = undefined
    table.fail(step, exit, "OTHER")
    table.advance(step.sequence)
  }

  private begin(batch: StepBatch, instance: LentInstance): void {
    batch.begun = true
    batch.instance = instance
    if (batch.isTraced) BatchTrace.begun(batch, this.options.now())
    const { lent } = batch.seat
    // The instance is lost, and with it what ran before.
    if (lent === undefined) return
    for (let i = 0; i < batch.entries.length; i++) batch.entries[i]!.sequence.ranOn = lent
  }

  /** Nobody waits for its answers as a batch. */
  private undo(batch: StepBatch): void {
    this.order.takenBack(batch)
    batch.release()
    batch.seat.running--
  }

  private finish(batch: StepBatch, prepared: Prepared, exit: Exit.Exit<ExecutionResult, RunFailure>): void {
    const loss = lossOf(exit)
    if (loss !== undefined) return this.lose(batch, loss)
    const { now, statistics, table } = this.options
    const { entries, seat } = batch
    try {
      batch.answers = Exit.isSuccess(exit)
        ? BatchAnswers.ofResult(batch, exit.value, prepared.share(exit.value), now(), statistics)
        : BatchAnswers.ofFailure(batch, exit, now(), statistics)
    } catch (bug) {
      batch.answers = entries.map((): Exit.Exit<JobResult, JobFailure> => Exit.die(bug))
    }
    batch.release()
    for (let i = 0; i < entries.length; i++) {
      const { sequence } = entries[i]!
      sequence.current = undefined
      if (Exit.isSuccess(batch.answers[i]!)) sequence.begun = true
    }
    for (let i = 0; i < entries.length; i++) table.advance(entries[i]!.sequence)
    seat.running--
    this.conclude(batch)
  }

  /** The instance goes on, then the answers are given: in order, also where a run ends at once. */
  private conclude(batch: StepBatch): void {
    this.ended.push(batch)
    if (this.concluding) return batch.seat.strategy.changed()
    this.concluding = true
    try {
      batch.seat.strategy.changed()
    } finally {
      this.concluding = false
      for (let next = this.ended.shift(); next !== undefined; next = this.ended.shift()) this.order.answered(next)
    }
  }

  /** The instance was lost: what can be run again is, and what was kept there only is lost. */
  private lose(batch: StepBatch, loss: InstanceLost): void {
    const { lookAgain, table } = this.options
    this.undo(batch)
    table.slots.during(() => this.divide(batch, loss))
    this.order.leave()
    lookAgain()
  }

  private divide({ entries, seat }: StepBatch, loss: InstanceLost): void {
    const { model, now, statistics, table } = this.options
    const again: Array<Step> = []
    for (const step of entries) {
      const { sequence } = step
      sequence.current = undefined
      if (step.abandoned) table.fail(step, Exit.fail(loss), "CANCELED")
      else if (sequence.ending === "lost" || table.diesWith(sequence)) {
        table.fail(step, Exit.fail(SequenceErrors.lost(model, sequence.id)), "BACKEND")
      } else if (loss.begun && ++step.losses > maxRetries) {
        table.fail(step, Exit.fail(loss), "BACKEND")
        // Nobody was told that it begins: there is nothing that it could go on with.
        if (step.begins) table.lose(sequence)
      } else {
        table.putBack(step)
        if (loss.begun) again.push(step)
      }
    }
    if (again.length > 0) {
      statistics.retried(again.length)
      BatchTrace.retried(again, Cause.fail(loss), now())
    }
    table.seatLost(seat)
    for (const { sequence } of entries) {
      if (sequence.place === "leaving") {
        table.slots.displace(sequence)
        if (table.diesWith(sequence)) table.lose(sequence)
      }
      table.advance(sequence)
    }
  }
}

const lossOf = (exit: Exit.Exit<unknown, RunFailure>): InstanceLost | undefined => {
  if (Exit.isSuccess(exit)) return undefined
  const failure = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  return failure?._tag === "InstanceLost" ? failure : undefined
}
