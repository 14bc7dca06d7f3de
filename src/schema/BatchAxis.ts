/**
 * The dimension of a tensor that carries the batch. Triton knows the first one only; parameters of a config name another one,
 * or declare that a tensor is shared by all rows and has no such dimension.
 */
import type { ModelConfig } from "./ModelConfig.ts"

/** No dimension carries the batch. @category constants */
export const none = -1

/** `galatea.batch_dim.state`: the number of the dimension of the tensor `state` that carries the batch. @category constants */
export const dimensionPrefix = "galatea.batch_dim."
/** `galatea.shared.sr`: `true` where the tensor `sr` is the same for all rows of a batch. @category constants */
export const sharedPrefix = "galatea.shared."

/** The boolean that a parameter says, `undefined` where it is none. @category getters */
export const readBoolean = (text: string): boolean | undefined =>
  /^(true|on|1)$/i.test(text) ? true : /^(false|off|0)$/i.test(text) ? false : undefined

const parameter = ({ parameters }: ModelConfig, key: string): string | undefined =>
  Object.hasOwn(parameters, key) ? parameters[key]!.string_value : undefined

/** `true` where the config declares an input or output shared by the whole batch. @category getters */
export const isShared = (config: ModelConfig, tensor: string): boolean =>
  readBoolean(parameter(config, sharedPrefix + tensor) ?? "") === true

/**
 * The dimension that carries the batch in an input or output of a config without regard to its `max_batch_size`: 0 unless a
 * parameter says otherwise, {@link none} for a shared tensor.
 *
 * @category getters
 */
export const ofBatching = (config: ModelConfig, tensor: string): number => {
  if (isShared(config, tensor)) return none
  const text = parameter(config, dimensionPrefix + tensor)
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : 0
}

/** As {@link ofBatching}; {@link none} in a model that does not batch. @category getters */
export const of = (config: ModelConfig, tensor: string): number =>
  config.max_batch_size > 0 ? ofBatching(config, tensor) : none

/** A shape with a batch dimension of this size put in, or as it is without one. @category combinators */
export const insert = (dims: ReadonlyArray<number>, axis: number, size = -1): ReadonlyArray<number> =>
  axis === none ? dims : axis === 0 ? [size, ...dims] : [...dims.slice(0, axis), size, ...dims.slice(axis)]

/** A shape without its batch dimension. @category combinators */
export const remove = (shape: ReadonlyArray<number>, axis: number): ReadonlyArray<number> =>
  axis === none ? shape : axis === 0 ? shape.slice(1) : shape.filter((_, index) => index !== axis)
