/** Outputs of a run as the client asked for them. */
import { Result } from "effect"
import * as BatchAxis from "../../../schema/BatchAxis.ts"
import { ExecutionFailed, type InvalidRequest, Unsupported } from "../../../schema/Errors.ts"
import type { InferenceRequest, Tensor } from "../../../schema/Inference.ts"
import { carry, matches, show } from "../../../schema/Shape.ts"
import type { Model } from "../../../services/ModelRepository.ts"
import * as Classification from "./Classification.ts"
import { firstRows } from "./FirstRows.ts"

/** How a message names the request that it is about. */
export const requestPrefix = ({ id }: InferenceRequest): string => `[request id: ${id === "" ? "<id_unknown>" : id}] `

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
  const requested = request.outputs.find((output) => output.name === tensor.name)
  return requested === undefined || requested.classification === 0
    ? Result.succeed(tensor)
    : Classification.classify(tensor, {
      k: requested.classification,
      batched: batchAxis !== BatchAxis.none,
      labels: spec.labels
    })
}
