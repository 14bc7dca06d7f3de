/**
 * The sequences that live, and their steps that wait: what becomes of them, but not when. Plain calls; who makes them knows clocks
 * and callers.
 */
import { Exit } from "effect"
import { ExecutionFailed } from "../../../../schema/Errors.ts"
import type { SequenceEnd } from "../../../../services/Executor.ts"
import type { JobFailure, JobResult } from "../../../../services/Scheduler.ts"
import type { FailureReason, ModelStatistics } from "../../../../services/Statistics.ts"
import { DeadlineHeap } from "../DeadlineHeap.ts"
import { IdleClocks } from "./IdleClocks.ts"
import { LostSequences } from "./LostSequences.ts"
import type { Seat } from "./Seat.ts"
import type { Sequence } from "./Sequence.ts"
import * as SequenceErrors from "./SequenceErrors.ts"
import type { SequenceLayout } from "./SequenceLayout.ts"
import { SequenceRegister } from "./SequenceRegister.ts"
import { Slots } from "./Slots.ts"
import type { Step } from "./Step.ts"

/** @category models */
export interface Options {
  readonly model: string
  readonly layout: SequenceLayout
  readonly statistics: ModelStatistics
  readonly seats: ReadonlyArray<Seat>
  /** Nanoseconds. */
  readonly idleLimit: number
  /** Monotonic nanoseconds. */
  readonly now: () => number
  /** A sequence or a step is over. */
  readonly settled: () => void
  /** Something is due at this time, in monotonic nanoseconds. */
  readonly expect: (dueAt: number) => void
}

type Failure = Exit.Exit<never, JobFailure>

/** @category models */
export class SequenceTable {
  readonly register = new SequenceRegister()
  readonly lost: LostSequences
  readonly idle: IdleClocks
  readonly slots: Slots
  readonly deadlines = new DeadlineHeap()
  /** Steps that wait: for a slot, for the step before them, or for a batch. */
  waiting = 0
  /** Nobody can send another step of any sequence. */
  unloaded = false
  /** Steps that were offered so far. */
  private offers = 0
  private readonly options: Options

  constructor(options: Options) {
    this.options = options
    this.idle = new IdleClocks(options.idleLimit)
    this.lost = new LostSequences(options.idleLimit)
    this.slots = new Slots(options.seats, options.now, (sequence) => this.placed(sequence))
  }

  /** The last thing that happens to a step. */
  answer(step: Step, exit: Exit.Exit<JobResult, JobFailure>): void {
    step.state = "ended"
    step.batch = undefined
    this.answered(step.sequence)
    step.resume(exit)
    this.options.settled()
  }

  /** Nobody waits for one of its steps any more. */
  private answered(sequence: Sequence): void {
    sequence.unanswered--
    this.watchIdle(sequence)
  }

  /** Starts the idle clock of a sequence that its caller can go on with, and of which nothing waits or runs. */
  watchIdle(sequence: Sequence): void {
    if (sequence.unanswered > 0 || sequence.ending !== undefined) return
    const now = this.options.now()
    this.idle.start(sequence, now)
    this.options.expect(now + this.idle.limit)
  }

  /** Answers a step that is nowhere any more with a failure. */
  fail(step: Step, exit: Failure, reason: FailureReason): void {
    this.options.statistics.failed(reason, this.options.now() - step.arrivedAt)
    this.answer(step, exit)
  }

  /** Takes a waiting step, which is over, out of where it waits. Others may go with it: whoever looks at the time now ends them. */
  private remove(step: Step): void {
    const { sequence } = step
    step.state = "ended"
    this.waiting--
    if (sequence.current === step) {
      sequence.current = undefined
      sequence.seat!.strategy.retracted(step)
      return
    }
    sequence.steps.leave(step)
    if (sequence.place === "backlog") this.slots.line.steps--
  }

  /** Puts a step back before the others of its sequence: it was started, and did not run. */
  putBack(step: Step): void {
    const { sequence } = step
    step.state = "waiting"
    step.batch = undefined
    sequence.current = undefined
    sequence.steps.rejoin(step, () => true)
    this.waiting++
    this.expectAgain(step)
  }

  /** Its deadline may have been looked at in vain while it ran: nobody would look again. */
  expectAgain(step: Step): void {
    if (step.dueAt <= this.options.now()) this.deadlines.add(step, this.waiting)
  }

  /** Nobody can send another step of it. */
  forget(sequence: Sequence): void {
    this.register.leave(sequence)
    this.idle.stop(sequence)
  }

  /** A sequence begins. Where the instance keeps states by ids, the one before it of the same id has to be over first. */
  begin(sequence: Sequence): void {
    this.lost.remove(sequence.id)
    this.slots.line.join(sequence)
    this.register.add(sequence)
    if (!this.options.layout.stateful) this.register.chain(sequence)
  }

  /** Lets the next step run, if there is one and the one before it has ended; ends the sequence where none can come. */
  advance(sequence: Sequence): void {
    if (sequence.current !== undefined || sequence.place === "ended") return
    const step = sequence.steps.head
    if (step === undefined) {
      if (sequence.ending !== undefined) this.end(sequence, sequence.ending)
      return
    }
    const { seat } = sequence
    if (seat === undefined || sequence.predecessor !== undefined) return
    const { keyOf } = this.options.layout
    try {
      if (step.begins && !step.opened) this.openCell(step)
      step.key = keyOf(step.job, sequence.cell!)
    } catch (cause) {
      return this.failToBegin(step, cause)
    }
    sequence.steps.leave(step)
    sequence.current = step
    step.turn = this.offers++
    step.offeredAt = this.options.now()
    seat.strategy.offered(step)
  }

  /** Ends a sequence that has no steps any more: its state is freed, its slot is the next one's. */
  end(sequence: Sequence, why: SequenceEnd): void {
    if (sequence.place === "ended") return
    this.forget(sequence)
    if (sequence.waits) this.slots.line.leave(sequence)
    this.slots.release(sequence)
    sequence.place = "ended"
    this.closeCell(sequence, why)
    this.register.remove(sequence)
    this.options.settled()
    this.slots.assign()
    const successor = this.register.unchain(sequence)
    if (successor !== undefined) this.advance(successor)
  }

  /**
   * Ends the waiting of a step, whose caller is told so or has gone (`exit` is `undefined`), and of those behind it. In the backlog
   * all of its sequence are ended. `true`: a START was among them.
   */
  drop(
    step: Step,
    exit: Failure | undefined,
    reason: FailureReason,
    behind: Failure,
    behindReason: FailureReason
  ): boolean {
    const { sequence } = step
    let hasStart = false
    for (const other of sequence.place === "backlog" ? stepsOf(sequence) : stepsFrom(step)) {
      if (other.state !== "waiting") continue
      this.remove(other)
      hasStart ||= other.begins
      if (other !== step) this.fail(other, behind, behindReason)
      else if (exit !== undefined) this.fail(step, exit, reason)
      else {
        this.options.statistics.failed(reason, this.options.now() - step.arrivedAt)
        this.answered(sequence)
        this.options.settled()
      }
    }
    return hasStart
  }

  /** Answers all steps that wait. */
  dropAll(sequence: Sequence, exit: Failure, reason: FailureReason): void {
    for (const step of stepsOf(sequence)) {
      if (step.state !== "waiting") continue
      this.remove(step)
      this.fail(step, exit, reason)
    }
  }

  /** What it had come to is gone: everything of it is answered so, and later steps as well. */
  lose(sequence: Sequence): void {
    const { model, now } = this.options
    const { id } = sequence
    if (this.register.find(id) === sequence) this.lost.add(id, now())
    this.forget(sequence)
    sequence.ending = "lost"
    this.dropAll(sequence, Exit.fail(SequenceErrors.lost(model, id)), "OTHER")
    this.advance(sequence)
  }

  /** What was submitted is still run, then the sequence ends for this reason. */
  finishWith(sequence: Sequence, why: SequenceEnd): void {
    this.forget(sequence)
    sequence.ending ??= why
    this.advance(sequence)
  }

  /** An instance is lost: its sequences go elsewhere, or are lost with it. Those of steps that run are told by the ends of their runs. */
  seatLost(seat: Seat): void {
    if (seat.lent === undefined) return
    seat.lent = undefined
    this.slots.during(() => {
      const sequences = seat.slots.filter((sequence) => sequence !== undefined)
      for (const sequence of sequences) {
        const { current } = sequence
        if (current?.state === "waiting") {
          seat.strategy.retracted(current)
          sequence.current = undefined
          sequence.steps.rejoin(current, () => true)
        }
        this.slots.displace(sequence)
      }
      for (const sequence of sequences) if (this.diesWith(sequence)) this.lose(sequence)
    })
  }

  /** The instance that was lost kept something of it that nobody else has. */
  diesWith(sequence: Sequence): boolean {
    return !this.options.layout.stateful && sequence.ranOn !== undefined
  }

  /** A sequence has got a slot. */
  private placed(sequence: Sequence): void {
    for (let step = sequence.steps.head; step !== undefined; step = step.after) {
      // Its timeout does not count any more, which was what it was looked at for.
      if (step.timeoutAt !== undefined && step.timeoutAt < step.dueAt) this.deadlines.add(step, this.waiting)
    }
    this.advance(sequence)
  }

  /** A START: what the sequence had come to before is over. */
  private openCell(step: Step): void {
    const { sequence } = step
    this.closeCell(sequence, "cancelled")
    sequence.cell = this.options.layout.open()
    sequence.begun = false
    step.opened = true
  }

  private closeCell(sequence: Sequence, why: SequenceEnd): void {
    sequence.cell?.close()
    sequence.cell = undefined
    sequence.ranOn?.sequenceEnded?.(sequence.id, why)
    sequence.ranOn = undefined
  }

  private failToBegin(step: Step, cause: unknown): void {
    const { model } = this.options
    const { sequence } = step
    const message = `step ${step.number} of sequence ${sequence.id} of model '${model}' could not be begun: ${cause}`
    this.forget(sequence)
    sequence.ending = "cancelled"
    this.drop(
      step,
      Exit.fail(new ExecutionFailed({ model, message, cause })),
      "OTHER",
      Exit.fail(SequenceErrors.notReached(model, step, "failed")),
      "CANCELED"
    )
    this.advance(sequence)
  }
}

/** The steps of a sequence that wait, in order. */
const stepsOf = ({ current, steps }: Sequence): ReadonlyArray<Step> => {
  const found: Array<Step> = current?.state === "waiting" ? [current] : []
  for (let step = steps.head; step !== undefined; step = step.after) found.push(step)
  return found
}

/** Those from one on. */
const stepsFrom = (first: Step): ReadonlyArray<Step> => {
  const steps = stepsOf(first.sequence)
  return steps.slice(steps.indexOf(first))
}
