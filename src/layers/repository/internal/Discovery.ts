/**
 * Finds the models of one or several roots, wherever these are.
 *
 * Source: model-config §1.1, §1.2 and §1.6.
 */
import { Effect, Result, type Scope } from "effect"
import { PollFailed } from "../../../schema/Errors.ts"
import { type Listing, RepositorySource, type Source } from "../../../services/RepositorySource.ts"

/** @category models */
export interface Options {
  readonly paths: ReadonlyArray<string>
  readonly modelNamespacing: boolean
}

/** A model and where its files are. @category models */
export interface Located {
  /** `name`, or `‹root›::‹name›` with namespacing. */
  readonly id: string
  readonly name: string
  readonly root: string
  /** Absolute path; that of the file for a bare model. */
  readonly directory: string
  /** Absolute path of a bare model's file. */
  readonly file: string | undefined
  /** Where its files came from: a folder of this machine, another machine, or a load request. Default: this machine. */
  readonly place?: "local" | "remote" | "request"
}

/** A model that a root holds: it may lie on another machine, so that its paths are for messages. @category models */
export interface Discovered extends Located {
  /** What changes where the model does: see `Source.fingerprint`. */
  readonly fingerprint: Effect.Effect<ReadonlyMap<string, string>, PollFailed>
  /** The model with its files on this machine, until the scope closes. */
  readonly open: Effect.Effect<Located, PollFailed, Scope.Scope>
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
export interface Root extends Omit<Listing, "models"> {
  readonly models: ReadonlyArray<Omit<Located, "id"> & { readonly source: Source }>
}

/** A root, and what it holds or why that cannot be told. @category models */
export interface RootListing {
  /** In its one normal form. */
  readonly root: string
  readonly listing: Result.Result<Root, PollFailed>
}

/** An address as it may stand in a message: who gave a password in it is told so, and the log does not repeat it. */
const withoutSecrets = (root: string): string => root.replace(/^([a-z0-9]+:\/\/)[^/]*@/i, "$1…@")

const compare = (a: string, b: string) => a < b ? -1 : a > b ? 1 : 0

const listing = (source: Source): Effect.Effect<Root, PollFailed> =>
  Effect.map(source.list, ({ models, ...rest }) => ({
    ...rest,
    models: models.map((model) => ({ ...model, root: source.root, source }))
  }))

/** Lists every root, in order of their normal forms, each once. @category constructors */
export const listRoots = Effect.fnUntraced(function*(options: Options) {
  const { open } = yield* RepositorySource
  const opened = yield* Effect.forEach(
    new Set(options.paths),
    (path) => open(path).pipe(Effect.result, Effect.map((source) => ({ path, source })))
  )
  const sources = new Map(
    opened.map(({ path, source }) => [Result.isSuccess(source) ? source.success.root : path, source])
  )
  return yield* Effect.forEach(
    [...sources].sort(([a], [b]) => compare(a, b)),
    ([root, source]) =>
      Effect.fromResult(source).pipe(
        Effect.flatMap(listing),
        Effect.mapError(({ code, message }) =>
          new PollFailed({ code, message: `failed to poll model repository '${withoutSecrets(root)}': ${message}` })
        ),
        Effect.result,
        Effect.map((listing): RootListing => ({ root, listing }))
      ),
    { concurrency: 8 }
  )
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
    .map(({ source, ...model }): Discovered => {
      const place = source.local === true ? "local" as const : "remote" as const
      const located = { ...model, place, id: options.modelNamespacing ? `${model.root}::${model.name}` : model.name }
      return {
        ...located,
        fingerprint: source.fingerprint(model.name),
        open: Effect.map(source.open(model.name), (place) => ({ ...located, ...place }))
      }
    })
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
