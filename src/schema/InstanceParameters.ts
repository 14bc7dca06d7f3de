/** How the instances of a model run and are watched, as the parameters of its own config say. */
import { Result } from "effect"
import type { ModelConfig } from "./ModelConfig.ts"

/** Names of the parameters of a config. @category constants */
export const names = {
  isolation: "galatea.isolation",
  maxRun: "galatea.max_run_microseconds",
  maxMemory: "galatea.max_memory_megabytes",
  maxGrowth: "galatea.max_memory_growth_megabytes",
  retry: "galatea.retry"
} as const

/** What a config says; `undefined` where it says nothing, `Infinity` where it asks for no bound. @category models */
export interface InstanceParameters {
  readonly isolation: "auto" | "inline" | "thread" | "process" | undefined
  /** Nanoseconds that one run may take. */
  readonly maxRunNanos: number | undefined
  /** Resident bytes of the process of an instance. */
  readonly maxMemoryBytes: number | undefined
  /** Bytes by which such a process may grow. */
  readonly maxGrowthBytes: number | undefined
  /** A run whose instance was lost is tried once more. */
  readonly retry: boolean | undefined
}

const isolations: ReadonlyArray<string> = ["auto", "inline", "thread", "process"]

const truths: ReadonlyArray<string> = ["false", "true"]

/** What a config says; a sentence for the first value that is none. @category getters */
export const read = (config: ModelConfig): Result.Result<InstanceParameters, string> => {
  const wrong = (key: string, expected: string, value: string) =>
    Result.fail(`parameter '${key}' of model '${config.name}' must be ${expected}, got '${value}'`)
  const valueOf = (key: string): string | undefined =>
    Object.hasOwn(config.parameters, key) ? config.parameters[key]!.string_value : undefined
  const choice = (key: string, known: ReadonlyArray<string>): Result.Result<string | undefined, string> => {
    const value = valueOf(key)
    return value === undefined || known.includes(value)
      ? Result.succeed(value)
      : wrong(key, `'${known.join("' or '")}'`, value)
  }
  const bound = (key: string, unit: string, size: number): Result.Result<number | undefined, string> => {
    const value = valueOf(key)
    if (value === undefined) return Result.succeed(undefined)
    const number = /^[0-9]+$/.test(value) ? Number(value) * size : Number.NaN
    return Number.isSafeInteger(number)
      ? Result.succeed(number === 0 ? Infinity : number)
      : wrong(key, `a whole number of ${unit}, or 0 for no bound`, value)
  }
  return Result.gen(function*() {
    const isolation = yield* choice(names.isolation, isolations)
    const retry = yield* choice(names.retry, truths)
    return {
      isolation: isolation as InstanceParameters["isolation"],
      maxRunNanos: yield* bound(names.maxRun, "microseconds", 1000),
      maxMemoryBytes: yield* bound(names.maxMemory, "megabytes", 1024 * 1024),
      maxGrowthBytes: yield* bound(names.maxGrowth, "megabytes", 1024 * 1024),
      retry: retry === undefined ? undefined : retry === "true"
    }
  })
}

/**
 * A run whose instance was lost may be tried once more: what the config says, else whether it is an ONNX model, which keeps nothing
 * between runs. Models with sequences have a rule of their own.
 *
 * @category getters
 */
export const retries = (config: ModelConfig): boolean => {
  if (config.sequence_batching !== undefined) return false
  const said = Result.getOrUndefined(read(config))?.retry
  return said ?? config.backend !== "custom"
}
