/** Reads files that a model names: from one folder of it, and no others. */
import { Effect, FileSystem, Path } from "effect"
import { PollFailed } from "../../../schema/Errors.ts"
import { isInside } from "./config/ModelFiles.ts"
import * as Directory from "./Directory.ts"
import * as DiskError from "./DiskError.ts"

/** @category models */
export interface Options {
  /** The model's folder, which symbolic links must not lead out of. */
  readonly directory: string
  /** The folder in it that has the file. */
  readonly folder: string
  /** Relative to that folder. */
  readonly name: string
  readonly maxBytes: number
}

/**
 * A file in a folder of a model.
 *
 * Errors: `PollFailed` INVALID_ARG for a name that leads out of the folder, for a link out of the model's folder, and for a file
 * that is too large; INTERNAL for one that cannot be read.
 *
 * @category constructors
 */
export const read = Effect.fnUntraced(function*({ directory, folder, maxBytes, name }: Options) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const leaves = (where: string) =>
    new PollFailed({ code: "INVALID_ARG", message: `file '${name}' leads out of ${where}: expected a file below it` })
  const place = path.join(directory, folder)
  if (!isInside(place, name)) return yield* leaves(place)
  const file = path.join(place, name)
  const resolve = (at: string) =>
    Effect.mapError(fs.realPath(at), (error) =>
      new PollFailed({
        code: "INTERNAL",
        message: `failed to open text file for read ${file}: ${DiskError.causeOf(error)}`
      }))
  const real = yield* resolve(file)
  const root = yield* resolve(directory)
  if (!isInside(root, path.relative(root, real))) return yield* leaves(directory)
  return yield* Directory.readBounded(real, maxBytes)
})
