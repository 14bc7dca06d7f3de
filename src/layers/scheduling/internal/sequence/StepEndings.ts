/** What ends steps before their turn: their deadlines, the timeouts of those in the backlog, and callers who go away. */
import { Effect, Exit } from "effect"
import type { ModelSuspended } from "../../../../schema/Errors.ts"
import type { Sequence } from "./Sequence.ts"
import * as SequenceErrors from "./SequenceErrors.ts"
import type { SequenceTable } from "./SequenceTable.ts"
import type { Step } from "./Step.ts"
import type { StepRuns } from "./StepRuns.ts"

/** @category models */
export interface Options {
  readonly model: string
  readonly table: SequenceTable
  readonly runs: StepRuns
}

/** @category models */
export class StepEndings {
  private readonly options: Options

  constructor(options: Options) {
    this.options = options
  }

  /** A step's deadline, or the timeout of its sequence in the backlog, is over. What has begun stays. `at`: monotonic nanoseconds. */
  expire(step: Step, at: number): void {
    const { model, runs, table } = this.options
    const { batch, sequence } = step
    if (batch !== undefined && !runs.takeBack(batch)) return
    let isOver = true
    if (sequence.place === "backlog" && !(step.deadlineAt !== undefined && step.deadlineAt <= at)) {
      table.dropAll(sequence, Exit.fail(SequenceErrors.backlogTimeout()), "REJECTED")
    } else {
      // Without its START there is nothing that a sequence could go on with.
      isOver = table.drop(
        step,
        Exit.fail(SequenceErrors.deadlineExceeded(model, step)),
        "REJECTED",
        Exit.fail(SequenceErrors.notReached(model, step, "deadline")),
        "CANCELED"
      )
    }
    if (isOver) table.finishWith(sequence, "expired")
    else this.resume(sequence)
    batch?.seat.strategy.changed()
  }

  /** Nobody waits for instances that are not started: all steps that would are answered, and sequences go on without them. */
  refuse(refusal: ModelSuspended): void {
    const { table } = this.options
    const exit = Exit.fail(refusal)
    table.slots.during(() => {
      for (const step of table.register.firstSteps()) {
        // It may have gone with another.
        if (step.state !== "waiting") continue
        const { sequence } = step
        if (table.drop(step, exit, "OTHER", exit, "OTHER")) table.finishWith(sequence, "cancelled")
        else this.resume(sequence)
      }
    })
  }

  /** What the interruption of a step's caller waits for: nothing while the step waits, the native call while that runs. */
  withdraw(step: Step): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (step.state === "ended") return Effect.void
      const { batch } = step
      const isBack = batch !== undefined && this.options.runs.takeBack(batch)
      const waits = step.state === "waiting"
      if (!waits) step.abandoned = true
      this.cut(step, waits)
      if (isBack) batch.seat.strategy.changed()
      return waits ? Effect.void : Effect.callback<void>((resume) => {
        step.resume = (exit) => {
          if (Exit.isSuccess(exit)) exit.value.release()
          resume(Effect.void)
        }
      })
    })
  }

  /** The sequence lives on from its last answered step: the END, if it was there, was the last of those that are not run. */
  private resume(sequence: Sequence): void {
    const { table } = this.options
    if (sequence.ending === "finished" && !table.unloaded && table.register.find(sequence.id) === undefined) {
      sequence.ending = undefined
      table.register.add(sequence)
      table.watchIdle(sequence)
    }
    table.advance(sequence)
  }

  /** Nobody has the answer of a step: its sequence ends, and what is behind it is not run. */
  private cut(step: Step, waits: boolean): void {
    const { model, table } = this.options
    const { sequence } = step
    const behind = Exit.fail(SequenceErrors.notReached(model, step, "cancelled"))
    table.forget(sequence)
    sequence.ending = "cancelled"
    if (waits) table.drop(step, undefined, "CANCELED", behind, "CANCELED")
    else table.dropAll(sequence, behind, "CANCELED")
    table.advance(sequence)
  }
}
