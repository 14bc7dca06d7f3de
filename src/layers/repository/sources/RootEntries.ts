/**
 * What the entries of a root mean: a directory is a model, by whatever name; an `.onnx` file that is alone is a model as well.
 *
 * Source: model-config §1.1 and §1.2.
 */
import { Result } from "effect"
import { PollFailed } from "../../../schema/Errors.ts"
import type { ListedModel, Listing } from "../../../services/RepositorySource.ts"
import * as ModelName from "../internal/ModelName.ts"

/** An entry of a root; `"Broken"`: it cannot be told what it is. @category models */
export interface RootEntry {
  readonly name: string
  readonly kind: "Directory" | "File" | "Broken"
}

/** `true` for the name of a model file. @category getters */
export const isOnnx = (name: string): boolean => /\.onnx$/i.test(name)

/** The listing of one `.onnx` file in a folder. @category constructors */
export const bareModel = (folder: string, file: string, join: (folder: string, name: string) => string): Listing => {
  const { changed, name } = ModelName.fromFile(file)
  return {
    models: [{ name, directory: folder, file: join(folder, file) }],
    failures: [],
    warnings: changed
      ? [{
        model: name,
        message: `the model of file '${file}' is served as '${name}': its own name cannot be a model's`
      }]
      : []
  }
}

/** A hint for whoever names a model where a repository is expected. */
const hints = (root: string, entries: ReadonlyArray<RootEntry>): Listing["warnings"] => {
  const directories = entries.filter(({ kind, name }) => kind === "Directory" && !name.startsWith("."))
  const isModel = entries.some(({ kind, name }) => kind === "File" && name === "config.pbtxt") ||
    (directories.length > 0 && directories.every(({ name }) => /^\d+$/.test(name)))
  return isModel
    ? [{
      model: undefined,
      message: `'${root}' looks like the directory of one model: a repository is the one above it`
    }]
    : []
}

/**
 * The models among the entries, which are in order of their names. `join` puts a name behind the root.
 *
 * Errors: `PollFailed` for several files and no directory, where it cannot be told what is meant.
 *
 * @category constructors
 */
export const read = (
  root: string,
  entries: ReadonlyArray<RootEntry>,
  join: (folder: string, name: string) => string
): Result.Result<Listing, PollFailed> => {
  const directories = entries.filter(({ kind }) => kind !== "File")
  const files = entries.filter(({ kind, name }) => kind === "File" && isOnnx(name))
  if (files.length > 0 && !directories.some(({ name }) => !name.startsWith("."))) {
    if (files.length === 1) return Result.succeed(bareModel(root, files[0]!.name, join))
    return Result.fail(
      new PollFailed({
        code: "INVALID_ARG",
        message: `the directory holds ${files.length} ONNX files and no model directory: name one of ` +
          `${files.slice(0, 8).map(({ name }) => name).join(", ")}${files.length > 8 ? ", …" : ""} instead, ` +
          "or put each into a directory of its own as ‹name›/1/model.onnx"
      })
    )
  }
  const models: Array<ListedModel> = []
  const failures: Array<{ readonly model: string; readonly message: string }> = []
  for (const { kind, name } of directories) {
    const directory = join(root, name)
    const problem = kind === "Broken"
      ? `failed to stat file ${directory}: broken symbolic link or no permission`
      : ModelName.problemOf(name)
    if (problem === undefined) models.push({ name, directory, file: undefined })
    else {
      const model = ModelName.printable(name)
      failures.push({ model, message: `Poll failed for model directory '${model}': ${problem}` })
    }
  }
  const warnings = files.map(({ name }) => ({
    model: undefined,
    message: `file '${name}' of repository '${root}' is not served: models are directories there. ` +
      "Move it to ‹name›/1/model.onnx, or give its own path"
  }))
  return Result.succeed({ models, failures, warnings: [...hints(root, entries), ...warnings] })
}
