/** The inputs that the sequence batcher feeds, checked against the model. */
import * as DataTypes from "../../../../schema/DataType.ts"
import type { Code } from "../../../../schema/Errors.ts"
import type { ModelConfig } from "../../../../schema/ModelConfig.ts"
import type { ModelIo } from "./ModelIo.ts"
import { formatShape, onnxNameOf } from "./ModelIo.ts"

/** @category models */
export interface Disagreement {
  readonly code: Code
  readonly message: string
}

interface Control {
  readonly tensor: string
  /** Name of the datatype in the config. */
  readonly datatype: string
}

// In the order in which Triton checks them.
const kinds = [
  "CONTROL_SEQUENCE_START",
  "CONTROL_SEQUENCE_END",
  "CONTROL_SEQUENCE_READY",
  "CONTROL_SEQUENCE_CORRID"
] as const

/** The controls of a config in the order START, END, READY, CORRID, with the datatype that each is given. @category getters */
export const controls = (config: ModelConfig): ReadonlyArray<Control> => {
  const all = (config.sequence_batching?.control_input ?? []).flatMap((input) =>
    input.control.map((control) => ({ tensor: input.name, control }))
  )
  return kinds.flatMap((kind) => {
    const found = all.find(({ control }) => control.kind === kind)
    if (found === undefined) return []
    const { control, tensor } = found
    const datatype = kind === "CONTROL_SEQUENCE_CORRID"
      ? String(control.data_type)
      : control.int32_false_true.length > 0
      ? "TYPE_INT32"
      : control.fp32_false_true.length > 0
      ? "TYPE_FP32"
      : "TYPE_BOOL"
    return [{ tensor, datatype }]
  })
}

/** The first control that the model does not have, or has with another shape or type. @category validation */
export const firstDisagreement = (model: string, config: ModelConfig, io: ModelIo): Disagreement | undefined => {
  for (const { datatype, tensor } of controls(config)) {
    const input = io.inputs.find((candidate) => candidate.name === tensor)
    if (input === undefined) {
      return {
        code: "INTERNAL",
        message: `configuration specified sequence control '${tensor}', but model does not provide that input`
      }
    }
    const shape = config.max_batch_size > 0 ? input.shape.slice(1) : input.shape
    if (shape.length !== 1 || shape[0] !== 1) {
      return {
        code: "INVALID_ARG",
        message:
          `unable to load model '${model}', sequence control '${tensor}' in model has dims ${formatShape(shape)} ` +
          "but dims [1] is expected"
      }
    }
    if (input.datatype === undefined || DataTypes.fromName(input.datatype)!.configName !== datatype) {
      const expected = input.datatype === undefined ? input.typeName : onnxNameOf(input.datatype)
      return {
        code: "INVALID_ARG",
        message:
          `unable to load model '${model}', sequence control '${tensor}', the model expects data-type ${expected} ` +
          `but the model configuration specifies data-type ${datatype}`
      }
    }
  }
  return undefined
}
