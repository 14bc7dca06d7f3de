/** A queue of sequences over instances that a test finishes and crashes by hand, with a layout that adds values up. */
import { Effect, Exit, Fiber } from "effect"
import type * as Breaker from "../../../src/layers/execution/internal/Breaker.ts"
import type { StateCell } from "../../../src/layers/scheduling/internal/sequence/SequenceLayout.ts"
import type { SequenceLayout } from "../../../src/layers/scheduling/internal/sequence/SequenceLayout.ts"
import * as SequenceBatcher from "../../../src/layers/scheduling/SequenceBatcher.ts"
import type { Tensor } from "../../../src/schema/Inference.ts"
import type { Draft } from "../../../src/schema/ModelConfig.ts"
import type { Instances, SequenceEnd } from "../../../src/services/Executor.ts"
import type { Job, JobFailure, JobResult } from "../../../src/services/Scheduler.ts"
import * as Fakes from "../../execution/FakeInstances.ts"
import { queueOptions } from "../QueueOptions.ts"

export const { settle } = Fakes

/** What a step asks for beside its id and its value. */
export interface Ask {
  readonly start?: boolean
  readonly end?: boolean
  /** Milliseconds. */
  readonly timeout?: number
  /** Milliseconds. */
  readonly deadline?: number
  readonly rows?: number
  /** Steps of different shapes do not share a batch. */
  readonly shape?: string
}

const tensor = (name: string, value: number): Tensor => ({
  name,
  datatype: "UINT8",
  shape: [value],
  data: new Uint8Array(0)
})

/** A step with a value, which stands in the shape of its first input. */
export const job = (id: bigint | string, value: number, ask: Ask = {}): Job => ({
  inputs: [tensor("X", value)],
  outputs: ["Y"],
  batchSize: ask.rows ?? 1,
  priority: 0,
  timeoutMicros: (ask.timeout ?? 0) * 1000,
  deadlineMicros: (ask.deadline ?? 0) * 1000,
  request: {
    id: ask.shape ?? "",
    inputs: [],
    outputs: [],
    parameters: new Map(),
    priority: 0,
    timeoutMicros: 0,
    deadlineMicros: 0,
    sequence: { id, start: ask.start ?? false, end: ask.end ?? false }
  }
})

interface Cell extends Pick<StateCell, "close" | "bytes"> {
  sum: number
  isOpen: boolean
}

export interface Options extends SequenceBatcher.Options {
  readonly count?: number
  /** The server keeps the sums: they survive their instance. */
  readonly stateful?: boolean
  /** Runs that an instance takes at once. */
  readonly places?: number
  readonly breaker?: Breaker.Options
  /** Whatever is left when the test is over is ended. Default: `true`. */
  readonly endsLeft?: boolean
}

/** Adds up in cells, as a state would. A batch is told by its members: `id+value`, with `^` at a START and `$` at an END; `-` is padding. */
const makeLayout = (stateful: boolean) => {
  const cells = new Set<Cell>()
  const batches: Array<string> = []
  const layout: SequenceLayout = {
    stateful,
    problemOf: () => undefined,
    open: () => {
      const cell: Cell = {
        sum: 0,
        isOpen: true,
        bytes: 0,
        close: () => {
          cell.isOpen = false
          cells.delete(cell)
        }
      }
      cells.add(cell)
      return cell as unknown as StateCell
    },
    keyOf: (of) => of.request!.id,
    sameKey: (a, b) => a === b,
    prepare: (members) => {
      const present = members.filter((member) => member !== undefined)
      const values = present.map((member) => member.job.inputs[0]!.shape[0]!)
      batches.push(
        members.map((member) =>
          member === undefined
            ? "-"
            : `${member.start ? "^" : ""}${member.job.request!.sequence!.id}+${member.job.inputs[0]!.shape[0]}${
              member.end ? "$" : ""
            }`
        ).join(" ")
      )
      return {
        inputs: [tensor("batch", batches.length)],
        outputs: ["Y"],
        rows: members.length,
        release: () => {},
        share: (result) => {
          result.release()
          return present.map(({ cell }, i) => {
            const own = cell as unknown as Cell
            own.sum += values[i]!
            return Exit.succeed({ outputs: [tensor("Y", own.sum)], release: () => {} })
          })
        }
      }
    }
  }
  return { layout, cells, batches }
}

export const make = Effect.fnUntraced(function*(
  sequence_batching: NonNullable<Draft["sequence_batching"]>,
  options: Options & { readonly max_batch_size?: number } = {}
) {
  const fakes = Fakes.make()
  const { batches, cells, layout } = makeLayout(options.stateful ?? false)
  const pool = yield* Fakes.pool(fakes, {
    count: options.count ?? 1,
    places: options.places ?? 1,
    ...(options.breaker === undefined ? {} : { breaker: options.breaker })
  })
  const ends: Array<string> = []
  const instances: Instances = {
    ...pool,
    lend: Effect.map(pool.lend, (lent) => ({
      ...lent,
      quick: () => false,
      sequenceEnded: (id: bigint | string, why: SequenceEnd) => void ends.push(`${id} ${why}`)
    }))
  }
  const version = queueOptions("m", { max_batch_size: options.max_batch_size ?? 4, sequence_batching })
  const core = yield* SequenceBatcher.open({ ...version, instances }, layout, options)
  // A test that fails leaves sequences behind, for which the end of the queue would wait.
  yield* Effect.addFinalizer(() =>
    Effect.gen(function*() {
      if (options.endsLeft === false) return
      core.endSequences()
      while (Fakes.running(fakes).length > 0) {
        for (const run of Fakes.running(fakes)) run.finish()
        yield* settle
      }
    })
  )
  const submit = (id: bigint | string | number, value: number, ask: Ask = {}) =>
    Effect.forkChild(
      Effect.exit(core.submit(job(typeof id === "number" ? BigInt(id) : id, value, ask))),
      { startImmediately: true }
    )
  return {
    core,
    fakes,
    /** Members of every batch that was put together. */
    batches,
    /** Cells that are open. */
    cells,
    /** What the model was told of sequences that are over. */
    ends,
    statistics: version.statistics,
    submit,
    /** Numbers of the batches that run. */
    running: () => Fakes.running(fakes).map((run) => run.job).toSorted((a, b) => a - b),
    /** Ends a batch by its number; without: all that run. */
    finish: (number?: number) =>
      Effect.suspend(() => {
        for (const run of Fakes.running(fakes)) if (number === undefined || run.job === number) run.finish()
        return settle
      })
  }
})

export type Sequences = Effect.Success<ReturnType<typeof make>>

type Answer = Exit.Exit<JobResult, JobFailure>

/** The sum of an answer, or the tag of a failure. */
export const read = (answer: Answer): number | string => {
  if (Exit.isSuccess(answer)) return answer.value.outputs[0]!.shape[0]!
  const failure = answer.cause.reasons.find((reason) => reason._tag === "Fail")
  return failure === undefined ? "defect" : failure.error._tag
}

/** The text of a failure. */
export const textOf = (answer: Answer): string => {
  if (Exit.isSuccess(answer)) return "a success"
  const failure = answer.cause.reasons.find((reason) => reason._tag === "Fail")
  return failure === undefined ? "a defect" : failure.error.message
}

/** What fibers were answered, in order. */
export const answers = (fibers: ReadonlyArray<Fiber.Fiber<Answer>>) =>
  Effect.map(Fiber.joinAll(fibers), (all) => all.map(read))

/** Nothing is kept for anybody. */
export const isEmpty = ({ cells, core }: Sequences): boolean => {
  const { table } = core
  return cells.size === 0 && table.register.size === 0 && table.waiting === 0 && table.slots.line.length === 0 &&
    table.slots.taken === 0 && table.idle.next() === Infinity && core.depth().waiting === 0 &&
    core.depth().running === 0
}
