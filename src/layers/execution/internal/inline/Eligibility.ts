/** Which models may run on the main thread if they are quick enough, and in which shapes that is measured. */
import * as BatchAxis from "../../../../schema/BatchAxis.ts"
import * as DataType from "../../../../schema/DataType.ts"
import type { ModelPlan, TensorSpec } from "../../../../services/Executor.ts"
import type { MeasuredInput } from "../look/LookTask.ts"
import * as PlainOperators from "./PlainOperators.ts"
import type { InputBound } from "./RunBounds.ts"

/** What dimensions of any size are set to, all of them at once, to find the largest that is quick enough. @category constants */
export const openSizes: ReadonlyArray<number> = [4, 16, 64, 256, 1024]

/** Rows that are tried of models with strings, which are slow, before a full batch. @category constants */
export const stringRows: ReadonlyArray<number> = [1, 4, 16, 64]

/** Inputs with more elements are not measured where their sizes are open: it would take longer than it is worth. @category constants */
export const maxElements = 65_536

/** Characters of a string to measure with, and of all strings of a tensor where there are few. @category constants */
export const stringLength = 16
const allStringsLength = 256

/** What is measured. @category models */
export interface Eligible {
  readonly inputs: ReadonlyArray<MeasuredInput>
  /** Dimensions or strings may be larger than what is measured: one of the sizes is chosen, and bounds what runs on the main thread. */
  readonly isBounded: boolean
}

const elementsOf = (shape: ReadonlyArray<number>): number => shape.reduce((product, dim) => product * dim, 1)

const batchAxisOf = (plan: ModelPlan, { batchAxis }: TensorSpec): number =>
  plan.batched ? batchAxis ?? 0 : BatchAxis.none

/** The shape of an input with so many rows, and its other open dimensions of this size. */
const shapeAt = (plan: ModelPlan, input: TensorSpec, { open, rows }: Size): ReadonlyArray<number> => {
  const axis = batchAxisOf(plan, input)
  return input.shape.map((dim, index) => dim !== -1 ? dim : index === axis ? rows : open)
}

const isOpen = (plan: ModelPlan, input: TensorSpec): boolean =>
  input.shape.some((dim, index) => dim === -1 && index !== batchAxisOf(plan, input))

/** How large an input may be that was measured in this size. @category getters */
export const boundOf = ({ shapes, stringLengths }: MeasuredInput, size: number): InputBound => ({
  dims: shapes[size]!,
  stringBytes: stringLengths === undefined ? Infinity : elementsOf(shapes[size]!) * (4 + stringLengths[size]!)
})

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
  if (plan.operators === undefined) return "its operators are not known"
  const operator = PlainOperators.exception(plan.operators)
  if (operator !== undefined) return `what its operator ${operator} takes does not follow from the shapes of the inputs`
  if (plan.batched && plan.maxBatchSize === undefined) return "its largest batch is not known"
  return undefined
}

/** Rows of a batch, and the size of open dimensions. */
interface Size {
  readonly rows: number
  readonly open: number
}

const sizesOf = (plan: ModelPlan, isOpen: boolean, isBounded: boolean): ReadonlyArray<Size> => {
  const most = plan.batched ? plan.maxBatchSize! : 1
  if (!isBounded) return [...new Set([1, most])].map((rows) => ({ rows, open: 0 }))
  const sizes = isOpen
    ? openSizes.map((open) => ({ rows: most, open }))
    : [...stringRows.filter((rows) => rows < most), most].map((rows) => ({ rows, open: 0 }))
  return sizes.filter((size) => plan.inputs.every((input) => elementsOf(shapeAt(plan, input, size)) <= maxElements))
}

/** What is measured, or why nothing is: a sentence part. @category getters */
export const of = (plan: ModelPlan): Eligible | string => {
  const reason = reasonAgainst(plan)
  if (reason !== undefined) return reason
  const open = plan.inputs.find((input) => isOpen(plan, input))
  const strings = [...plan.inputs, ...plan.outputs].find(({ datatype }) => datatype === "BYTES")
  const isBounded = open !== undefined || strings !== undefined
  if (isBounded) {
    const operator = PlainOperators.unsteadyOne(plan.operators!)
    if (operator !== undefined) {
      return `what its operator ${operator} takes does not grow with the inputs alone, and ` +
        (open === undefined
          ? `tensor '${strings!.name}' has strings`
          : `the shape of input '${open.name}', [${open.shape.join(",")}], may be any`)
    }
  }
  const sizes = sizesOf(plan, open !== undefined, isBounded)
  if (sizes.length === 0) {
    return `the smallest run of it that is measured has an input of more than ${maxElements} elements`
  }
  const inputs: Array<MeasuredInput> = []
  for (const input of plan.inputs) {
    const type = DataType.fromName(input.datatype)!.ort
    if (type === undefined) return `input '${input.name}' is ${input.datatype}`
    const shapes = sizes.map((size) => shapeAt(plan, input, size))
    inputs.push({
      name: input.name,
      type,
      shapes,
      ...(type !== "string" ? {} : {
        stringLengths: shapes.map((shape) =>
          Math.max(stringLength, Math.ceil(allStringsLength / Math.max(1, elementsOf(shape))))
        )
      })
    })
  }
  return { inputs, isBounded }
}
