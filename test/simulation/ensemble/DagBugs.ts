/** Ensembles with one bug each, to see that the simulator finds it. */
import { Effect, Exit, Scope } from "effect"
import type { PlannedStep } from "../../../src/layers/ensemble/EnsemblePlan.ts"
import { Board } from "../../../src/layers/ensemble/internal/Board.ts"
import { EnsembleRun } from "../../../src/layers/ensemble/internal/EnsembleRun.ts"
import { InFlight, type Ticket } from "../../../src/layers/ensemble/internal/InFlight.ts"
import { type Task, Walk } from "../../../src/layers/ensemble/internal/Walk.ts"
import { ExecutionFailed } from "../../../src/schema/Errors.ts"
import type { InferenceResponse, Tensor } from "../../../src/schema/Inference.ts"
import type { ModelScheduler } from "../../../src/services/Scheduler.ts"
import type { Property } from "./DagModel.ts"
import { type Subject, subject } from "./DagSimulation.ts"

export interface Bug {
  readonly name: string
  /** The property that it breaks. */
  readonly breaks: Property
  readonly subject?: Subject
  /** Plants what is not seen from outside; returns what takes it out again. */
  readonly plant?: () => () => void
}

type Method = (this: never, ...args: ReadonlyArray<never>) => unknown

/** Puts another method in the place of one, private or not. */
const patch = (owner: object, name: string, make: (original: Method) => unknown) => () => {
  const methods = owner as Record<string, unknown>
  const original = methods[name] as Method
  methods[name] = make(original)
  return () => {
    methods[name] = original
  }
}

const submitting = (change: (submit: ModelScheduler["submit"]) => ModelScheduler["submit"]): Subject => (options) =>
  Effect.map(subject(options), (scheduler) => ({ ...scheduler, submit: change(scheduler.submit) }))

interface OpenBoard {
  readonly missing: Array<number>
  readonly ready: Array<unknown>
  readonly plan: { readonly steps: ReadonlyArray<unknown> }
  readonly selection: { readonly readers: ReadonlyArray<ReadonlyArray<number>> }
  readonly release: (step: number) => void
}
interface OpenInFlight {
  count: number
  first: Ticket | undefined
  last: Ticket | undefined
  waiting: number
  remove(ticket: Ticket): void
}

export const bugs: ReadonlyArray<Bug> = [
  {
    name: "never gives memory back",
    breaks: "released",
    plant: patch(Board.prototype, "over", () => () => {})
  },
  {
    name: "gives memory back after its first reader",
    breaks: "released",
    plant: patch(
      Board.prototype,
      "over",
      () =>
        function(this: OpenBoard, step: { readonly sources: ReadonlyArray<number> }) {
          for (const source of step.sources) this.release(source)
        }
    )
  },
  {
    name: "gives memory back twice",
    breaks: "released",
    plant: patch(Board.prototype, "hold", (original) =>
      function(this: never, step: never, answer: InferenceResponse) {
        const release = () => {
          answer.release()
          answer.release()
        }
        original.call(this, step, { ...answer, release } as never)
      })
  },
  {
    name: "keeps the memory of calls that fail",
    breaks: "released",
    plant: patch(EnsembleRun.prototype, "close", () => () => {})
  },
  {
    name: "begins steps when the first of their inputs is there",
    breaks: "steps",
    plant: patch(Board.prototype, "settle", (original) =>
      function(this: OpenBoard, ...args: ReadonlyArray<never>) {
        for (const reader of this.selection.readers[args[0]!]!) {
          if (this.missing[reader] === 2) this.missing[reader] = 1
        }
        original.call(this as never, ...args)
      })
  },
  {
    name: "runs what nobody has asked for",
    breaks: "steps",
    subject: (options) =>
      Effect.map(subject(options), (scheduler) => ({
        ...scheduler,
        submit: (job) => scheduler.submit({ ...job, outputs: options.signature.outputNames })
      }))
  },
  {
    name: "gives memory back before steps that read it have ended",
    breaks: "released",
    plant: patch(
      EnsembleRun.prototype,
      "end",
      () =>
        function(this: { readonly close: (exit: unknown) => void }, exit: unknown) {
          this.close(exit)
        }
    )
  },
  {
    name: "takes every condition as it stands",
    breaks: "steps",
    plant: patch(Walk.prototype, "enter", (original) =>
      function(this: never, step: PlannedStep, tasks: Array<Task>) {
        const told = step.condition === undefined ? step : { ...step, condition: { ...step.condition, negated: false } }
        return original.call(this, told as never, tasks as never)
      })
  },
  {
    name: "runs steps that lack what was skipped",
    breaks: "values",
    plant: patch(Walk.prototype, "lacks", () => () => false)
  },
  {
    name: "skips steps that could do without what was skipped",
    breaks: "steps",
    plant: patch(
      Walk.prototype,
      "lacks",
      (original) =>
        function(this: never, step: { readonly inputs: ReadonlyArray<object> }) {
          return original.call(
            this,
            { ...step, inputs: step.inputs.map((input) => ({ ...input, name: "" })) } as never
          )
        }
    )
  },
  {
    name: "gathers parts in the order of their answers",
    breaks: "values",
    plant: patch(Walk.prototype, "collect", (original) => {
      const counts = new WeakMap<object, Map<unknown, number>>()
      return function(this: object, step: never, parts: number, _part: number, answer: never) {
        const mine = counts.get(this) ?? new Map<unknown, number>()
        counts.set(this, mine)
        const part = mine.get(step) ?? 0
        mine.set(step, part + 1)
        return original.call(this as never, step, parts as never, part as never, answer)
      }
    })
  },
  {
    name: "gives a step what another call was answered",
    breaks: "values",
    plant: patch(Walk.prototype, "answered", (original) => {
      const last = new Map<unknown, ReadonlyArray<Tensor>>()
      return function(this: never, task: Task, answer: InferenceResponse) {
        const outputs = last.get(task.step.index)
        last.set(task.step.index, answer.outputs)
        const isLike = outputs !== undefined && outputs.length === answer.outputs.length
        return original.call(this, task as never, (isLike ? { ...answer, outputs } : answer) as never)
      }
    })
  },
  {
    name: "lets more in than it may",
    breaks: "in-flight",
    plant: patch(InFlight.prototype, "enterNow", () =>
      function(this: OpenInFlight, ticket: Ticket) {
        this.count++
        ticket.state = "in"
        return true
      })
  },
  {
    name: "does not pass places on",
    breaks: "in-flight",
    plant: patch(InFlight.prototype, "leave", () =>
      function(this: OpenInFlight, ticket: Ticket) {
        if (ticket.state === "in") this.count--
        if (ticket.state === "waiting") this.remove(ticket)
        ticket.state = "out"
      })
  },
  {
    name: "lets in first who came last",
    breaks: "in-turn",
    plant: patch(InFlight.prototype, "append", () =>
      function(this: OpenInFlight, ticket: Ticket) {
        ticket.behind = this.first
        if (this.first === undefined) this.last = ticket
        else this.first.before = ticket
        this.first = ticket
        this.waiting++
      })
  },
  {
    name: "counts failures twice",
    breaks: "statistics",
    subject: (options) => {
      const { statistics } = options
      return subject({
        ...options,
        statistics: Object.assign(Object.create(statistics) as typeof statistics, {
          failed: (...args: Parameters<typeof statistics.failed>) => {
            statistics.failed(...args)
            statistics.failed(...args)
          }
        })
      })
    }
  },
  {
    name: "names another step",
    breaks: "outcome",
    subject: submitting((submit) => (job) =>
      Effect.mapError(submit(job), (failure) =>
        failure._tag === "ExecutionFailed"
          ? new ExecutionFailed({ model: "e", message: failure.message.replace(/step 0,/, "step 1,") })
          : failure)
    )
  },
  {
    name: "does not wait for its calls when it closes",
    breaks: "closing",
    subject: (options) =>
      Effect.gen(function*() {
        const own = yield* Scope.make()
        const scheduler = yield* Scope.provide(subject(options), own)
        let isOver = false
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            isOver = true
          })
        )
        return {
          ...scheduler,
          submit: (job) =>
            isOver
              ? Effect.andThen(
                Effect.forkChild(Scope.close(own, Exit.void), { startImmediately: true }),
                scheduler.submit(job)
              )
              : scheduler.submit(job)
        }
      })
  }
]
