/** Batchers of sequences with one bug each: what the simulation must find. */
import { Effect } from "effect"
import { ResponseOrder } from "../../../src/layers/scheduling/internal/ResponseOrder.ts"
import { HoldingTimes } from "../../../src/layers/scheduling/internal/sequence/HoldingTimes.ts"
import { IdleClocks } from "../../../src/layers/scheduling/internal/sequence/IdleClocks.ts"
import { Seat } from "../../../src/layers/scheduling/internal/sequence/Seat.ts"
import { SequenceTable } from "../../../src/layers/scheduling/internal/sequence/SequenceTable.ts"
import { SlotLine } from "../../../src/layers/scheduling/internal/sequence/SlotLine.ts"
import { Slots } from "../../../src/layers/scheduling/internal/sequence/Slots.ts"
import { StateCell } from "../../../src/layers/scheduling/internal/sequence/StateCell.ts"
import { StepEndings } from "../../../src/layers/scheduling/internal/sequence/StepEndings.ts"
import { unit } from "../Plan.ts"
import type { Property } from "./SequenceModel.ts"
import { type Opening, type Subject, subject } from "./SequenceSimulation.ts"

export interface Bug {
  /** "finds a batcher that …" */
  readonly name: string
  readonly breaks: Property
  readonly profile: string
  readonly subject?: Subject
  /** Puts it in, and says how to take it out. */
  readonly plant?: () => () => void
}

const opened = (change: (opening: Opening) => Partial<Opening>): Subject => (opening) =>
  subject({ ...opening, ...change(opening) })

/** Replaces a method of a class until it is undone. */
const patched = <A extends object, Name extends keyof A>(
  prototype: A,
  name: Name,
  change: (original: A[Name]) => A[Name]
) =>
(): () => void => {
  const original = prototype[name]
  prototype[name] = change(original)
  return () => {
    prototype[name] = original
  }
}

/** The memory that was written last, whoever's it is. */
let lastWritten: StateCell["tensors"] | undefined

export const bugs: ReadonlyArray<Bug> = [
  {
    name: "gives sequences each other's state",
    breaks: "own-state",
    profile: "direct",
    plant: patched(StateCell.prototype, "write", (write) =>
      function(this: StateCell, index, shape, byteLength) {
        if (lastWritten !== undefined) this.tensors[index] = lastWritten[index]!
        lastWritten = this.tensors
        return write.call(this, index, shape, byteLength)
      })
  },
  {
    name: "keeps what a START should put away",
    breaks: "own-state",
    profile: "oldest",
    subject: opened(({ layout }) => {
      const cell = layout.open()
      return { layout: { ...layout, open: () => cell } }
    })
  },
  {
    name: "stores a state before the run has given one",
    breaks: "own-state",
    profile: "oldest-accidents",
    subject: opened(({ layout }) => ({
      layout: {
        ...layout,
        prepare: (members) => {
          const prepared = layout.prepare(members)
          for (const member of members) member?.cell.write(0, [1, 2], 16).fill(1)
          return prepared
        }
      }
    }))
  },
  {
    name: "tells models START in the middle",
    breaks: "controls",
    profile: "direct",
    subject: opened(({ layout }) => ({
      layout: {
        ...layout,
        prepare: (members) =>
          layout.prepare(
            members.map((member) =>
              member === undefined ? undefined : { job: member.job, cell: member.cell, end: member.end, start: true }
            )
          )
      }
    }))
  },
  {
    name: "ignores shapes",
    breaks: "outcome",
    profile: "oldest",
    subject: opened(({ layout }) => ({ layout: { ...layout, sameKey: () => true } }))
  },
  {
    name: "gives the highest slot first",
    breaks: "slot",
    profile: "direct",
    plant: () => {
      const original = Object.getOwnPropertyDescriptor(Seat.prototype, "freeSlot")!
      Object.defineProperty(Seat.prototype, "freeSlot", {
        configurable: true,
        get(this: Seat) {
          const isFull = this.lent === undefined || this.occupied === this.slots.length
          return isFull ? Infinity : this.slots.lastIndexOf(undefined)
        }
      })
      return () => Object.defineProperty(Seat.prototype, "freeSlot", original)
    }
  },
  {
    name: "gives slots to new sequences before those that lost theirs",
    breaks: "slot",
    profile: "direct-accidents",
    plant: () => {
      const original = Object.getOwnPropertyDescriptor(SlotLine.prototype, "head")!
      Object.defineProperty(SlotLine.prototype, "head", {
        configurable: true,
        get(this: { readonly backlog: { head: unknown }; readonly displaced: { head: unknown } }) {
          return this.backlog.head ?? this.displaced.head
        }
      })
      return () => Object.defineProperty(SlotLine.prototype, "head", original)
    }
  },
  {
    name: "lets sequences live on when they are idle",
    breaks: "idle",
    profile: "direct",
    plant: patched(IdleClocks.prototype, "next", () => () => Infinity)
  },
  {
    name: "looks at idle clocks late",
    breaks: "idle",
    profile: "oldest",
    plant: patched(IdleClocks.prototype, "next", (next) =>
      function(this: IdleClocks) {
        return next.call(this) + unit
      })
  },
  {
    name: "begins sequences anew that were lost with their instance",
    breaks: "outcome",
    profile: "oldest-own",
    plant: patched(SequenceTable.prototype, "diesWith", () => () => false)
  },
  {
    name: "does not tell what was lost",
    breaks: "outcome",
    profile: "direct-own",
    plant: patched(SequenceTable.prototype, "lose", () =>
      function(this: SequenceTable, sequence) {
        return this.finishWith(sequence, "lost")
      })
  },
  {
    name: "tells steps behind one that was not run that their own time is over",
    breaks: "outcome",
    profile: "oldest-accidents",
    plant: patched(
      SequenceTable.prototype,
      "drop",
      (drop) =>
        function(this: SequenceTable, step, exit, reason, behind, behindReason) {
          return drop.call(this, step, exit, reason, exit ?? behind, behindReason)
        }
    )
  },
  {
    name: "forgets deadlines",
    breaks: "prompt",
    profile: "direct-accidents",
    plant: patched(StepEndings.prototype, "expire", () => () => {})
  },
  {
    name: "takes one step too many into the backlog",
    breaks: "outcome",
    profile: "direct",
    subject: opened(({ options }) => ({ options: { ...options, maxBacklog: options.maxBacklog! + 1 } }))
  },
  {
    name: "refuses a START that could have had a slot in time",
    breaks: "outcome",
    profile: "direct-accidents",
    plant: patched(HoldingTimes.prototype, "soonest", () => () => 10 * unit)
  },
  {
    name: "forgets to give free slots away",
    breaks: "leaves",
    profile: "oldest",
    plant: patched(Slots.prototype, "assign", (assign) => {
      let calls = 0
      return function(this: Slots) {
        if (++calls % 4 !== 0) assign.call(this)
      }
    })
  },
  {
    name: "answers as batches end although the order is to be kept",
    breaks: "ordering",
    profile: "oldest",
    plant: patched(ResponseOrder.prototype, "answered", () =>
      function(this: ResponseOrder, batch) {
        ;(this as unknown as { give: (batch: unknown) => void }).give(batch)
      })
  },
  {
    name: "tells models of ends twice",
    breaks: "hooks",
    profile: "direct",
    subject: opened(({ version }) => ({
      version: {
        ...version,
        instances: {
          ...version.instances,
          lend: Effect.map(version.instances.lend, (lent) => ({
            ...lent,
            sequenceEnded: (id, why) => {
              lent.sequenceEnded?.(id, why)
              lent.sequenceEnded?.(id, why)
            }
          }))
        }
      }
    }))
  },
  {
    name: "keeps states of sequences that are over",
    breaks: "released",
    profile: "oldest",
    subject: opened(({ layout }) => ({
      layout: { ...layout, open: () => Object.assign(layout.open(), { close: () => {} }) }
    }))
  },
  {
    name: "counts the time in which steps wait or run as idle",
    breaks: "idle",
    profile: "direct",
    plant: patched(IdleClocks.prototype, "stop", (stop) =>
      function(this: IdleClocks, sequence) {
        if (sequence.unanswered === 0 || sequence.ending !== undefined) stop.call(this, sequence)
      })
  },
  {
    name: "keeps the memory of batches",
    breaks: "released",
    profile: "direct",
    subject: opened(({ layout }) => ({
      layout: { ...layout, prepare: (members) => ({ ...layout.prepare(members), release: () => {} }) }
    }))
  },
  {
    name: "never ends sequences when it closes",
    breaks: "idle",
    profile: "direct",
    subject: opened(({ options }) => ({ options: { ...options, drain: "1000 days" } }))
  }
]
