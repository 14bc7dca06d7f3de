/** Finds the module of a custom model, and says whether it may run. */
import { Effect, Path } from "effect"
import { LoadFailed, type LoadFailed as Failure } from "../../../schema/Errors.ts"
import type { ModelConfig } from "../../../schema/ModelConfig.ts"
import * as Directory from "./Directory.ts"
import type { Located } from "./Discovery.ts"

/** Names under which the module is looked for, in this order, where the config gives none. @category constants */
export const names = ["model.ts", "model.mts", "model.mjs", "model.js"] as const

/** Which custom models may run: none, those of folders on this machine, or also what came over the network. @category models */
export type Allowed = "none" | "local" | "all"

const extension = /\.(?:ts|mts|mjs|js)$/

/** Why a custom model may not run, `undefined` where it may. @category getters */
export const refusal = (model: string, { file, place }: Located, allowed: Allowed): string | undefined => {
  if (allowed === "all") return undefined
  const code = `model '${model}' is a custom model, whose code runs with the rights of the server`
  if (allowed === "none") return `${code}: this server runs none (--custom-models=none)`
  if (place === "request") {
    return `${code}, and its files came with a load request: only what lies in a folder of the repository on the server's machine ` +
      "may run. Put the model there, or start the server with --custom-models=all"
  }
  if (place === "remote") {
    return `${code}, and its repository is on another machine: only what lies in a folder on the server's machine may run. ` +
      "Copy the model into one, or start the server with --custom-models=all if all who can write to that repository are trusted"
  }
  return file === undefined ? undefined : `${code}, and '${file}' is no folder of a model`
}

/**
 * Absolute path of the module: `‹model›/‹version›/‹default_model_filename›`, or the first of `names` that is there.
 *
 * Errors: `LoadFailed` where there is none.
 *
 * @category constructors
 */
export const locate = Effect.fnUntraced(
  function*(found: Located, config: ModelConfig, version: number): Effect.fn.Return<
    string,
    Failure,
    Directory.Services
  > {
    const path = yield* Path.Path
    const { default_model_filename: given, name: model } = config
    const fail = (code: LoadFailed["code"], message: string) => new LoadFailed({ model, code, message })
    if (found.file !== undefined) return found.file
    const directory = path.join(found.directory, String(version))
    if (given !== "") {
      const file = path.join(directory, given)
      const below = path.relative(directory, file)
      if (below === "" || below === ".." || below.startsWith(`..${path.sep}`)) {
        return yield* fail(
          "INVALID_ARG",
          `default_model_filename '${given}' of model '${model}' leads out of the version directory '${directory}': ` +
            "expected a path below it"
        )
      }
      if (!extension.test(given)) {
        return yield* fail(
          "INVALID_ARG",
          `default_model_filename '${given}' of the custom model '${model}' names no module: expected a file that ends in ` +
            ".ts, .mts, .mjs or .js"
        )
      }
    }
    for (const name of given === "" ? names : [given]) {
      const file = path.join(directory, name)
      if ((yield* Directory.kindOf(file)) === "File") return file
    }
    const wanted = given === "" ? `one of ${names.join(", ")}` : `'${given}', its default_model_filename,`
    return yield* fail(
      "INVALID_ARG",
      `the custom model '${model}' has no module: looked for ${wanted} in '${directory}'. Put a module there that exports a function ` +
        "of tensors (docs/custom-models.md)" +
        (given === "" ? ", or name another file with default_model_filename" : "") +
        "; native libraries of custom backends are not loaded"
    )
  }
)
