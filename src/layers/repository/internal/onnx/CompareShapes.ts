/** Compares the shapes of a config with those of its model. */
import * as BatchAxis from "../../../../schema/BatchAxis.ts"
import type { ModelInput, ModelOutput } from "../../../../schema/ModelConfig.ts"
import type { IoTensor } from "./ModelIo.ts"
import { formatShape } from "./ModelIo.ts"
import type { Disagreement } from "./SequenceControls.ts"

/** @category models */
export type Role = "input" | "output"

const invalid = (message: string): Disagreement => ({ code: "INVALID_ARG", message })

/** The shape that the model sees, without a batch dimension. @category getters */
export const modelSide = (io: Pick<ModelInput | ModelOutput, "dims" | "reshape">): ReadonlyArray<number> =>
  io.reshape?.shape ?? io.dims

/**
 * Zeros are allowed where the model itself has them, which Triton refuses; anywhere else they are the error that they are in
 * Triton's validation of a config.
 */
export const zeroDisagreement = (
  model: string,
  role: Role,
  io: ModelInput | ModelOutput,
  tensor: IoTensor,
  axis: number
): Disagreement | undefined => {
  const shape = BatchAxis.remove(tensor.shape, axis)
  const wrong = modelSide(io).some((dimension, index) => dimension === 0 && shape[index] !== 0)
  return wrong
    ? invalid(
      `model ${role} '${io.name}' ${
        io.reshape === undefined ? "dimension" : "reshape dimensions"
      } must be integer >= 1, ` +
        `or -1 to indicate a variable-size dimension for ${model}`
    )
    : undefined
}

/** A shape that is not the model's, with the batch put in at `axis`. @category validation */
export const shapeDisagreement = (
  model: string,
  role: Role,
  io: Pick<ModelInput | ModelOutput, "name" | "dims" | "reshape">,
  tensor: IoTensor,
  axis: number
): Disagreement | undefined => {
  const dims = modelSide(io)
  // Triton takes a model that does not tell a shape for one with a scalar.
  if (!tensor.ranked) return undefined
  if (tensor.shape.length === 0) {
    return dims.every((dimension) => dimension === 1)
      ? undefined
      : invalid(
        `unable to load model '${model}', scalar tensor '${io.name}', should only provide 1 in the model configuration ` +
          `when the model doesn't support batching. Model configuration provided: ${formatShape(dims)}.`
      )
  }
  const prefix = `model '${model}', tensor '${io.name}': `
  if (axis !== BatchAxis.none && tensor.shape[axis] !== -1) {
    return invalid(
      axis === 0
        ? `${prefix}for the model to support batching the shape should have at least 1 dimension and the first dimension ` +
          `must be -1; but shape expected by the model is ${formatShape(tensor.shape)}`
        : `${prefix}the parameter '${BatchAxis.dimensionPrefix}${io.name}' says that dimension ${axis} is the batch, so it ` +
          `must be -1; but shape expected by the model is ${formatShape(tensor.shape)}`
    )
  }
  const full = BatchAxis.insert(dims, axis)
  const same = full.length === tensor.shape.length &&
    tensor.shape.every((dimension, index) => dimension === full[index] || role === "input" && dimension === -1)
  if (same) return undefined
  const specified = axis === BatchAxis.none
    ? `shape ${formatShape(full)}`
    : axis === 0
    ? "an initial batch dimension because max_batch_size > 0 followed by the explicit tensor shape, making complete " +
      `shape ${formatShape(full)}`
    : `the batch as dimension ${axis} put into the explicit tensor shape, making complete shape ${formatShape(full)}`
  return invalid(
    `${prefix}the model expects ${tensor.shape.length} dimensions (shape ${formatShape(tensor.shape)}) but the model ` +
      `configuration specifies ${full.length} dimensions (${specified})`
  )
}

/** A ragged input that is not flat in the model. @category validation */
export const raggedDisagreement = (model: string, input: ModelInput, tensor: IoTensor): Disagreement | undefined => {
  const start = `unable to load model '${model}', configuration expects model provides input with shape [-1] `
  if (input.optional) {
    return invalid(`${start}for ragged input '${input.name}', which is not supported for optional input`)
  }
  return tensor.shape.length === 1 && tensor.shape[0] === -1
    ? undefined
    : invalid(`${start} for ragged input '${input.name}', model provides ${formatShape(tensor.shape)}`)
}
