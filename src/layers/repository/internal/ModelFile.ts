/** Finds the model file of a version. */
import { Effect, Path } from "effect"
import { LoadFailed } from "../../../schema/Errors.ts"
import type { ModelConfig } from "../../../schema/ModelConfig.ts"
import * as Directory from "./Directory.ts"
import type { Located } from "./Discovery.ts"

/**
 * Absolute path of the model file: `‹model›/‹version›/‹default_model_filename›`, and `model.onnx` in it where that is a
 * directory; the file itself for a bare model.
 *
 * Errors: `LoadFailed` where there is none. Source: model-config §1.4.
 *
 * @category constructors
 */
export const locate = Effect.fnUntraced(function*(found: Located, config: ModelConfig, version: number) {
  const path = yield* Path.Path
  const fail = (code: LoadFailed["code"], message: string) => new LoadFailed({ model: config.name, code, message })
  const name = config.default_model_filename === "" ? "model.onnx" : config.default_model_filename
  const directory = path.join(found.directory, String(version))
  const file = found.file ?? path.join(directory, name)
  if (found.file === undefined) {
    const below = path.relative(directory, file)
    if (below === "" || below === ".." || below.startsWith(`..${path.sep}`)) {
      return yield* fail(
        "INVALID_ARG",
        `default_model_filename '${name}' of model '${config.name}' leads out of the version directory '${directory}': ` +
          "expected a path below it"
      )
    }
  }
  const kind = yield* Directory.kindOf(file)
  if (kind === "File") return file
  if (kind === undefined) {
    return yield* fail(
      "INTERNAL",
      `failed to stat file ${file}\nExpected the model file there: put it in place, or name another one with default_model_filename`
    )
  }
  const inner = path.join(file, "model.onnx")
  if ((yield* Directory.kindOf(inner)) === "File") return inner
  return yield* fail(
    "UNAVAILABLE",
    `unable to find '${inner}' for model instance '${config.name}'\n` +
      `'${file}' is a directory: the model file in it must be called model.onnx`
  )
})
