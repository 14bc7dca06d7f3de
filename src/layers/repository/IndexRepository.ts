/** Writes the index of a folder of models, so that a web server of plain files can serve it as a repository. */
import { Effect, FileSystem, Path, type PlatformError, Schema } from "effect"
import { PollFailed } from "../../schema/Errors.ts"
import * as RepositoryIndex from "../../schema/RepositoryIndex.ts"
import * as ContentHash from "./internal/ContentHash.ts"
import * as Directory from "./internal/Directory.ts"
import * as DiskError from "./internal/DiskError.ts"
import * as LocalSource from "./sources/LocalSource.ts"
import * as StoredModels from "./sources/StoredModels.ts"

/** What was written. @category models */
export interface Written {
  /** Absolute path of the index. */
  readonly file: string
  readonly index: RepositoryIndex.RepositoryIndex
}

/** Files that are hashed at once. */
const concurrency = 4

/** Paths of the files below a folder, with `/` between names; symbolic links are followed. */
const filesBelow = Effect.fnUntraced(function*(
  folder: string,
  below: string,
  found: Array<string>,
  depth: number
): Effect.fn.Return<void, PollFailed, Directory.Services> {
  const path = yield* Path.Path
  if (depth > ContentHash.maxDepth || found.length > ContentHash.maxEntries) {
    return yield* new PollFailed({
      code: "INVALID_ARG",
      message: `${folder} lies more than ${ContentHash.maxDepth} folders deep, or its model has more than ` +
        `${ContentHash.maxEntries} files: are there loops of symbolic links?`
    })
  }
  for (const { kind, name } of yield* Directory.list(folder)) {
    const at = path.join(folder, name)
    if (kind === "Directory") yield* filesBelow(at, `${below}${name}/`, found, depth + 1)
    else if (kind === "File") found.push(`${below}${name}`)
    else {
      return yield* new PollFailed({
        code: "INTERNAL",
        message: `failed to stat file ${at}: broken symbolic link or no permission`
      })
    }
  }
  return undefined
})

const indexModel = Effect.fnUntraced(function*(name: string, directory: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const paths: Array<string> = []
  yield* filesBelow(directory, "", paths, 0)
  const files = yield* Effect.forEach(paths, (below) =>
    Effect.gen(function*() {
      const problem = StoredModels.problemOfPath(below)
      if (problem !== undefined) {
        return yield* new PollFailed({ code: "INVALID_ARG", message: `model '${name}': ${problem}` })
      }
      const at = path.join(directory, below)
      const failed = (error: PlatformError.PlatformError) =>
        new PollFailed({ code: "INTERNAL", message: `failed to read ${at}: ${DiskError.causeOf(error)}` })
      const sha256 = yield* ContentHash.hashFile(at)
      const { size } = yield* Effect.mapError(fs.stat(at), failed)
      return { path: below, size: Number(size), sha256 }
    }), { concurrency })
  return { name, files }
})

/**
 * Writes `index.json` into a folder of models, in one step: who reads it meanwhile gets the old one or the new one. Files are
 * to be in place before, and to stay for as long as somebody may have the old index.
 *
 * Errors: `PollFailed` for a folder that cannot be read or written, and for one without models.
 *
 * @category constructors
 */
export const write = Effect.fn("IndexRepository.write")(
  function*(folder: string): Effect.fn.Return<Written, PollFailed, Directory.Services> {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const source = yield* LocalSource.make(path.resolve(folder))
    const { failures, models } = yield* source.list
    if (failures[0] !== undefined) return yield* new PollFailed({ code: "INVALID_ARG", message: failures[0].message })
    if (models.length === 0 || models.some(({ file }) => file !== undefined)) {
      return yield* new PollFailed({
        code: "INVALID_ARG",
        message: `there are no models in '${source.root}': expected one sub-directory per model`
      })
    }
    const index: RepositoryIndex.RepositoryIndex = {
      format: RepositoryIndex.format,
      version: 1,
      models: yield* Effect.forEach(models, ({ directory, name }) => indexModel(name, directory))
    }
    const file = path.join(source.root, RepositoryIndex.fileName)
    const temporary = `${file}.${process.pid}.new`
    const document = yield* Effect.orDie(Schema.encodeEffect(RepositoryIndex.RepositoryIndex)(index))
    yield* fs.writeFileString(temporary, `${JSON.stringify(document, undefined, 1)}\n`).pipe(
      Effect.andThen(fs.rename(temporary, file)),
      Effect.onError(() => Effect.ignore(fs.remove(temporary, { force: true }))),
      Effect.mapError((error) =>
        new PollFailed({ code: "INTERNAL", message: `failed to write ${file}: ${DiskError.causeOf(error)}` })
      )
    )
    return { file, index }
  }
)
