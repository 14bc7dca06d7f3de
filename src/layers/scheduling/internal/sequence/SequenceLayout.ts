/**
 * How steps of sequences become one batch and its result becomes their answers and their states: `BatchLayout` for models that are
 * told of sequences, or whose states the server keeps.
 *
 * Source: scheduling §4.7 and §4.8.
 */
import { Exit } from "effect"
import { ExecutionFailed, type InvalidRequest } from "../../../../schema/Errors.ts"
import type { Tensor } from "../../../../schema/Inference.ts"
import * as ModelSignature from "../../../../schema/ModelSignature.ts"
import * as SequenceState from "../../../../schema/SequenceState.ts"
import type { ExecutionResult } from "../../../../services/Executor.ts"
import type { Job, JobFailure, QueueOptions } from "../../../../services/Scheduler.ts"
import type { TensorMemory } from "../../../../services/TensorMemory.ts"
import type { Share } from "../BatchAnswers.ts"
import * as BatchLayout from "../BatchLayout.ts"
import type { Prepared } from "../QueueCore.ts"
import * as Controls from "./Controls.ts"
import * as Padding from "./Padding.ts"
import * as Parts from "./Parts.ts"
import * as StateCell from "./StateCell.ts"
import * as StateRows from "./StateRows.ts"

export type { StateCell } from "./StateCell.ts"

/** One request in its place of a batch. @category models */
export interface Member {
  /** `request.sequence` is its step. */
  readonly job: Job
  /** What the model is told: that its sequence begins, and that it ends. */
  readonly start: boolean
  readonly end: boolean
  /** Of its sequence. */
  readonly cell: StateCell.StateCell
}

/** @category models */
export interface SequenceLayout {
  /** The server keeps state: sequences survive the loss of an instance. */
  readonly stateful: boolean
  /** The correlation id is of a kind that the model does not take. */
  readonly problemOf: (job: Job) => InvalidRequest | undefined
  /** The memory of a sequence that begins, with the states to begin with. Its owner closes it. */
  readonly open: () => StateCell.StateCell
  /** What decides whether steps may share a batch, as in `BatchLayout`; the shapes of states that may grow count too. */
  readonly keyOf: (job: Job, cell: StateCell.StateCell) => unknown
  readonly sameKey: (a: unknown, b: unknown) => boolean
  /**
   * Puts steps together that have equal keys: at least one. `undefined` is a row of nobody: shapes of the first step, no contents.
   *
   * `share` gives each step its exit, in order, without the rows of nobody; where it is a success, the cell has the new states. Before
   * that, and where the run fails, cells stay as they are. `ExecutionFailed`: the model gave a state that is none.
   */
  readonly prepare: (members: ReadonlyArray<Member | undefined>) => Prepared
}

/** @category models */
export interface Options extends Pick<QueueOptions, "config" | "plan" | "signature" | "states"> {
  readonly memory: TensorMemory["Service"]
}

type Key = BatchLayout.BatchKey | undefined

const present = (member: Member | undefined): member is Member => member !== undefined

/** The layout of a version. @category constructors */
export const make = ({ config, memory, plan, signature: clients, states = [] }: Options): SequenceLayout => {
  const signature = ModelSignature.extend(clients, states.map(SequenceState.inputOf), [])
  const layout = BatchLayout.make({ config, plan, signature, memory })
  const controls = Controls.make(config)
  const initial = states.map(StateCell.initialOf)
  const stateful = states.length > 0
  const comparesStates = states.some(({ dims }) => dims.includes(-1))
  const outputsOf = Parts.outputsWith(states.map(({ output }) => output))

  /** A step as the model takes it, but for the controls. */
  const complete = (job: Job, tensors: ReadonlyArray<Tensor>): Job =>
    stateful ? { ...job, inputs: job.inputs.concat(tensors) } : job

  const together = (members: ReadonlyArray<Member | undefined>, steps: ReadonlyArray<Member>): ReadonlyArray<Job> => {
    if (members.length === steps.length) return steps.map(({ cell, job }) => complete(job, cell.tensors))
    let padding: Job | undefined
    return members.map((member) => {
      if (member !== undefined) return complete(member.job, member.cell.tensors)
      const { cell, job } = steps[0]!
      return padding ??= Padding.beside(complete(job, cell.tensors), signature)
    })
  }

  /** What is wrong with the states that a run gave; a state that it left out stays as it was. */
  const faultOf = (given: ReadonlyArray<Tensor | undefined>, rows: number): ExecutionFailed | undefined => {
    for (let i = 0; i < states.length; i++) {
      const tensor = given[i]
      const misfit = tensor === undefined ? undefined : StateRows.misfit(states[i]!, tensor, rows)
      if (misfit === undefined) continue
      const { input, output } = states[i]!
      return new ExecutionFailed({
        model: config.name,
        message:
          `model '${config.name}' gave the output '${output}', the next state '${input}' of its sequences, as ${misfit}; ` +
          "the sequences keep the states that they had"
      })
    }
    return undefined
  }

  const store = (
    given: ReadonlyArray<Tensor | undefined>,
    members: ReadonlyArray<Member | undefined>,
    exits: ReadonlyArray<Exit.Exit<Share, JobFailure>>
  ) => {
    for (let i = 0; i < states.length; i++) {
      const tensor = given[i]
      if (tensor === undefined) continue
      const rows = StateRows.make(states[i]!, tensor)
      for (let row = 0, step = 0; row < members.length; row++) {
        const member = members[row]
        if (member === undefined || !Exit.isSuccess(exits[step++]!) || !member.cell.isOpen) continue
        rows.copy(row, member.cell.write(i, rows.shape, rows.byteLengthOf(row)))
      }
    }
  }

  const prepare = (members: ReadonlyArray<Member | undefined>): Prepared => {
    const steps = members.filter(present)
    const jobs = together(members, steps)
    const batch = layout.gather(jobs)
    const inputs = controls.count === 0 ? batch.inputs : batch.inputs.slice()
    if (controls.count > 0) controls.add(members, inputs as Array<Tensor>)
    const asked = outputsOf(batch.outputs)
    for (let i = 0; i < steps.length; i++) steps[i]!.cell.hold()
    let held = true

    const share = (result: ExecutionResult): ReadonlyArray<Exit.Exit<Share, JobFailure>> => {
      const given = Parts.statesOf(asked, result.outputs)
      const fault = faultOf(given, members.length)
      if (fault !== undefined) {
        result.release()
        return steps.map(() => Exit.fail(fault))
      }
      const exits = Parts.answers(layout, members, jobs, batch, asked, result)
      store(given, members, exits)
      return exits
    }

    return {
      inputs,
      outputs: asked.names,
      rows: batch.rows,
      release: () => {
        if (!held) return
        held = false
        batch.release()
        for (let i = 0; i < steps.length; i++) steps[i]!.cell.letGo()
      },
      share
    }
  }

  return {
    stateful,
    problemOf: controls.problemOf,
    open: () => new StateCell.StateCell(initial, memory),
    keyOf: (job, cell) => layout.keyOf(comparesStates ? complete(job, cell.tensors) : job),
    sameKey: (a, b) => layout.sameKey(a as Key, b as Key),
    prepare
  }
}
