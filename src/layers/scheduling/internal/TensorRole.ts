/** What part an input or output of a model plays when requests run together. */
import * as BatchAxis from "../../../schema/BatchAxis.ts"
import { byteSize, type DataType } from "../../../schema/DataType.ts"
import type { Tensor } from "../../../schema/Inference.ts"
import type { ModelConfig } from "../../../schema/ModelConfig.ts"
import type { ModelSignature, SignatureTensor } from "../../../schema/ModelSignature.ts"
import type { Job } from "../../../services/Scheduler.ts"

/**
 * `rows`: stacked along `axis`. `ragged`: laid one behind the other, flat. `shared`: the same for all.
 *
 * @category models
 */
export interface InputRole {
  readonly name: string
  readonly datatype: DataType
  /** Bytes of an element, 0 for BYTES. */
  readonly elementSize: number
  /** Where a job usually has it. */
  readonly index: number
  readonly kind: "rows" | "ragged" | "shared"
  readonly axis: number
  /** Its shape may differ between requests beyond the batch dimension. */
  readonly variable: boolean
}

/**
 * `rows`: each request has its part along `axis`. `flat`: each has as many elements as `shape` says with the sizes of its
 * input `source` put in. `shared`: all of it belongs to each.
 *
 * @category models
 */
export interface OutputRole {
  readonly name: string
  readonly elementSize: number
  readonly kind: "rows" | "flat" | "shared"
  readonly axis: number
  readonly shape: ReadonlyArray<number>
  readonly source: InputRole | undefined
}

/** In the model's own shape: a scalar has no dimension for the batch. */
const modelAxis = (tensor: SignatureTensor): number =>
  tensor.modelShape.length === 0 ? BatchAxis.none : tensor.batchAxis

/** @category constructors */
export const inputs = (config: ModelConfig, signature: ModelSignature): ReadonlyArray<InputRole> =>
  signature.inputs.map((tensor, index) => {
    const axis = modelAxis(tensor)
    const ragged = config.input.some(({ allow_ragged_batch, name }) => allow_ragged_batch && name === tensor.name)
    return {
      name: tensor.name,
      datatype: tensor.datatype,
      elementSize: byteSize(tensor.datatype),
      index,
      kind: ragged ? "ragged" : axis === BatchAxis.none ? "shared" : "rows",
      axis,
      variable: tensor.dims.includes(-1)
    }
  })

/** @category constructors */
export const outputs = (
  config: ModelConfig,
  signature: ModelSignature,
  inputs: ReadonlyArray<InputRole>
): ReadonlyArray<OutputRole> =>
  signature.outputs.map((tensor) => {
    const axis = modelAxis(tensor)
    const scatter = config.batch_output.find(({ target_name }) => target_name.includes(tensor.name))
    return {
      name: tensor.name,
      elementSize: byteSize(tensor.datatype),
      kind: scatter !== undefined ? "flat" : axis === BatchAxis.none ? "shared" : "rows",
      axis,
      shape: tensor.modelShape,
      source: scatter === undefined ? undefined : inputs.find(({ name }) => name === scatter.source_input[0])
    }
  })

/** A job's tensor for an input; `undefined` where it left an optional one out. @category getters */
export const tensorOf = (job: Job, role: InputRole): Tensor | undefined => {
  const { inputs } = job
  const usual = inputs[role.index]
  if (usual !== undefined && usual.name === role.name) return usual
  for (let i = 0; i < inputs.length; i++) if (inputs[i]!.name === role.name) return inputs[i]
  return undefined
}

/** Elements of a shape. @category getters */
export const elementCount = (shape: ReadonlyArray<number>): number => {
  let count = 1
  for (let i = 0; i < shape.length; i++) count *= shape[i]!
  return count
}

/** Product of the dimensions from `start` to before `end`. @category getters */
export const product = (shape: ReadonlyArray<number>, start: number, end: number): number => {
  let count = 1
  for (let i = start; i < end; i++) count *= shape[i]!
  return count
}
