/** How many requests of sequences may wait for a slot, as a model's own config says. */
import { Result } from "effect"
import type { ModelConfig } from "./ModelConfig.ts"

/** Name of the parameter of a config. @category constants */
export const parameter = "galatea.sequence.max_backlog"

/** What a config says, `undefined` where it says nothing; a sentence for a value that is none. @category getters */
export const read = (config: ModelConfig): Result.Result<number | undefined, string> => {
  if (!Object.hasOwn(config.parameters, parameter)) return Result.succeed(undefined)
  const value = config.parameters[parameter]!.string_value
  const requests = /^[0-9]+$/.test(value) ? Number(value) : Number.NaN
  return Number.isSafeInteger(requests) && requests >= 1
    ? Result.succeed(requests)
    : Result.fail(
      `parameter '${parameter}' of model '${config.name}' must be a whole number of requests from 1 on, got '${value}'`
    )
}
