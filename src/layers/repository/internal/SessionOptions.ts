/** Settings of a native session out of a model's parameters and optimization policy. */
import { Result } from "effect"
import { LoadFailed } from "../../../schema/Errors.ts"
import type { ModelConfig } from "../../../schema/ModelConfig.ts"
import type { SessionSettings } from "../../../services/Executor.ts"
import type { BackendSettings } from "./BackendSettings.ts"
import { prefixInteger } from "./PrefixInteger.ts"

/** ONNX Runtime session config entries that a parameter of the same name sets. */
const entryKeys = [
  "session.use_device_allocator_for_initializers",
  "session.intra_op.allow_spinning",
  "session.inter_op.allow_spinning",
  "session.set_denormal_as_zero",
  "session.disable_cpu_ep_fallback"
] as const

const truths = new Map([
  ["true", true],
  ["on", true],
  ["1", true],
  ["false", false],
  ["off", false],
  ["0", false]
])

const levelOf = (level: number | undefined): NonNullable<SessionSettings["graphOptimizationLevel"]> => {
  switch (level) {
    case -1:
      return "basic"
    case 1:
      return "extended"
    case 2:
      return "disabled"
    default:
      return "all"
  }
}

/** Session settings, and a warning for each wish that has no effect here. @category models */
export interface SessionOptions {
  readonly settings: SessionSettings
  readonly warnings: ReadonlyArray<string>
}

/**
 * Reads the settings of a model's sessions.
 *
 * Errors: `LoadFailed` INVALID_ARG for a value that cannot be read.
 * Source: model-config §6.7.
 *
 * @category constructors
 */
export const read = (
  config: ModelConfig,
  backend: BackendSettings
): Result.Result<SessionOptions, LoadFailed> => {
  const model = config.name
  const warnings: Array<string> = []
  const fail = (message: string) => new LoadFailed({ model, code: "INVALID_ARG", message })
  const valueOf = (key: string): string | undefined => config.parameters[key]?.string_value

  return Result.gen(function*() {
    const integer = (key: string): Result.Result<number | undefined, LoadFailed> => {
      const text = valueOf(key)
      if (text === undefined) return Result.succeed(undefined)
      const value = prefixInteger(text)
      return value === undefined
        ? Result.fail(fail(`failed to convert '${text}' to integral number (parameter '${key}')`))
        : Result.succeed(value)
    }
    const boolean = (key: string): Result.Result<boolean | undefined, LoadFailed> => {
      const text = valueOf(key)
      if (text === undefined) return Result.succeed(undefined)
      const value = truths.get(text.toLowerCase())
      return value === undefined
        ? Result.fail(fail(`failed to convert '${text}' to boolean (parameter '${key}')`))
        : Result.succeed(value)
    }
    const threads = (key: string, fallback: number | undefined) =>
      Result.map(integer(key), (value) => value !== undefined && value > 0 ? value : fallback)

    const intraOpNumThreads = yield* threads("intra_op_thread_count", backend.intraOpThreadCount)
    const interOpNumThreads = yield* threads("inter_op_thread_count", backend.interOpThreadCount)
    const mode = (yield* integer("execution_mode")) ?? 0
    if (mode !== 0 && mode !== 1) {
      return yield* Result.fail(
        fail(
          "Invalid configuration value provided. Expected values for  execution_mode are 0 or 1 " +
            `but got ${valueOf("execution_mode")} .`
        )
      )
    }
    const enableCpuMemArena = yield* boolean("enable_mem_arena")
    const enableMemPattern = yield* boolean("enable_mem_pattern")

    if (valueOf("memory.enable_memory_arena_shrinkage") !== undefined) {
      warnings.push(
        "parameter 'memory.enable_memory_arena_shrinkage' has no effect: ONNX Runtime's binding has no such option"
      )
    }
    const configEntries: Record<string, string> = {}
    for (const key of entryKeys) {
      const value = valueOf(key)
      if (value !== undefined) configEntries[key] = value
    }

    return {
      settings: {
        intraOpNumThreads,
        interOpNumThreads,
        executionMode: mode === 1 ? "parallel" : "sequential",
        graphOptimizationLevel: levelOf(config.optimization?.graph?.level),
        enableCpuMemArena,
        enableMemPattern,
        configEntries: Object.keys(configEntries).length === 0 ? undefined : configEntries
      },
      warnings
    }
  })
}
