/** Lists directories of a repository: what is a directory, what is a file, and what cannot be told. */
import { Context, Effect, FileSystem, Path, type PlatformError } from "effect"
import { PollFailed } from "../../../schema/Errors.ts"
import { causeOf } from "./DiskError.ts"

/** What listing needs. @category models */
export type Services = FileSystem.FileSystem | Path.Path

/** These services and nothing else: above all not the scope of whoever asks. */
export const services: Effect.Effect<Context.Context<Services>, never, Services> = Effect.map(
  Effect.context<Services>(),
  Context.pick(FileSystem.FileSystem, Path.Path)
)

/** One entry; symbolic links are followed, and `"Broken"` cannot be: a dangling link, or no permission. @category models */
export interface Entry {
  readonly name: string
  readonly kind: "Directory" | "File" | "Broken"
}

const byName = (a: Entry, b: Entry) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0

/** Entries of a directory, sorted by name. Fails with what the system said. @category constructors */
export const list = Effect.fnUntraced(
  function*(directory: string) {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const raw = yield* fs.readDirectoryEntries(directory)
    const entries = yield* Effect.forEach(raw, ({ name, type }): Effect.Effect<Entry> => {
      if (type === "Directory" || type === "File") return Effect.succeed({ name, kind: type })
      return fs.stat(path.join(directory, name)).pipe(
        Effect.map(({ type }): Entry => ({ name, kind: type === "Directory" ? "Directory" : "File" })),
        Effect.orElseSucceed((): Entry => ({ name, kind: "Broken" }))
      )
    }, { concurrency: 16 })
    return entries.sort(byName)
  },
  (effect, directory) =>
    Effect.mapError(
      effect,
      (error) =>
        new PollFailed({ code: "INTERNAL", message: `failed to open directory ${directory}: ${causeOf(error)}` })
    )
)

/** `"Directory"`, `"File"`, or `undefined` where there is nothing; symbolic links are followed. @category getters */
export const kindOf = Effect.fnUntraced(function*(path: string) {
  const fs = yield* FileSystem.FileSystem
  return yield* fs.stat(path).pipe(
    Effect.map(({ type }) => type === "Directory" ? "Directory" as const : "File" as const),
    Effect.orElseSucceed(() => undefined)
  )
})

/** Why something that is neither a file nor a folder is not read: a pipe may never end. @category errors */
export const irregular = (file: string, type: string): PollFailed =>
  new PollFailed({ code: "INVALID_ARG", message: `${file} is no regular file (${type}): expected a file` })

/**
 * A text file, no larger than `maxBytes`, as bytes.
 *
 * @category constructors
 */
export const readBounded = Effect.fnUntraced(function*(file: string, maxBytes: number) {
  const fs = yield* FileSystem.FileSystem
  const failed = (error: PlatformError.PlatformError) =>
    new PollFailed({ code: "INTERNAL", message: `failed to open text file for read ${file}: ${causeOf(error)}` })
  const { size, type } = yield* Effect.mapError(fs.stat(file), failed)
  if (type !== "File" && type !== "Directory") return yield* irregular(file, type)
  if (size > BigInt(maxBytes)) {
    return yield* new PollFailed({
      code: "INVALID_ARG",
      message: `file ${file} has ${size} bytes, more than the ${maxBytes} that a file of its kind may have`
    })
  }
  return yield* Effect.mapError(fs.readFile(file), failed)
})
