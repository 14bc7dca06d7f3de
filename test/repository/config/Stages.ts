/** Runs a config through the stages of loading that need no model file, as the repository does. */
import { Result } from "effect"
import { resolveBackend } from "../../../src/layers/repository/internal/config/Backend.ts"
import type { ConfigFault } from "../../../src/layers/repository/internal/config/ConfigFault.ts"
import { invalid } from "../../../src/layers/repository/internal/config/ConfigFault.ts"
import type { Gpus } from "../../../src/layers/repository/internal/config/Normalise.ts"
import {
  noGpus,
  normaliseConfig,
  normaliseInstanceGroups
} from "../../../src/layers/repository/internal/config/Normalise.ts"
import type { DirectoryEntry } from "../../../src/layers/repository/internal/config/Resolve.ts"
import { checkDirectoryName, resolve } from "../../../src/layers/repository/internal/config/Resolve.ts"
import { validateConfig } from "../../../src/layers/repository/internal/config/Validate.ts"
import { validateInstanceGroups } from "../../../src/layers/repository/internal/config/ValidateInstanceGroups.ts"
import { validateIo } from "../../../src/layers/repository/internal/config/ValidateTensors.ts"
import type { ModelConfig } from "../../../src/schema/ModelConfig.ts"
import { parseModelConfig } from "../../../src/schema/proto/TextFormat.ts"

export interface Options {
  /** Name of the model's directory. */
  readonly name?: string
  readonly entries?: ReadonlyArray<DirectoryEntry>
  readonly gpus?: Gpus
}

export const twoGpus: Gpus = { supported: true, present: 2, usable: [0, 1] }

/** The config that a text is. */
export const parse = (text: string): ModelConfig =>
  Result.getOrThrow(parseModelConfig(text, { path: "config.pbtxt" })).config

/** The config after all stages, or the first fault. */
export const stages = (text: string, options: Options = {}): Result.Result<ModelConfig, ConfigFault> =>
  Result.gen(function*() {
    const { entries = [], gpus = noGpus, name = "m" } = options
    const parsed = yield* Result.mapError(
      parseModelConfig(text, { path: "config.pbtxt" }),
      (error) => invalid(error.message)
    )
    const config = normaliseConfig(yield* resolve(parsed.config, { name, entries }))
    yield* validateConfig(config)
    yield* validateIo(config)
    yield* checkDirectoryName(config, name)
    const final = normaliseInstanceGroups(config, gpus)
    yield* validateInstanceGroups(final, gpus)
    yield* resolveBackend(final, { version: `r/${name}/1`, model: `r/${name}`, backends: "/opt/backends" })
    return final
  })

/** The message of the first fault, `undefined` when all is well. */
export const fault = (text: string, options: Options = {}): string | undefined => {
  const result = stages(text, options)
  return Result.isFailure(result) ? result.failure.message : undefined
}

/** A config that all stages accept, to be spoiled by more text. */
export const good = `
  platform: "onnxruntime_onnx"
  max_batch_size: 8
  input { name: "in" data_type: TYPE_FP32 dims: [ 16 ] }
  output { name: "out" data_type: TYPE_FP32 dims: [ 16 ] }
`
