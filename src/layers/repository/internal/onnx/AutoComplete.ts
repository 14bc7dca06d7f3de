/**
 * Fills what a config leaves out from the model itself.
 *
 * Source: Triton's ONNX Runtime backend; `model-config.md` section 5 has the tables.
 */
import { Result } from "effect"
import * as BatchAxis from "../../../../schema/BatchAxis.ts"
import * as DataTypes from "../../../../schema/DataType.ts"
import { LoadFailed } from "../../../../schema/Errors.ts"
import type { ModelConfig, ModelInput, ModelOutput } from "../../../../schema/ModelConfig.ts"
import * as ModelConfigs from "../../../../schema/ModelConfig.ts"
import type { IoTensor, ModelIo } from "./ModelIo.ts"
import { formatTable } from "./ModelIo.ts"

/** @category models */
export interface Options {
  /** The `default-max-batch-size` of the backend config; negative counts as 0. */
  readonly defaultMaxBatchSize: number
}

/** `default-max-batch-size` where no option says otherwise. @category constants */
export const defaultMaxBatchSize = 4

/** @category models */
export interface Completion {
  readonly config: ModelConfig
  /** For the log, with Triton's texts. */
  readonly warnings: ReadonlyArray<string>
}

/** `false` when both sides are given: then nothing at all is completed, and the model need not be read for it. @category getters */
export const isNeeded = (config: ModelConfig): boolean =>
  config.input.length + config.batch_input.length === 0 || config.output.length === 0

/** What Triton logs when {@link isNeeded} says no. @category formatting */
export const skipped = (model: string): string =>
  `skipping model configuration auto-complete for '${model}': inputs and outputs already specified`

/**
 * `true` when every input and output has a first dimension of any size, or another one where a parameter of the config says so;
 * the name of its symbol does not matter.
 *
 * @category getters
 */
export const canBatch = (io: ModelIo, config: ModelConfig = ModelConfigs.empty): boolean =>
  [...io.inputs, ...io.outputs].every((tensor) => {
    const axis = BatchAxis.ofBatching(config, tensor.name)
    return axis === BatchAxis.none || tensor.shape[axis] === -1
  })

/** Names of what the server feeds and keeps: clients neither send nor get it. */
const kept = ({ sequence_batching: batching }: ModelConfig): ReadonlySet<string> =>
  new Set([
    ...(batching?.control_input ?? []).map(({ name }) => name),
    ...(batching?.state ?? []).flatMap(({ input_name, output_name }) => [input_name, output_name])
  ])

const complete = (tensor: IoTensor, config: ModelConfig, size: number) => {
  const batched = size > 0 && !BatchAxis.isShared(config, tensor.name)
  const shape = batched ? BatchAxis.remove(tensor.shape, BatchAxis.ofBatching(config, tensor.name)) : tensor.shape
  return {
    name: tensor.name,
    data_type: tensor.datatype === undefined
      ? "TYPE_INVALID" as const
      : DataTypes.fromName(tensor.datatype)!.configName,
    dims: shape.length === 0 ? [1] : shape,
    ...(shape.length === 0 && batched ? { reshape: { shape: [] } } : {})
  }
}

const unknownShapes = (model: string, role: string, tensors: ReadonlyArray<IoTensor>): ReadonlyArray<string> =>
  tensors.filter((tensor) => !tensor.ranked).map((tensor) =>
    `completed the dims of ${role} '${tensor.name}' of model '${model}' to [ 1 ], since the model does not tell its shape. ` +
    `List its ${role}s in the configuration to give it another one`
  )

/**
 * Completes `max_batch_size`, `dynamic_batching`, `input` and `output` of a normalised config, each only where it is not given
 * and only if a side is missing altogether. Inputs and outputs come in graph order, without the controls and states of sequences.
 *
 * Fails with `LoadFailed` where `max_batch_size` is given and the model cannot batch.
 *
 * @category combinators
 */
export const run = (
  model: string,
  config: ModelConfig,
  io: ModelIo,
  options: Options
): Result.Result<Completion, LoadFailed> => {
  if (!isNeeded(config)) return Result.succeed({ config, warnings: [] })
  const possible = canBatch(io, config)
  const given = config.max_batch_size
  if (!possible && given !== 0) {
    return Result.fail(
      new LoadFailed({
        model,
        code: "INVALID_ARG",
        message:
          `autofill failed for model '${model}': model does not support batching while non-zero max_batch_size ` +
          `is specified\n${formatTable(io)}`
      })
    )
  }
  const size = possible && given === 0 ? Math.max(0, options.defaultMaxBatchSize) : given
  const warnings = possible && given === 0
    ? [
      `autofilled max_batch_size to ${size} for model '${model}' since batching is supporrted but no max_batch_size is ` +
      "specified in model configuration. Must specify max_batch_size to utilize autofill with a larger max batch size"
    ]
    : []
  const names = kept(config)
  const inputs = io.inputs.filter(({ name }) => !names.has(name))
  const outputs = io.outputs.filter(({ name }) => !names.has(name))
  const inputsGiven = config.input.length + config.batch_input.length > 0
  const outputsGiven = config.output.length > 0
  const input: ReadonlyArray<ModelInput> = inputsGiven
    ? config.input
    : ModelConfigs.make({ input: inputs.map((tensor) => complete(tensor, config, size)) }).input
  const output: ReadonlyArray<ModelOutput> = outputsGiven
    ? config.output
    : ModelConfigs.make({ output: outputs.map((tensor) => complete(tensor, config, size)) }).output
  const batching = size > 1 && config.dynamic_batching === undefined && config.sequence_batching === undefined
    ? { dynamic_batching: ModelConfigs.make({ dynamic_batching: {} }).dynamic_batching }
    : {}
  return Result.succeed({
    config: { ...config, max_batch_size: size, input, output, ...batching },
    warnings: [
      ...warnings,
      ...(inputsGiven ? [] : unknownShapes(model, "input", inputs)),
      ...(outputsGiven ? [] : unknownShapes(model, "output", outputs))
    ]
  })
}
