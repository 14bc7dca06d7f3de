/** Reads the class labels of outputs. */
import { Effect } from "effect"
import { LoadFailed } from "../../../schema/Errors.ts"
import type { ModelConfig } from "../../../schema/ModelConfig.ts"
import * as ModelFiles from "./config/ModelFiles.ts"
import { readBounded } from "./Directory.ts"

/** Bytes that a label file may have. @category constants */
export const maxBytes = 64 * 1024 * 1024

/**
 * Labels by output name. `directory` is the model's; `warn` hears of files that are not UTF-8.
 *
 * Errors: `LoadFailed` UNSUPPORTED for a path that leaves the directory, INTERNAL for a file that cannot be read.
 * Source: model-config §6.10.
 *
 * @category constructors
 */
export const read = Effect.fnUntraced(function*(
  config: ModelConfig,
  directory: string,
  warn: (message: string) => Effect.Effect<void>
) {
  const failed = ({ code, message }: { readonly code: LoadFailed["code"]; readonly message: string }) =>
    new LoadFailed({ model: config.name, code, message })
  const files = yield* Effect.mapError(Effect.fromResult(ModelFiles.labelFiles(config, directory)), failed)
  const labels = new Map<string, ReadonlyArray<string>>()
  for (const [output, file] of files) {
    const bytes = yield* Effect.mapError(readBounded(file, maxBytes), failed)
    const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes)
    if (text.includes("\ufffd")) {
      yield* warn(`label file '${file}' is not valid UTF-8: what cannot be read stands as U+FFFD in the labels`)
    }
    labels.set(output, ModelFiles.labels(text))
  }
  return labels as ReadonlyMap<string, ReadonlyArray<string>>
})
