/** Divides a result into what is answered and what is kept as state. */
import { Exit, Result } from "effect"
import type { Tensor } from "../../../../schema/Inference.ts"
import type { ExecutionResult } from "../../../../services/Executor.ts"
import type { Job, JobFailure } from "../../../../services/Scheduler.ts"
import type { Share } from "../BatchAnswers.ts"
import type { BatchLayout, GatheredBatch } from "../BatchLayout.ts"

/** What a run is asked for. @category models */
export interface Asked {
  /** What the requests ask for, then the states among which they ask for none. */
  readonly names: ReadonlyArray<string>
  /** How many of them the requests ask for. */
  readonly own: number
  /** Where each state is. */
  readonly states: ReadonlyArray<number>
}

/** A function that asks for these states as well. It remembers its last answer: most requests ask for the same. @category constructors */
export const outputsWith = (states: ReadonlyArray<string>): (own: ReadonlyArray<string>) => Asked => {
  let last: { readonly own: ReadonlyArray<string>; readonly asked: Asked } | undefined
  return (own) => {
    if (last !== undefined && last.own === own) return last.asked
    const missing = states.filter((name) => !own.includes(name))
    const names = missing.length === 0 ? own : [...own, ...missing]
    const asked = { names, own: own.length, states: states.map((name) => names.indexOf(name)) }
    last = { own, asked }
    return asked
  }
}

/** The states in a result, in their order; `undefined` where the model left one out. @category getters */
export const statesOf = (asked: Asked, outputs: ReadonlyArray<Tensor>): ReadonlyArray<Tensor | undefined> =>
  outputs.length === asked.names.length
    ? asked.states.map((at) => outputs[at])
    : asked.states.map((at) => outputs.find(({ name }) => name === asked.names[at]))

/** The result without the states that nobody but the server asked for. */
const answered = ({ names, own }: Asked, result: ExecutionResult): ExecutionResult => {
  const { outputs } = result
  if (names.length === own) return result
  if (outputs.length === names.length) return { ...result, outputs: outputs.slice(0, own) }
  const kept = new Set(names.slice(0, own))
  return { ...result, outputs: outputs.filter(({ name }) => kept.has(name)) }
}

/** What each step of a batch is answered, in order; rows of nobody have no answer. @category getters */
export const answers = (
  layout: BatchLayout,
  members: ReadonlyArray<unknown>,
  jobs: ReadonlyArray<Job>,
  batch: GatheredBatch,
  asked: Asked,
  result: ExecutionResult
): ReadonlyArray<Exit.Exit<Share, JobFailure>> => {
  const parts = layout.scatter(jobs, batch, answered(asked, result))
  const exits: Array<Exit.Exit<Share, JobFailure>> = []
  for (let row = 0; row < parts.length; row++) {
    const part = parts[row]!
    if (members[row] !== undefined) {
      exits.push(Result.isSuccess(part) ? Exit.succeed(part.success) : Exit.fail(part.failure))
    } else if (Result.isSuccess(part)) part.success.release()
  }
  return exits
}
