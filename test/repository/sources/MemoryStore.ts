/** A store in memory, and the cache folder that a source of it uses: for tests that say how a store fails. */
import { Effect, FileSystem, Layer, type Scope, Stream } from "effect"
import { createHash } from "node:crypto"
import { chmod, readdir } from "node:fs/promises"
import { join } from "node:path"
import * as BlobCache from "../../../src/layers/repository/sources/BlobCache.ts"
import * as CacheFolder from "../../../src/layers/repository/sources/CacheFolder.ts"
import { type Options, settings } from "../../../src/layers/repository/sources/SourceOptions.ts"
import { changed, type FetchFailed, type Store, type StoredFile } from "../../../src/layers/repository/sources/Store.ts"
import * as StoreSource from "../../../src/layers/repository/sources/StoreSource.ts"
import * as TemporaryRepository from "../TemporaryRepository.ts"

const root = "memory://store"

/** What a store holds, and what tests change. */
export interface Memory {
  /** Contents by path. */
  readonly files: Map<string, string>
  /** Paths that were read, in order; a listing is `list`. */
  readonly log: Array<string>
  /** Fails listings while it is there. */
  failure: FetchFailed | undefined
  /** In place of the body of a file. */
  body: ((file: StoredFile) => Stream.Stream<Uint8Array, FetchFailed> | undefined) | undefined
  /** Whether the store tells hashes. */
  hashes: boolean
  readonly store: Store
}

export const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex")

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** A store with these files. */
export const make = (files: Readonly<Record<string, string>>): Memory => {
  const fileOf = ([path, text]: readonly [string, string]): StoredFile => ({
    path,
    size: Buffer.byteLength(text),
    identity: `${path} ${sha256(text)}`,
    sha256: memory.hashes ? sha256(text) : undefined
  })
  const memory: Memory = {
    files: new Map(Object.entries(files)),
    log: [],
    failure: undefined,
    body: undefined,
    hashes: false,
    store: {
      root,
      list: Effect.suspend(() => {
        memory.log.push("list")
        return memory.failure === undefined
          ? Effect.succeed([...memory.files].map(fileOf))
          : Effect.fail(memory.failure)
      }),
      read: (file) =>
        Effect.suspend(() => {
          memory.log.push(file.path)
          const body = memory.body?.(file)
          if (body !== undefined) return Effect.succeed(body)
          const text = memory.files.get(file.path)
          if (text === undefined || fileOf([file.path, text]).identity !== file.identity) {
            return Effect.fail(changed(`${file.path} is another one`))
          }
          return Effect.succeed(Stream.make(bytes(text.slice(0, 1)), bytes(text.slice(1))))
        })
    }
  }
  return memory
}

/** The source of a store, with a cache in `folder`; another call on the same folder is another server. */
export const source = (memory: Memory, folder: string, options: Options = {}) =>
  Effect.gen(function*() {
    const given = settings({ cacheDirectory: folder, fetchRetryCount: 0, ...options })
    const made = yield* CacheFolder.make(folder)
    const blobs = yield* BlobCache.make(made, given)
    return yield* StoreSource.make(memory.store, Effect.succeed({ folder: made, blobs }), given)
  })

/** Names below a part of the cache folder. */
export const entries = (folder: string, part: "blobs" | "sessions" | "identities" | "listings") =>
  Effect.promise(() => readdir(join(folder, "v1", part), { recursive: true }))

/** A new folder; read-only contents in it are no reason to stay. */
export const folder: Effect.Effect<string, never, Scope.Scope> = Effect.tap(
  TemporaryRepository.make({}),
  (at) => Effect.promise(() => chmod(at, 0o700))
)

/** The platform with a file system that is not what it was. */
export const platformWith = (change: (fs: FileSystem.FileSystem) => Partial<FileSystem.FileSystem>) =>
  Layer.effect(
    FileSystem.FileSystem,
    Effect.map(FileSystem.FileSystem, (fs) => ({ ...fs, ...change(fs) }))
  ).pipe(Layer.provideMerge(TemporaryRepository.platform))
