/** What a root held when it last answered: a server that starts while the root does not answer serves that. */
import { Clock, DateTime, Effect, FileSystem, Path, Schema } from "effect"
import { createHash } from "node:crypto"
import type * as Directory from "../internal/Directory.ts"
import type { CacheFolder } from "./CacheFolder.ts"
import * as DiskFailure from "./DiskFailure.ts"
import type { StoredFile } from "./Store.ts"

const Document = Schema.fromJsonString(Schema.Struct({
  root: Schema.String,
  listedAtMillis: Schema.Finite,
  files: Schema.Array(Schema.Struct({
    path: Schema.String,
    size: Schema.Int,
    identity: Schema.String,
    sha256: Schema.optionalKey(Schema.String)
  }))
}))

/** A listing of a root that was good. @category models */
export interface LastListing {
  readonly files: ReadonlyArray<StoredFile>
  /** As people write it, in UTC. */
  readonly at: string
}

const fileOf = Effect.fnUntraced(function*(folder: CacheFolder, root: string) {
  const path = yield* Path.Path
  return path.join(folder.listings, `${createHash("sha256").update(root).digest("hex")}.json`)
})

/** Writes a listing in one step, in place of the one before. A disk that does not take it is no reason to fail. @category constructors */
export const write = Effect.fnUntraced(
  function*(folder: CacheFolder, root: string, files: ReadonlyArray<StoredFile>) {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const listedAtMillis = yield* Clock.currentTimeMillis
    const target = yield* fileOf(folder, root)
    const temporary = path.join(folder.session, path.basename(target))
    const text = yield* Effect.orDie(
      Schema.encodeEffect(Document)({
        root,
        listedAtMillis,
        files: files.map(({ sha256, ...file }) => sha256 === undefined ? file : { ...file, sha256 })
      })
    )
    yield* fs.writeFileString(temporary, text, { mode: 0o600 }).pipe(
      Effect.andThen(fs.rename(temporary, target)),
      Effect.onError(() => Effect.ignore(fs.remove(temporary, { force: true }))),
      Effect.mapError(DiskFailure.make(folder.folder, "keep the listing")),
      Effect.catch(({ message }) => Effect.logWarning(`a start without '${root}' will not know its models: ${message}`))
    )
  }
)

/** The listing that was written last, `undefined` where there is none that can be read. @category constructors */
export const read = Effect.fnUntraced(function*(
  folder: CacheFolder,
  root: string
): Effect.fn.Return<LastListing | undefined, never, Directory.Services> {
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.option(fs.readFileString(yield* fileOf(folder, root)))
  if (text._tag === "None") return undefined
  const document = yield* Effect.option(Schema.decodeEffect(Document)(text.value))
  if (document._tag === "None" || document.value.root !== root) return undefined
  const { files, listedAtMillis } = document.value
  return {
    files: files.map((file) => ({ ...file, sha256: file.sha256 })),
    at: DateTime.formatIso(DateTime.makeUnsafe(listedAtMillis))
  }
})
