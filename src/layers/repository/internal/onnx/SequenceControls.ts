/** The inputs that the sequence batcher feeds, checked against the model. */
import type { DataType } from "../../../../schema/DataType.ts"
import * as DataTypes from "../../../../schema/DataType.ts"
import type { Code } from "../../../../schema/Errors.ts"
import type { ModelConfig } from "../../../../schema/ModelConfig.ts"
import * as SequenceControls from "../../../../schema/SequenceControls.ts"
import type { TensorSpec } from "../../../../services/Executor.ts"
import type { ModelIo } from "./ModelIo.ts"
import { formatShape, onnxNameOf } from "./ModelIo.ts"

/** @category models */
export interface Disagreement {
  readonly code: Code
  readonly message: string
}

const configNameOf = (datatype: DataType): string => DataTypes.fromName(datatype)!.configName

/** The first control that the model does not have, or has with another shape or type. @category validation */
export const firstDisagreement = (model: string, config: ModelConfig, io: ModelIo): Disagreement | undefined => {
  const batched = config.max_batch_size > 0
  for (const { datatype, name } of SequenceControls.of(config)) {
    const input = io.inputs.find((candidate) => candidate.name === name)
    if (input === undefined) {
      return {
        code: "INTERNAL",
        message: `configuration specified sequence control '${name}', but model does not provide that input`
      }
    }
    const shape = batched ? input.shape.slice(1) : input.shape
    const start = `unable to load model '${model}', sequence control '${name}'`
    if (shape.length !== 1 || shape[0] !== 1) {
      return {
        code: "INVALID_ARG",
        message: `${start} in model has dims ${formatShape(shape)} but dims [1] is expected`
      }
    }
    if (input.datatype !== datatype) {
      const expected = input.datatype === undefined ? input.typeName : onnxNameOf(input.datatype)
      return {
        code: "INVALID_ARG",
        message: `${start}, the model expects data-type ${expected} but the model configuration specifies data-type ` +
          configNameOf(datatype)
      }
    }
    // Triton finds out with the first batch.
    if (batched && input.shape[0] !== -1) {
      return {
        code: "INVALID_ARG",
        message:
          `${start} in model has the shape ${
            formatShape(input.shape)
          }, but for the model to support batching the first ` +
          "dimension must be -1"
      }
    }
  }
  return undefined
}

/** The controls as inputs of the model. @category getters */
export const specs = (config: ModelConfig): ReadonlyArray<TensorSpec> =>
  SequenceControls.of(config).map((control) => {
    const { datatype, name, shape } = SequenceControls.tensorOf(control, config.max_batch_size > 0)
    return { name, datatype, shape }
  })
