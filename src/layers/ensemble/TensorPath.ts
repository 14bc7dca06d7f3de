/** Draws how a tensor comes to be in an ensemble, for messages. */
import type { EnsembleScheduling } from "../../schema/ModelConfig.ts"
import * as EnsembleExtensions from "./EnsembleExtensions.ts"

type Step = EnsembleScheduling["step"][number]

/** Parts of a path that is longer are left out. */
const maxParts = 12

/** A step as messages name it: `step 0 'model'`. @category formatting */
export const stepName = (steps: ReadonlyArray<Step>, index: number): string =>
  `step ${index} '${steps[index]!.model_name}'`

/** Joins parts of a path, the middle of a long one left out. @category formatting */
export const draw = (parts: ReadonlyArray<string>): string => {
  const few = parts.length <= maxParts
    ? parts
    : [...parts.slice(0, maxParts / 2), "...", ...parts.slice(parts.length - maxParts / 2)]
  return few.join(" -> ")
}

/**
 * A way from an input of the ensemble, or round a circle, to a tensor: `IN -> step 0 'a' -> temp`. `leads` says which tensors it leads
 * through rather than others that the same step reads.
 *
 * @category getters
 */
export const to = (
  steps: ReadonlyArray<Step>,
  tensor: string,
  leads: (tensor: string) => boolean = () => true,
  extensions: ReadonlyArray<EnsembleExtensions.StepExtensions> = []
): ReadonlyArray<string> => {
  const writers = new Map<string, number>()
  const said = (index: number) => extensions[index] ?? EnsembleExtensions.none
  for (const [index, step] of steps.entries()) {
    for (const written of EnsembleExtensions.writes(step, said(index))) {
      if (!writers.has(written)) writers.set(written, index)
    }
  }
  const path = [tensor]
  const seen = new Set<number>()
  let at: string | undefined = tensor
  while (at !== undefined) {
    const writer: number | undefined = writers.get(at)
    if (writer === undefined || seen.has(writer)) break
    seen.add(writer)
    path.push(stepName(steps, writer))
    const read: ReadonlyArray<string> = [...EnsembleExtensions.reads(steps[writer]!, said(writer))]
    at = read.find(leads) ?? read[0]
    if (at !== undefined) path.push(at)
  }
  return path.toReversed()
}
