/** What of an ensemble a request needs: the steps that lie before the outputs it asks for, and no others. */
import type { RequestedOutput } from "../../../schema/Inference.ts"
import type { EnsemblePlan, PlannedStep } from "../EnsemblePlan.ts"

/** @category models */
export interface Selection {
  /** The steps that run, ascending. */
  readonly steps: ReadonlyArray<PlannedStep>
  /** For each step the outputs to ask its model for; empty where it does not run. */
  readonly requested: ReadonlyArray<ReadonlyArray<RequestedOutput>>
  /** For each tensor the steps that run and read it. */
  readonly readers: ReadonlyArray<ReadonlyArray<number>>
  /** For each step how many hold its answer: steps that read of it, and the answer of the ensemble. */
  readonly holders: ReadonlyArray<number>
  /** The steps whose answers are held by the answer of the ensemble. */
  readonly backing: ReadonlyArray<number>
  /** The tensors of the outputs that were asked for, in the order asked for. */
  readonly outputs: ReadonlyArray<number>
}

/** Walks back from the outputs. @category constructors */
export const make = (plan: EnsemblePlan, outputs: ReadonlyArray<string>): Selection => {
  const wanted = outputs.map((name) => plan.outputs.get(name)!)
  const neededTensors = new Set<number>(wanted)
  const neededSteps = new Set<number>()
  // What is added while it is walked is walked as well.
  for (const tensor of neededTensors) {
    const writer = plan.writers[tensor]!
    if (writer === -1 || neededSteps.has(writer)) continue
    neededSteps.add(writer)
    for (const read of plan.steps[writer]!.reads) neededTensors.add(read)
  }
  const steps = plan.steps.filter(({ index }) => neededSteps.has(index))
  const backing = [...new Set(wanted.map((tensor) => plan.writers[tensor]!))].filter((writer) => writer !== -1)
  const holders = plan.steps.map(() => 0)
  for (const { sources } of steps) for (const source of sources) holders[source]!++
  for (const step of backing) holders[step]!++
  return {
    steps,
    requested: plan.steps.map((step) =>
      neededSteps.has(step.index)
        ? step.outputs.filter(({ shapes, tensor }) => neededTensors.has(tensor) || neededTensors.has(shapes))
          .map(({ name }) => ({ name, classification: 0 }))
        : []
    ),
    readers: plan.readers.map((readers) => readers.filter((reader) => neededSteps.has(reader))),
    holders,
    backing,
    outputs: wanted
  }
}

/** Selections that are kept, beyond that of all outputs. */
const maxKept = 64

/** Selections of a plan, each made once as far as they are few. @category constructors */
export const kept = (plan: EnsemblePlan, all: ReadonlyArray<string>): (outputs: ReadonlyArray<string>) => Selection => {
  const whole = make(plan, all)
  const known = new Map<string, Selection>()
  return (outputs) => {
    if (outputs === all) return whole
    const key = JSON.stringify(outputs)
    const found = known.get(key)
    if (found !== undefined) return found
    const made = make(plan, outputs)
    if (known.size < maxKept) known.set(key, made)
    return made
  }
}
