/** What a load brings instead of the repository's: a config, and files in a temporary folder that goes with its last user. */
import { Effect, Exit, FileSystem, Path, type PlatformError, Result, Scope } from "effect"
import { LoadFailed, PollFailed } from "../../../schema/Errors.ts"
import type { ModelConfig } from "../../../schema/ModelConfig.ts"
import * as ConfigJson from "../../../schema/proto/ConfigJson.ts"
import type { LoadParameters } from "../../../services/ModelRepository.ts"
import * as LeftOvers from "../../LeftOvers.ts"
import type * as Directory from "./Directory.ts"
import * as DiskError from "./DiskError.ts"
import * as OverrideFiles from "./OverrideFiles.ts"

/** A folder that lasts while somebody holds it. @category models */
export interface Folder {
  readonly directory: string
  /** Keeps the folder until the scope closes. */
  readonly hold: Effect.Effect<void, never, Scope.Scope>
}

/** @category models */
export interface Override {
  readonly config: ModelConfig
  /** Takes the place of the model's folder. */
  readonly folder: Folder | undefined
}

/** @category models */
export interface Overrides {
  /**
   * The override of a load, `undefined` where it brings none. The scope holds its folder.
   *
   * Errors: `PollFailed` for a config or files that cannot be used or written, `LoadFailed` UNAVAILABLE for one folder too many.
   */
  readonly open: (
    model: string,
    parameters: LoadParameters
  ) => Effect.Effect<Override | undefined, PollFailed | LoadFailed, Directory.Services | Scope.Scope>
}

const refuse = (message: string) => new PollFailed({ code: "INVALID_ARG", message })

const readConfig = (text: string): Result.Result<ModelConfig, PollFailed> =>
  Result.mapError(ConfigJson.fromJson(text), ({ message }) => refuse(message))

const write = Effect.fnUntraced(
  function*(directory: string, files: ReadonlyMap<string, Uint8Array>) {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    for (const [name, content] of files) {
      const file = path.join(directory, name)
      yield* fs.makeDirectory(path.dirname(file), { recursive: true })
      yield* fs.writeFile(file, content)
    }
  },
  Effect.mapError((error: PlatformError.PlatformError) =>
    new PollFailed({
      code: "INTERNAL",
      message: `failed to write the files that came with the load: ${DiskError.causeOf(error)}`
    })
  )
)

/** Models of which files came with a load, at most `limit` at once. @category constructors */
export const make = (limit: number): Overrides => {
  /** Folders that exist now, by model. */
  const folders = new Map<string, number>()

  const makeFolder = Effect.fnUntraced(function*(model: string) {
    const fs = yield* FileSystem.FileSystem
    if (!folders.has(model) && folders.size >= limit) {
      return yield* new LoadFailed({
        model,
        code: "UNAVAILABLE",
        message:
          `failed to load '${model}': ${folders.size} models are served from files that came with a load, the most ` +
          "that --max-overridden-models allows. Unload one of them first."
      })
    }
    folders.set(model, (folders.get(model) ?? 0) + 1)
    const own = yield* Scope.make()
    let holders = 0
    const hold = Effect.acquireRelease(
      Effect.sync(() => void holders++),
      () => Effect.suspend(() => --holders === 0 ? Scope.close(own, Exit.void) : Effect.void)
    )
    yield* hold
    yield* Scope.addFinalizer(
      own,
      Effect.sync(() => {
        const left = folders.get(model)! - 1
        if (left === 0) folders.delete(model)
        else folders.set(model, left)
      })
    )
    const directory = yield* Scope.provide(
      Effect.acquireRelease(
        fs.makeTempDirectory({ prefix: LeftOvers.modelFolderPrefix }),
        (directory) =>
          fs.remove(directory, { recursive: true, force: true }).pipe(
            Effect.catch((error) =>
              Effect.logWarning(`cannot remove the temporary folder ${directory}: ${DiskError.causeOf(error)}`)
            )
          )
      ),
      own
    ).pipe(
      Effect.mapError((error) =>
        new PollFailed({
          code: "INTERNAL",
          message: `failed to make a temporary folder for the files of the load: ${DiskError.causeOf(error)}`
        })
      )
    )
    return { directory, hold } satisfies Folder
  }, Effect.uninterruptible)

  return {
    open: Effect.fnUntraced(function*(model, { config, files }) {
      if (config === undefined) {
        return files === undefined
          ? undefined
          : yield* refuse("Load parameter 'config' must be specified for model file override")
      }
      const parsed = yield* Effect.fromResult(readConfig(config))
      if (files === undefined) return { config: parsed, folder: undefined }
      const placed = yield* Effect.fromResult(Result.mapError(OverrideFiles.read(files), refuse))
      const folder = yield* makeFolder(model)
      yield* write(folder.directory, placed)
      return { config: parsed, folder }
    })
  }
}
