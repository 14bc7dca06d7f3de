/** What a root held when it last answered: a server that starts while the root does not answer serves that. */
import { Clock, DateTime, Effect, FileSystem, Path, Schema } from "effect"
import { createHash } from "node:crypto"
import type * as Directory from "../internal/Directory.ts"
import type { CacheFolder } from "./CacheFolder.ts"
import * as DiskFailure from "./DiskFailure.ts"
import type { StoredFile } from "./Store.ts"

const Document = Schema.fromJsonString(Schema.Struct({
  root: Schema.String,
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
  /** When it was made, as people write it, in UTC. */
  readonly at: string
}

const fileOf = Effect.fnUntraced(function*(folder: CacheFolder, root: string) {
  const path = yield* Path.Path
  return path.join(folder.listings, `${createHash("sha256").update(root).digest("hex")}.json`)
})

/**
 * Keeps listings of a root, each in place of the one before, in one step; one that says nothing new gets the time of now. A disk
 * that does not take it is no reason to fail.
 *
 * @category constructors
 */
export const writer = (root: string) => {
  let written = ""
  return Effect.fnUntraced(function*(
    folder: CacheFolder,
    files: ReadonlyArray<StoredFile>
  ): Effect.fn.Return<void, never, Directory.Services> {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const target = yield* fileOf(folder, root)
    const text = yield* Effect.orDie(
      Schema.encodeEffect(Document)({
        root,
        files: files.map(({ sha256, ...file }) => sha256 === undefined ? file : { ...file, sha256 })
      })
    )
    const digest = createHash("sha256").update(text).digest("hex")
    const temporary = path.join(folder.session, path.basename(target))
    const now = (yield* Clock.currentTimeMillis) / 1000
    const write = fs.writeFileString(temporary, text, { mode: 0o600 }).pipe(
      Effect.andThen(fs.rename(temporary, target)),
      Effect.onError(() => Effect.ignore(fs.remove(temporary, { force: true })))
    )
    yield* (digest === written ? fs.utimes(target, now, now) : Effect.andThen(write, fs.utimes(target, now, now))).pipe(
      Effect.tap(() => Effect.sync(() => written = digest)),
      Effect.onError(() => Effect.sync(() => written = "")),
      Effect.mapError(DiskFailure.make(folder.folder, "keep the listing")),
      Effect.catch(({ message }) => Effect.logWarning(`a start without '${root}' will not know its models: ${message}`))
    )
  })
}

/** The listing that was written last, `undefined` where there is none that can be read. @category constructors */
export const read = Effect.fnUntraced(function*(
  folder: CacheFolder,
  root: string
): Effect.fn.Return<LastListing | undefined, never, Directory.Services> {
  const fs = yield* FileSystem.FileSystem
  const file = yield* fileOf(folder, root)
  const text = yield* Effect.option(Effect.all([fs.readFileString(file), fs.stat(file)]))
  if (text._tag === "None") return undefined
  const [json, { mtime }] = text.value
  const document = yield* Effect.option(Schema.decodeEffect(Document)(json))
  if (document._tag === "None" || document.value.root !== root) return undefined
  return {
    files: document.value.files.map((stored) => ({ ...stored, sha256: stored.sha256 })),
    at: mtime._tag === "Some" ? DateTime.formatIso(DateTime.makeUnsafe(mtime.value)) : "an unknown time"
  }
})
