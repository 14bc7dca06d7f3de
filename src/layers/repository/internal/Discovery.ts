/**
 * Finds the models of one or several roots: a directory is a model, by whatever name; a bare `.onnx` file, or a directory
 * that holds nothing but one, is a model as well.
 *
 * Source: model-config §1.1, §1.2 and §1.6.
 */
import { Effect, Path, type Result } from "effect"
import { PollFailed } from "../../../schema/Errors.ts"
import * as Directory from "./Directory.ts"
import * as ModelName from "./ModelName.ts"

/** @category models */
export interface Options {
  readonly paths: ReadonlyArray<string>
  readonly modelNamespacing: boolean
}

/** A model that a root holds. @category models */
export interface Discovered {
  /** `name`, or `‹root›::‹name›` with namespacing. */
  readonly id: string
  readonly name: string
  readonly root: string
  /** Absolute; that of the file for a bare model. */
  readonly directory: string
  /** Absolute path of a bare model's file. */
  readonly file: string | undefined
}

/** What the roots hold. @category models */
export interface Discovery {
  /** Sorted by id. */
  readonly models: ReadonlyArray<Discovered>
  /** Entries that look like models and cannot be polled: the whole sentence. */
  readonly failures: ReadonlyArray<{ readonly model: string; readonly message: string }>
  /** Names that several roots hold: none of them is a model. */
  readonly ambiguous: ReadonlyArray<string>
  readonly warnings: ReadonlyArray<{ readonly model: string | undefined; readonly message: string }>
}

/** What one root holds. @category models */
export interface Root {
  readonly models: ReadonlyArray<Omit<Discovered, "id">>
  readonly failures: Discovery["failures"]
  readonly warnings: Discovery["warnings"]
}

const schemes = [
  { prefix: "s3://", flag: "TRITON_ENABLE_S3" },
  { prefix: "gs://", flag: "TRITON_ENABLE_GCS" },
  { prefix: "as://", flag: "TRITON_ENABLE_AZURE_STORAGE" }
]

const isOnnx = (name: string) => /\.onnx$/i.test(name)

const bareModel = (root: string, directory: string, file: string, path: Path.Path): Root => {
  const { changed, name } = ModelName.fromFile(file)
  return {
    models: [{ name, root, directory, file: path.join(directory, file) }],
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
const hints = (root: string, entries: ReadonlyArray<Directory.Entry>): Root["warnings"] => {
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

const scanDirectory = Effect.fnUntraced(function*(root: string) {
  const path = yield* Path.Path
  const entries = yield* Directory.list(root)
  const directories = entries.filter(({ kind }) => kind !== "File")
  const files = entries.filter(({ kind, name }) => kind === "File" && isOnnx(name))
  if (files.length > 0 && !directories.some(({ name }) => !name.startsWith("."))) {
    if (files.length === 1) return bareModel(root, root, files[0]!.name, path)
    return yield* new PollFailed({
      code: "INVALID_ARG",
      message: `the directory holds ${files.length} ONNX files and no model directory: name one of ` +
        `${files.slice(0, 8).map(({ name }) => name).join(", ")}${files.length > 8 ? ", …" : ""} instead, ` +
        "or put each into a directory of its own as ‹name›/1/model.onnx"
    })
  }
  const models: Array<Omit<Discovered, "id">> = []
  const failures: Array<{ readonly model: string; readonly message: string }> = []
  for (const { kind, name } of directories) {
    const directory = path.join(root, name)
    const problem = kind === "Broken"
      ? `failed to stat file ${directory}: broken symbolic link or no permission`
      : ModelName.problemOf(name)
    if (problem === undefined) models.push({ name, root, directory, file: undefined })
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
  return { models, failures, warnings: [...hints(root, entries), ...warnings] } satisfies Root
})

const scan = Effect.fnUntraced(
  function*(root: string): Effect.fn.Return<Root, PollFailed, Path.Path | Directory.Services> {
    const path = yield* Path.Path
    const scheme = schemes.find(({ prefix }) => root.startsWith(prefix))
    if (scheme !== undefined) {
      return yield* new PollFailed({
        code: "INTERNAL",
        message: `${scheme.prefix} file-system not supported. To enable, build with -D${scheme.flag}=ON.` +
          ` This server reads local directories only: copy '${root}' to one.`
      })
    }
    const kind = yield* Directory.kindOf(root)
    if (kind === undefined) {
      return yield* new PollFailed({
        code: "INTERNAL",
        message: `failed to stat file ${root}: there is nothing there, or no permission to look`
      })
    }
    if (kind === "File") {
      if (isOnnx(root)) return bareModel(root, path.dirname(root), path.basename(root), path)
      return yield* new PollFailed({
        code: "INVALID_ARG",
        message: `repository path is not a valid directory: '${root}' is a file. ` +
          "Expected a directory with one sub-directory per model, or a file whose name ends in .onnx."
      })
    }
    return yield* scanDirectory(root)
  }
)

const compare = (a: string, b: string) => a < b ? -1 : a > b ? 1 : 0

/** A root, and what it holds or why that cannot be told. @category models */
export interface RootListing {
  /** Absolute. */
  readonly root: string
  readonly listing: Result.Result<Root, PollFailed>
}

/** Lists every root. Roots are a sorted set of absolute paths. @category constructors */
export const listRoots = Effect.fnUntraced(function*(options: Options) {
  const path = yield* Path.Path
  const absolute = options.paths.map((root) =>
    schemes.some(({ prefix }) => root.startsWith(prefix)) ? root : path.resolve(root)
  )
  return yield* Effect.forEach([...new Set(absolute)].sort(compare), (root) =>
    scan(root).pipe(
      Effect.mapError(({ code, message }) =>
        new PollFailed({ code, message: `failed to poll model repository '${root}': ${message}` })
      ),
      Effect.result,
      Effect.map((listing): RootListing => ({ root, listing }))
    ))
})

/** What several roots hold together: of a name in several, none is a model unless names are spaced by root. @category combinators */
export const merge = (roots: ReadonlyArray<Root>, options: Options): Discovery => {
  const found = roots.flatMap(({ models }) => models)
  const counts = new Map<string, number>()
  for (const { name } of found) counts.set(name, (counts.get(name) ?? 0) + 1)
  const ambiguous = options.modelNamespacing
    ? []
    : [...counts].filter(([, count]) => count > 1).map(([name]) => name).sort(compare)
  const models = found
    .filter(({ name }) => !ambiguous.includes(name))
    .map((model) => ({ ...model, id: options.modelNamespacing ? `${model.root}::${model.name}` : model.name }))
    .sort((a, b) => compare(a.id, b.id))
  const duplicates = ambiguous.map((name) => ({
    model: name,
    message: `failed to poll model '${name}': not unique across all model repositories (` +
      `${found.filter((model) => model.name === name).map(({ file, directory }) => file ?? directory).join(", ")})`
  }))
  return {
    models,
    failures: [...roots.flatMap(({ failures }) => failures), ...duplicates],
    ambiguous,
    warnings: roots.flatMap(({ warnings }) => warnings)
  }
}

/**
 * Everything that the roots hold.
 *
 * Errors: `PollFailed` for a root that cannot be listed.
 *
 * @category constructors
 */
export const discover = Effect.fnUntraced(function*(options: Options) {
  const roots: Array<Root> = []
  for (const { listing } of yield* listRoots(options)) roots.push(yield* Effect.fromResult(listing))
  return merge(roots, options)
})
