/** Outputs of a run as the client asked for them. */
import { Result } from "effect"
import * as BatchAxis from "../../../schema/BatchAxis.ts"
import { ExecutionFailed, type InvalidRequest, Unsupported } from "../../../schema/Errors.ts"
import type { InferenceRequest, Tensor } from "../../../schema/Inference.ts"
import { carry, matches, show } from "../../../schema/Shape.ts"
import type { Model } from "../../../services/ModelRepository.ts"
import * as Classification from "./Classification.ts"
import { firstRows } from "./FirstRows.ts"
import { requestPrefix } from "./RequestPrefix.ts"

type Failure = ExecutionFailed | InvalidRequest | Unsupported

/** An output of the run as the client asked for it: its rows only, in the shape of the config, or classified. */
export const make = (
  model: Model,
  request: InferenceRequest,
  batchSize: number,
  produced: Tensor
): Result.Result<Tensor, Failure> => {
  const spec = model.signature.outputByName.get(produced.name)!
  let tensor = produced
  const { batchAxis } = spec
  if (batchAxis !== BatchAxis.none) {
    const rows = tensor.shape[batchAxis] ?? 0
    if (rows < batchSize) {
      return Result.fail(
        new Unsupported({
          message:
            `${requestPrefix(request)}failed to split the output tensor '${tensor.name}' in responses: expected ` +
            `batch size of at least ${batchSize} in model output, got ${rows}`
        })
      )
    }
    if (rows > batchSize) tensor = firstRows(tensor, batchAxis, batchSize)
  }
  if (spec.reshaped) {
    if (!matches(tensor.shape, spec.modelShape)) {
      return Result.fail(
        new ExecutionFailed({
          model: model.name,
          message:
            `model '${model.name}', tensor '${tensor.name}': the model produced the shape ${
              show(tensor.shape)
            } where ` +
            `the 'reshape' of its configuration says ${show(spec.modelShape)}`
        })
      )
    }
    tensor = { ...tensor, shape: carry(spec.modelShape, tensor.shape, spec.shape) }
  }
  const classification = classificationOf(request, tensor.name)
  return classification === 0
    ? Result.succeed(tensor)
    : Classification.classify(tensor, {
      k: classification,
      batched: batchAxis !== BatchAxis.none,
      labels: spec.labels
    })
}

/** How many classes of an output the client asked for; 0: its tensor. */
const classificationOf = ({ outputs }: InferenceRequest, name: string): number => {
  for (let i = 0; i < outputs.length; i++) if (outputs[i]!.name === name) return outputs[i]!.classification
  return 0
}

/** The client gets all of these as the run produced them: {@link make} would change nothing. Mostly so, and then nothing is allocated. */
export const passesUnchanged = (
  { signature }: Model,
  request: InferenceRequest,
  batchSize: number,
  outputs: ReadonlyArray<Tensor>
): boolean => {
  for (let i = 0; i < outputs.length; i++) {
    const { name, shape } = outputs[i]!
    const { batchAxis, reshaped } = signature.outputByName.get(name)!
    if (reshaped || (batchAxis !== BatchAxis.none && shape[batchAxis] !== batchSize)) return false
    if (classificationOf(request, name) !== 0) return false
  }
  return true
}
