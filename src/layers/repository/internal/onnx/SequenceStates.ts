/** The tensors that the server keeps for sequences, checked against the model: each must be an input and an output of it. */
import * as BatchAxis from "../../../../schema/BatchAxis.ts"
import type { DataType } from "../../../../schema/DataType.ts"
import type { ModelConfig, SequenceBatching } from "../../../../schema/ModelConfig.ts"
import type { TensorSpec } from "../../../../services/Executor.ts"
import { shapeDisagreement } from "./CompareShapes.ts"
import { typeDisagreement, unexpected } from "./CompareTypes.ts"
import * as Compatibility from "./Compatibility.ts"
import type { IoTensor } from "./ModelIo.ts"
import { formatShape } from "./ModelIo.ts"
import type { Disagreement } from "./SequenceControls.ts"

type State = SequenceBatching["state"][number]
type Named = ReadonlyMap<string, IoTensor>

/** The states of a config. @category getters */
export const states = (config: ModelConfig): ReadonlyArray<State> => config.sequence_batching?.state ?? []

const isScalar = (tensor: IoTensor): boolean => tensor.ranked && tensor.shape.length === 0

/**
 * A state may be narrower than its output, whose dimensions a model often leaves open: what comes out is looked at in each run. Nor
 * need an output be as free as the state.
 */
const outputDisagreement = (
  model: string,
  { dims, output_name: name }: State,
  tensor: IoTensor,
  axis: number
): Disagreement | undefined => {
  if (!tensor.ranked) return undefined
  const full = BatchAxis.insert(dims, axis)
  const fits = isScalar(tensor)
    ? dims.every((size) => size === 1)
    : full.length === tensor.shape.length &&
      tensor.shape.every((size, index) =>
        index === axis ? size === -1 : size === -1 || full[index] === -1 || size === full[index]
      )
  return fits ? undefined : {
    code: "INVALID_ARG",
    message:
      `model '${model}', tensor '${name}': the model gives the shape ${
        formatShape(tensor.shape)
      } but the state of the ` +
      `configuration has ${formatShape(full)}${axis === BatchAxis.none ? "" : `, with the batch as dimension ${axis}`}`
  }
}

/** The first state that is no input or no output of the model, or is one of another type or shape. @category validation */
export const firstDisagreement = (
  model: string,
  config: ModelConfig,
  inputs: Named,
  outputs: Named
): Disagreement | undefined => {
  for (const state of states(config)) {
    const { data_type, dims, input_name: from, output_name: to } = state
    const input = inputs.get(from)
    if (input === undefined) return unexpected("input", from, [...inputs.values()])
    const output = outputs.get(to)
    if (output === undefined) return unexpected("output", to, [...outputs.values()])
    const axis = BatchAxis.of(config, from)
    if (config.max_batch_size > 0 && isScalar(input)) {
      return {
        code: "INVALID_ARG",
        message:
          `unable to load model '${model}', state '${from}' is a scalar in the model, which all rows of a batch would share: ` +
          "each needs a state of its own, set max_batch_size to 0"
      }
    }
    const found = Compatibility.refusal("input", input) ??
      typeDisagreement(model, "input", { name: from, data_type }, input) ??
      shapeDisagreement(model, "input", { name: from, dims, reshape: undefined }, input, axis) ??
      typeDisagreement(model, "output", { name: to, data_type }, output) ??
      outputDisagreement(model, state, output, axis)
    if (found !== undefined) return found
    if (isScalar(input) !== isScalar(output)) {
      return {
        code: "INVALID_ARG",
        message:
          `model '${model}', state '${from}': the input has the shape ${
            formatShape(input.shape)
          } and the output '${to}' ` +
          `${formatShape(output.shape)}, and what comes out of a run goes into the next: both or none may be a scalar`
      }
    }
  }
  return undefined
}

const specOf = (config: ModelConfig, state: State, name: string, named: Named): TensorSpec => {
  const tensor = named.get(name)!
  const axis = BatchAxis.of(config, state.input_name)
  const scalar = isScalar(tensor)
  return {
    name,
    datatype: tensor.datatype as DataType,
    shape: scalar ? [] : BatchAxis.insert(state.dims, axis),
    ...(config.max_batch_size > 0 && (scalar || axis !== 0) ? { batchAxis: scalar ? BatchAxis.none : axis } : {})
  }
}

/** The states as inputs of the model. @category getters */
export const inputSpecs = (config: ModelConfig, inputs: Named): ReadonlyArray<TensorSpec> =>
  states(config).map((state) => specOf(config, state, state.input_name, inputs))

/** The states as outputs of the model. @category getters */
export const outputSpecs = (config: ModelConfig, outputs: Named): ReadonlyArray<TensorSpec> =>
  states(config).map((state) => specOf(config, state, state.output_name, outputs))
