/** The models of a store on another machine: listed there, and opened out of the cache folder. */
import { Effect, FileSystem, Path, Result, type Scope, Semaphore } from "effect"
import { PollFailed } from "../../../schema/Errors.ts"
import type { Listing, Place, Source } from "../../../services/RepositorySource.ts"
import * as Directory from "../internal/Directory.ts"
import type { BlobCache } from "./BlobCache.ts"
import type { CacheFolder } from "./CacheFolder.ts"
import * as DiskFailure from "./DiskFailure.ts"
import * as LastListing from "./LastListing.ts"
import type { Settings } from "./SourceOptions.ts"
import { FetchFailed, pollFailed, retrying, type Store } from "./Store.ts"
import * as StoredModels from "./StoredModels.ts"

/** The folder that all stores share, made when the first of them needs it. @category models */
export interface Cache {
  readonly folder: CacheFolder
  readonly blobs: BlobCache
}

/** The source of a store. @category constructors */
export const make = Effect.fnUntraced(function*(
  store: Store,
  cache: Effect.Effect<Cache, PollFailed>,
  settings: Settings
): Effect.fn.Return<Source, never, Directory.Services> {
  const services = yield* Directory.services
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const lock = yield* Semaphore.make(1)
  const keep = LastListing.writer(store.root)
  /** What the latest good listing found. */
  let current: StoredModels.StoredModels | undefined
  /** How the latest listing ended; listings are counted from 1. */
  let latest:
    | { readonly number: number; readonly found: Result.Result<StoredModels.StoredModels, PollFailed> }
    | undefined
  let listings = 0
  let opened = 0

  /** At start-up alone: a root that stops to answer later keeps what it had, which its poll says. */
  const fallBack = Effect.fnUntraced(function*(failure: FetchFailed) {
    if (failure.kind !== "Unreachable" || current !== undefined) return yield* pollFailed(failure)
    const last = yield* LastListing.read((yield* cache).folder, store.root)
    if (last === undefined) return yield* pollFailed(failure)
    const { listing, models } = yield* Effect.fromResult(StoredModels.read(store.root, last.files))
    const message = `repository '${store.root}' does not answer, and its models are those of ${last.at}, out of the ` +
      `cache folder: ${failure.message}`
    return { models, listing: { ...listing, warnings: [...listing.warnings, { model: undefined, message }] } }
  })

  const readStore = Effect.gen(function*() {
    const listed = yield* Effect.result(retrying(settings)(store.list))
    if (Result.isFailure(listed)) return yield* fallBack(listed.failure)
    const found = yield* Effect.fromResult(StoredModels.read(store.root, listed.success))
    yield* keep((yield* cache).folder, listed.success)
    return found
  })

  const run = Effect.suspend(() => {
    const number = ++listings
    return Effect.flatMap(Effect.result(readStore), (found) => {
      latest = { number, found }
      if (Result.isSuccess(found)) current = found.success
      return Effect.fromResult(found)
    })
  })

  /** Whoever asks gets a listing that began after that; those who wait meanwhile share one. */
  const refresh: Effect.Effect<StoredModels.StoredModels, PollFailed, Directory.Services> = Effect.suspend(() => {
    const asked = listings
    return lock.withPermit(
      Effect.suspend(() => latest !== undefined && latest.number > asked ? Effect.fromResult(latest.found) : run)
    )
  })

  const known = lock.withPermit(Effect.suspend(() => current === undefined ? run : Effect.succeed(current)))

  const find = Effect.fnUntraced(function*(name: string) {
    const { listing, models } = current ?? (yield* known)
    const model = models.get(name)
    if (model !== undefined) return model
    const failure = listing.failures.find((failure) => failure.model === name)
    return yield* new PollFailed(
      failure === undefined
        ? { code: "NOT_FOUND", message: `there is no model '${name}' in repository '${store.root}'` }
        : { code: "INVALID_ARG", message: failure.message }
    )
  })

  /** All files of the model in a folder of its own, which the scope removes. */
  const fetch = Effect.fnUntraced(function*(name: string, model: StoredModels.StoredModel) {
    const { blobs, folder } = yield* cache
    const failed = DiskFailure.make(folder.folder, `make the folders of model '${name}'`)
    const top = path.join(folder.session, String(++opened))
    const directory = path.join(top, name)
    yield* Effect.acquireRelease(
      Effect.mapError(fs.makeDirectory(top, { mode: 0o700 }), failed),
      () => Effect.ignore(fs.remove(top, { recursive: true, force: true }))
    )
    for (const at of new Set(model.files.map(({ below }) => path.dirname(path.join(directory, below))))) {
      yield* Effect.mapError(fs.makeDirectory(at, { recursive: true, mode: 0o700 }), failed)
    }
    yield* blobs.refresh
    yield* Effect.forEach(model.files, (file) => blobs.place(store, file, path.join(directory, file.below)), {
      concurrency: settings.fetchConcurrency,
      discard: true
    })
    const place: Place = {
      directory,
      file: model.file === undefined ? undefined : path.join(directory, model.file)
    }
    return place
  })

  const open = Effect.fn("StoreSource.open")(
    function*(name: string): Effect.fn.Return<Place, PollFailed, Directory.Services | Scope.Scope> {
      const attempt = Effect.flatMap(find(name), (model) => fetch(name, model))
      return yield* attempt.pipe(
        // What was listed is not there any more: once more, with what there is now.
        Effect.catchIf(
          (error) => error instanceof FetchFailed && error.kind === "Changed",
          () => Effect.andThen(refresh, attempt)
        ),
        Effect.mapError((error) => error instanceof FetchFailed ? pollFailed(error) : error)
      )
    }
  )

  return {
    root: store.root,
    list: Effect.provideContext(Effect.map(refresh, ({ listing }): Listing => listing), services),
    fingerprint: (name) => Effect.provideContext(Effect.map(find(name), StoredModels.fingerprint), services),
    open: (name) => Effect.provideContext(open(name), services)
  }
})
