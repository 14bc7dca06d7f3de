/**
 * The strategy Oldest: the steps of all sequences of an instance are batched as requests are, at most one of each sequence in a batch.
 *
 * Source: scheduling §4.5.
 */
import { Effect } from "effect"
import type { BatchPolicy } from "../../../../services/Batcher.ts"
import * as BatchFormer from "../BatchFormer.ts"
import type { Entry } from "../Entry.ts"
import { WaitingLine } from "../WaitingLine.ts"
import type { Seat } from "./Seat.ts"
import type { Step } from "./Step.ts"
import type { Desk, MakeStrategy } from "./Strategy.ts"

/** @category models */
export interface Options {
  readonly policy: BatchPolicy
  /** Answers leave in the order in which batches were started. */
  readonly preserveOrdering: boolean
}

/** The steps of one instance that wait for a batch, those first that were offered first. */
class ReadyLine {
  private readonly line = new WaitingLine<Step>()

  get length(): number {
    return this.line.length
  }

  /** A step is one row. */
  get rows(): number {
    return this.line.length
  }

  join(step: Step): void {
    this.line.join(step)
  }

  rejoin(step: Step): void {
    this.line.rejoin(step, ({ turn }) => turn > step.turn)
  }

  leave(step: Step): void {
    this.line.leave(step)
  }

  walk(visit: (entry: Entry) => boolean): void {
    for (let step = this.line.head; step !== undefined; step = step.after) if (!visit(step)) return
  }
}

/** @category constructors */
export const make = (options: Options): MakeStrategy => (seat: Seat, desk: Desk) =>
  Effect.gen(function*() {
    const queue = new ReadyLine()
    const { closing, fail, refresh } = desk

    /** The former only knows entries; those of this queue are steps. */
    const take = (entries: ReadonlyArray<Entry>): ReadonlyArray<Step> => {
      const steps = entries as ReadonlyArray<Step>
      for (let i = 0; i < steps.length; i++) queue.leave(steps[i]!)
      return steps
    }

    const formed: BatchFormer.FormedQueue = {
      queue,
      lanes: seat.lanes,
      refresh,
      closing,
      fail: (entries, exit, reason) => fail(take(entries), exit, reason)
    }
    const former = yield* BatchFormer.make({
      model: desk.model,
      policy: options.policy,
      maxRows: desk.maxRows,
      sameKey: desk.layout.sameKey,
      ahead: !options.preserveOrdering,
      core: () => formed,
      launch: (entries) => {
        const steps = take(entries)
        desk.launch(seat, steps, steps)
      }
    })

    return {
      offered: (step) => {
        queue.join(step)
        former.arrived(step)
      },
      retracted: (step) => {
        queue.leave(step)
        former.changed()
      },
      returned: (step) => {
        queue.rejoin(step)
      },
      changed: former.changed,
      dueAt: () => Infinity
    }
  })
