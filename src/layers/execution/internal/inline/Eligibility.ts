/** Which models may run on the main thread if they are quick enough, and in which shapes that is measured. */
import * as BatchAxis from "../../../../schema/BatchAxis.ts"
import * as DataType from "../../../../schema/DataType.ts"
import type { ModelPlan, TensorSpec } from "../../../../services/Executor.ts"
import type { MeasuredInput } from "../look/LookTask.ts"
import * as PlainOperators from "./PlainOperators.ts"

/** The shape of an input at so many rows; `undefined` where it is not known. */
const shapeAt = (
  plan: ModelPlan,
  { batchAxis, shape }: TensorSpec,
  rows: number
): ReadonlyArray<number> | undefined => {
  const axis = plan.batched ? batchAxis ?? 0 : BatchAxis.none
  const filled = shape.map((dim, index) => index === axis && dim === -1 ? rows : dim)
  return filled.every((dim) => dim >= 0) ? filled : undefined
}

const isBounded = (limit: number | undefined): boolean => limit !== undefined && limit !== Infinity

/** Why a model may not run on the main thread however quick it is: a sentence part. */
const reasonAgainst = (plan: ModelPlan): string | undefined => {
  const { instances, session } = plan
  if (instances.some(({ device }) => device.kind === "GPU")) return "it has instances on GPUs"
  const bounds = [plan.maxRunNanos, plan.maxMemoryBytes, plan.maxGrowthBytes]
  if (bounds.some(isBounded)) return "it has bounds that ask for an instance that can be ended"
  if (
    (session.intraOpNumThreads ?? 1) > 1 || (session.interOpNumThreads ?? 1) > 1 || session.executionMode === "parallel"
  ) {
    return "it asks for several threads"
  }
  if (plan.inputs.length === 0) return "it has no inputs"
  for (const { datatype, name } of [...plan.inputs, ...plan.outputs]) {
    if (datatype === "BYTES") return `tensor '${name}' has strings`
  }
  if (plan.operators === undefined) return "its operators are not known"
  const operator = PlainOperators.exception(plan.operators)
  if (operator !== undefined) return `what its operator ${operator} takes does not follow from the shapes of the inputs`
  if (plan.batched && plan.maxBatchSize === undefined) return "its largest batch is not known"
  return undefined
}

/** What is measured, or why nothing is: a sentence part. @category getters */
export const of = (plan: ModelPlan): ReadonlyArray<MeasuredInput> | string => {
  const reason = reasonAgainst(plan)
  if (reason !== undefined) return reason
  const sizes = plan.batched ? [...new Set([1, plan.maxBatchSize!])] : [1]
  const inputs: Array<MeasuredInput> = []
  for (const input of plan.inputs) {
    const type = DataType.fromName(input.datatype)!.ort
    if (type === undefined) return `input '${input.name}' is ${input.datatype}`
    const shapes: Array<ReadonlyArray<number>> = []
    for (const rows of sizes) {
      const shape = shapeAt(plan, input, rows)
      if (shape === undefined) return `the shape of input '${input.name}', [${input.shape.join(",")}], may be any`
      shapes.push(shape)
    }
    inputs.push({ name: input.name, type, shapes })
  }
  return inputs
}
