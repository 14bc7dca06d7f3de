/** Settings that `--backend-config` gives to every ONNX model. */
import { Result } from "effect"
import { prefixInteger } from "./PrefixInteger.ts"

/** One setting; `scope` is the backend's name, `""` for every backend. Of equal ones the last wins. @category models */
export interface BackendSetting {
  readonly scope: string
  readonly key: string
  readonly value: string
}

/** @category models */
export interface BackendSettings {
  /** Largest batch of a model that can batch and says nothing of it; at least 0. */
  readonly defaultMaxBatchSize: number
  /** Threads per instance for models without a parameter of their own; `undefined`: the executor's choice. */
  readonly intraOpThreadCount: number | undefined
  readonly interOpThreadCount: number | undefined
}

/**
 * Reads the settings that concern ONNX Runtime; those under its own name win over those for every backend.
 *
 * Errors: the text of a value that is no number. Source: model-config §5.3 and §7.2.
 *
 * @category constructors
 */
export const read = (settings: ReadonlyArray<BackendSetting>): Result.Result<BackendSettings, string> =>
  Result.gen(function*() {
    const of = (scope: string, key: string) =>
      settings.findLast((setting) => setting.scope === scope && setting.key === key)
    const integer = (key: string, common: boolean): Result.Result<number | undefined, string> => {
      const text = (of("onnxruntime", key) ?? (common ? of("", key) : undefined))?.value
      if (text === undefined) return Result.succeed(undefined)
      const value = prefixInteger(text)
      return value === undefined
        ? Result.fail(`failed to convert '${text}' to integral number (backend setting '${key}')`)
        : Result.succeed(value)
    }
    const threads = (key: string) =>
      Result.map(integer(key, false), (value) => value !== undefined && value > 0 ? value : undefined)
    return {
      defaultMaxBatchSize: Math.max(0, (yield* integer("default-max-batch-size", true)) ?? 4),
      intraOpThreadCount: yield* threads("intra_op_thread_count"),
      interOpThreadCount: yield* threads("inter_op_thread_count")
    }
  })
