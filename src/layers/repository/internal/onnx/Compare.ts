/**
 * Compares a complete config with the model that it is for.
 *
 * Source: Triton's ONNX Runtime backend; `model-config.md` sections 5.6 and 5.7 have the checks, their order and their texts.
 */
import { Result } from "effect"
import * as BatchAxis from "../../../../schema/BatchAxis.ts"
import type { DataType } from "../../../../schema/DataType.ts"
import { LoadFailed } from "../../../../schema/Errors.ts"
import type { ModelConfig, ModelInput, ModelOutput } from "../../../../schema/ModelConfig.ts"
import * as Controls from "../../../../schema/SequenceControls.ts"
import type { TensorSpec } from "../../../../services/Executor.ts"
import * as BatchInputs from "./BatchInputs.ts"
import { modelSide, raggedDisagreement, shapeDisagreement, zeroDisagreement } from "./CompareShapes.ts"
import { typeDisagreement, unexpected } from "./CompareTypes.ts"
import * as Compatibility from "./Compatibility.ts"
import type { IoTensor, ModelIo } from "./ModelIo.ts"
import { formatTable } from "./ModelIo.ts"
import type { Disagreement } from "./SequenceControls.ts"
import * as SequenceControls from "./SequenceControls.ts"
import * as SequenceStates from "./SequenceStates.ts"

/**
 * The inputs and outputs of the config with the shapes that the model itself takes and gives; scalars have the shape `[]`,
 * whatever the config calls them, and an output whose rank the model does not tell has -1 everywhere. Behind them is what only the
 * server feeds and keeps.
 *
 * @category models
 */
export interface Agreement {
  readonly inputs: ReadonlyArray<TensorSpec>
  readonly outputs: ReadonlyArray<TensorSpec>
}

const invalid = (message: string): Disagreement => ({ code: "INVALID_ARG", message })

/** Names that one run is fed under this config; `ModelInput.optional` ones excluded. */
const fed = (config: ModelConfig): ReadonlyArray<string> => [
  ...config.input.filter((input) => !input.optional).map((input) => input.name),
  ...config.batch_input.flatMap((input) => input.target_name),
  ...Controls.of(config).map((control) => control.name),
  ...SequenceStates.states(config).map((state) => state.input_name)
]

const firstInputDisagreement = (
  model: string,
  config: ModelConfig,
  io: ModelIo,
  named: ReadonlyMap<string, IoTensor>
): Disagreement | undefined => {
  const control = SequenceControls.firstDisagreement(model, config, io)
  if (control !== undefined) return control

  const expected = config.input.filter((input) => !input.optional).length + config.batch_input.length +
    Controls.of(config).length + SequenceStates.states(config).length
  if (expected !== io.inputs.length) {
    return invalid(
      `unable to load model '${model}', configuration expects ${expected} inputs, model provides ${io.inputs.length}`
    )
  }
  for (const input of config.input) {
    const tensor = named.get(input.name)
    // Requests with different optional inputs run apart, so a custom model may do without one for a whole batch.
    if (input.optional && config.max_batch_size > 0 && tensor?.custom !== true) {
      return invalid(
        `unable to load model '${model}', optional input '${input.name}' is not supported for models that support batching`
      )
    }
    if (tensor === undefined) return unexpected("input", input.name, [...named.values()])
    const found = Compatibility.refusal("input", tensor) ?? typeDisagreement(model, "input", input, tensor) ??
      (input.allow_ragged_batch
        ? raggedDisagreement(model, input, tensor)
        : shapeDisagreement(model, "input", input, tensor, BatchAxis.of(config, input.name)))
    if (found !== undefined) return found
  }
  return BatchInputs.firstDisagreement(model, config, named)
}

/** Triton counts inputs only, so a name given twice passes there and every request fails. */
const firstUnfed = (model: string, config: ModelConfig, io: ModelIo): Disagreement | undefined => {
  const names = new Set(fed(config))
  const missing = io.inputs.find((tensor) => !names.has(tensor.name))
  return missing === undefined
    ? undefined
    : invalid(
      `unable to load model '${model}', the model needs the input '${missing.name}', and no input of the configuration ` +
        "has that name"
    )
}

const firstOutputDisagreement = (
  model: string,
  config: ModelConfig,
  io: ModelIo,
  named: ReadonlyMap<string, IoTensor>
): Disagreement | undefined => {
  const scattered = new Set(config.batch_output.flatMap((output) => output.target_name))
  for (const output of config.output) {
    const tensor = named.get(output.name)
    if (tensor === undefined) return unexpected("output", output.name, io.outputs)
    const found = typeDisagreement(model, "output", output, tensor) ??
      (scattered.has(output.name)
        ? undefined
        : shapeDisagreement(model, "output", output, tensor, BatchAxis.of(config, output.name)))
    if (found !== undefined) return found
  }
  return undefined
}

const firstZeroDisagreement = (
  model: string,
  config: ModelConfig,
  inputs: ReadonlyMap<string, IoTensor>,
  outputs: ReadonlyMap<string, IoTensor>
): Disagreement | undefined => {
  for (const [role, entries, named] of [["input", config.input, inputs], ["output", config.output, outputs]] as const) {
    for (const entry of entries) {
      const tensor = named.get(entry.name)
      const found = tensor === undefined
        ? undefined
        : zeroDisagreement(model, role, entry, tensor, BatchAxis.of(config, entry.name))
      if (found !== undefined) return found
    }
  }
  return undefined
}

/**
 * Checks the config against the model.
 *
 * Fails with `LoadFailed` on the first disagreement: Triton's text, and on the following lines a table of the model's own inputs
 * and outputs. Succeeds with the shapes and types to open the model with.
 *
 * @category validation
 */
export const run = (model: string, config: ModelConfig, io: ModelIo): Result.Result<Agreement, LoadFailed> => {
  const inputs = new Map([...io.inputs, ...io.overridable].map((tensor) => [tensor.name, tensor]))
  const outputs = new Map(io.outputs.map((tensor) => [tensor.name, tensor]))
  const found = firstZeroDisagreement(model, config, inputs, outputs) ??
    firstInputDisagreement(model, config, io, inputs) ??
    SequenceStates.firstDisagreement(model, config, inputs, outputs) ??
    firstUnfed(model, config, io) ??
    firstOutputDisagreement(model, config, io, outputs)
  if (found !== undefined) {
    return Result.fail(new LoadFailed({ model, code: found.code, message: `${found.message}\n${formatTable(io)}` }))
  }
  const scattered = new Set(config.batch_output.flatMap((output) => output.target_name))
  const batched = config.max_batch_size > 0
  const states = SequenceStates.outputSpecs(config, outputs)
  const stateOutputs = new Set(states.map(({ name }) => name))
  const spec = (
    entry: ModelInput | ModelOutput,
    tensor: IoTensor,
    shape: ReadonlyArray<number>,
    batchAxis: number
  ): TensorSpec => ({
    name: entry.name,
    datatype: tensor.datatype as DataType,
    shape: tensor.ranked && tensor.shape.length === 0 ? [] : shape,
    ...(batched && batchAxis !== 0 ? { batchAxis } : {})
  })
  const configured = (entry: ModelInput | ModelOutput, tensor: IoTensor): TensorSpec => {
    const axis = BatchAxis.of(config, entry.name)
    return spec(entry, tensor, BatchAxis.insert(modelSide(entry), axis), axis)
  }
  const flat = (entry: ModelInput | ModelOutput, tensor: IoTensor): TensorSpec =>
    spec(entry, tensor, tensor.shape, BatchAxis.none)
  const inputSpec = (entry: ModelInput): TensorSpec => {
    const tensor = inputs.get(entry.name)!
    return entry.allow_ragged_batch ? flat(entry, tensor) : configured(entry, tensor)
  }
  const outputSpec = (entry: ModelOutput): TensorSpec => {
    const tensor = outputs.get(entry.name)!
    // Nothing may be concluded from the shape of a config that could not be compared.
    if (!tensor.ranked) return spec(entry, tensor, batched ? [-1, -1] : [-1], BatchAxis.none)
    return scattered.has(entry.name) ? flat(entry, tensor) : configured(entry, tensor)
  }
  return Result.succeed({
    inputs: [
      ...config.input.map(inputSpec),
      ...BatchInputs.specs(config, inputs),
      ...SequenceControls.specs(config),
      ...SequenceStates.inputSpecs(config, inputs)
    ],
    // Of a state the config says more than of an output of the same name, whose dims must be the model's.
    outputs: [...config.output.filter(({ name }) => !stateOutputs.has(name)).map(outputSpec), ...states]
  })
}

/**
 * Names of the inputs and outputs that have rank 0 in the model, for `ModelSignature.make`: a config can only describe them as
 * `dims: [ 1 ]`.
 *
 * @category getters
 */
export const scalars = (agreement: Agreement): ReadonlySet<string> =>
  new Set(
    [...agreement.inputs, ...agreement.outputs].filter((spec) => spec.shape.length === 0).map((spec) => spec.name)
  )
