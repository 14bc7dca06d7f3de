/** Whether a step runs, where a tensor is to say that. */
import type { Tensor } from "../../../schema/Inference.ts"
import { elementCount, show } from "../../../schema/Shape.ts"
import type { PlannedStep } from "../EnsemblePlan.ts"
import { isPresent, skipped } from "./Board.ts"

/** What the value of the tensor decides, or a sentence about what is wrong with it. @category getters */
export const decide = (
  { negated }: NonNullable<PlannedStep["condition"]>,
  value: Tensor,
  name: string
): boolean | string => {
  if (value === skipped) return false
  if (!isPresent(value)) return `tensor '${name}' is to tell whether the step runs, but is absent`
  if (value.datatype !== "BOOL" || elementCount(value.shape) !== 1) {
    return `tensor '${name}' is to tell whether the step runs: expected one element of BOOL, got ${value.datatype} of ` +
      show(value.shape)
  }
  return (value.data[0] !== 0) !== negated
}
