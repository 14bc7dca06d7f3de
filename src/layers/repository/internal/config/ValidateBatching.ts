/** Checks of what a config says about batches beyond Triton's own checks: parameters, and what batches are made of. */
import * as BatchAxis from "../../../../schema/BatchAxis.ts"
import type { ModelConfig, ModelInput, ModelOutput } from "../../../../schema/ModelConfig.ts"

interface Setting {
  readonly key: string
  readonly tensor: string
  readonly value: string
}

const settings = ({ parameters }: ModelConfig, prefix: string): ReadonlyArray<Setting> =>
  Object.entries(parameters)
    .filter(([key]) => key.startsWith(prefix))
    .map(([key, parameter]) => ({ key, tensor: key.slice(prefix.length), value: parameter.string_value }))

type Found = Pick<ModelInput | ModelOutput, "dims" | "reshape">

const states = (config: ModelConfig): ReadonlyArray<Found & { readonly name: string }> =>
  (config.sequence_batching?.state ?? []).flatMap(({ dims, input_name, output_name }) =>
    [input_name, output_name].map((name) => ({ name, dims, reshape: undefined }))
  )

/** The inputs, outputs and states of this name. */
const find = (config: ModelConfig, name: string): ReadonlyArray<Found> =>
  [...config.input, ...config.output, ...states(config)].filter((io) => io.name === name)

/** A tensor that is divided by other rules than by rows. */
const isFlat = (config: ModelConfig, name: string): boolean =>
  config.input.some((input) => input.name === name && input.allow_ragged_batch) ||
  config.batch_output.some(({ target_name }) => target_name.includes(name))

function* settingFaults(config: ModelConfig, { key, tensor }: Setting): Generator<string> {
  const subject = `parameter '${key}'`
  if (find(config, tensor).length === 0) yield `${subject} names no input or output`
  if (config.max_batch_size === 0) yield `${subject} needs a 'max_batch_size' of at least 1`
  if (isFlat(config, tensor)) {
    yield `${subject} cannot be combined with 'allow_ragged_batch' or 'batch_output' of the same tensor`
  }
}

function* parameterFaults(config: ModelConfig): Generator<string> {
  for (const setting of settings(config, BatchAxis.sharedPrefix)) {
    if (BatchAxis.readBoolean(setting.value) === undefined) {
      yield `parameter '${setting.key}' must be true or false, got '${setting.value}'`
    }
    yield* settingFaults(config, setting)
  }
  for (const setting of settings(config, BatchAxis.dimensionPrefix)) {
    const { key, tensor, value } = setting
    yield* settingFaults(config, setting)
    if (BatchAxis.isShared(config, tensor)) {
      yield `parameter '${key}' contradicts '${BatchAxis.sharedPrefix}${tensor}', by which there is no batch dimension`
    }
    const rank = Math.min(...find(config, tensor).map(({ dims }) => dims.length))
    if (!/^\d+$/.test(value) || Number(value) > rank) {
      yield `parameter '${key}' must be the number of a dimension from 0 to ${rank}, got '${value}'`
    }
    if (Number(value) > 0 && find(config, tensor).some(({ reshape }) => reshape !== undefined)) {
      yield `parameter '${key}' cannot be combined with 'reshape' of the same tensor`
    }
  }
  if (config.input.length > 0 && config.input.every(({ name }) => BatchAxis.isShared(config, name))) {
    yield "at least one input must carry the batch, and the parameters declare all of them shared"
  }
}

function* batchInputFaults(config: ModelConfig): Generator<string> {
  const seen = new Set<string>()
  for (const { target_name } of config.batch_input) {
    for (const target of target_name) {
      if (config.input.some(({ name }) => name === target)) {
        yield `batch input target '${target}' must not be an input of the configuration, clients do not send it`
      }
      if (seen.has(target)) yield `batch input target '${target}' can only be specified once`
      seen.add(target)
    }
  }
}

function* batchOutputFaults(config: ModelConfig): Generator<string> {
  const targets = config.batch_output.flatMap(({ target_name }) => target_name)
  const twice = targets.find((target, index) => targets.indexOf(target) < index)
  if (twice !== undefined) yield `target output name '${twice}' can only be specified once`
  const lead = config.max_batch_size > 0 ? 1 : 0
  for (const { source_input, target_name } of config.batch_output) {
    const source = config.input.find(({ name }) => name === source_input[0])
    for (const output of config.output.filter(({ name }) => target_name.includes(name))) {
      const rank = lead + (source?.reshape?.shape ?? source?.dims ?? []).length
      const free = (output.reshape?.shape ?? output.dims).lastIndexOf(-1)
      if (source !== undefined && free >= 0 && lead + free >= rank) {
        yield `batch output '${output.name}' takes its dimension ${
          lead + free
        } from input '${source.name}', which has ` +
          `${rank} dimensions`
      }
    }
  }
}

/** @category guards */
export function* batchingFaults(config: ModelConfig): Generator<string> {
  yield* parameterFaults(config)
  yield* batchInputFaults(config)
  yield* batchOutputFaults(config)
}
