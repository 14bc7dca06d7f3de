/**
 * Picks the source of a root by its scheme: folders and files of this machine have none, `http://` and `https://` are indexes on
 * web servers, `s3://` are buckets.
 */
import { Effect, Layer, Path, type Scope, Semaphore } from "effect"
import { FetchHttpClient } from "effect/http"
import { PollFailed } from "../../schema/Errors.ts"
import { RepositorySource, type Source } from "../../services/RepositorySource.ts"
import type * as Directory from "./internal/Directory.ts"
import * as BlobCache from "./sources/BlobCache.ts"
import * as CacheFolder from "./sources/CacheFolder.ts"
import * as HttpStore from "./sources/HttpStore.ts"
import * as LocalSource from "./sources/LocalSource.ts"
import * as S3Store from "./sources/S3Store.ts"
import { type Options, settings } from "./sources/SourceOptions.ts"
import * as StoreSource from "./sources/StoreSource.ts"

export type { Options } from "./sources/SourceOptions.ts"

/** Source: model-config §1.15 for the texts. */
const unsupported = [
  { prefix: "gs://", flag: "TRITON_ENABLE_GCS" },
  { prefix: "as://", flag: "TRITON_ENABLE_AZURE_STORAGE" }
]

const make = Effect.fnUntraced(function*(options: Options) {
  const given = settings(options)
  const services = yield* Effect.context<Directory.Services | Scope.Scope>()
  const path = yield* Path.Path
  const sources = new Map<string, Source>()

  /** The folder is made when a store needs it first: servers of local folders have none. */
  const cacheLock = yield* Semaphore.make(1)
  let made: StoreSource.Cache | undefined
  const cache = cacheLock.withPermit(
    Effect.gen(function*() {
      if (made !== undefined) return made
      const folder = yield* CacheFolder.make(given.cacheDirectory)
      made = { folder, blobs: yield* BlobCache.make(folder, given) }
      return made
    })
  ).pipe(Effect.provideContext(services))

  const create = Effect.fnUntraced(
    function*(root: string): Effect.fn.Return<Source, PollFailed, Directory.Services | Scope.Scope> {
      const scheme = unsupported.find(({ prefix }) => root.startsWith(prefix))
      if (scheme !== undefined) {
        return yield* new PollFailed({
          code: "INTERNAL",
          message: `${scheme.prefix} file-system not supported. To enable, build with -D${scheme.flag}=ON.` +
            ` This server reads local directories, s3://, and indexes at http:// and https://: copy '${root}' to one of them.`
        })
      }
      if (root.startsWith("s3://")) {
        return yield* StoreSource.make(yield* S3Store.make(root, given), cache, given)
      }
      if (/^https?:\/\//.test(root)) {
        const store = yield* Effect.provide(HttpStore.make(root, given), FetchHttpClient.layer)
        return yield* StoreSource.make(store, cache, given)
      }
      return yield* LocalSource.make(path.resolve(root))
    }
  )

  const open = Effect.fnUntraced(function*(root: string) {
    const known = sources.get(root)
    if (known !== undefined) return known
    const made = yield* create(root)
    // Another spelling of the same root is the same source, with what it remembers.
    const source = sources.get(made.root) ?? made
    sources.set(root, source)
    sources.set(source.root, source)
    return source
  }, Effect.provideContext(services))

  return RepositorySource.of({ open })
})

/** Sources with these options. Closing it removes what this server had open, and keeps the cache. @category layers */
export const layerWith = (options: Options): Layer.Layer<RepositorySource, never, Directory.Services> =>
  Layer.effect(RepositorySource, make(options))

/** Sources with the defaults of every option. @category layers */
export const layer: Layer.Layer<RepositorySource, never, Directory.Services> = layerWith({})
