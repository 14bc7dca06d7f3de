/** Keeps the contents in the cache folder within their bytes: what is not open and was used longest ago leaves. */
import { Effect, FileSystem, Path, Semaphore } from "effect"
import { PollFailed } from "../../../schema/Errors.ts"
import type * as Directory from "../internal/Directory.ts"
import type { CacheFolder } from "./CacheFolder.ts"
import * as DiskFailure from "./DiskFailure.ts"
import type { StoredFile } from "./Store.ts"

/** @category models */
export interface Room {
  /**
   * Runs an effect that brings a file into the folder, with room made for it before.
   *
   * Errors: `PollFailed` UNAVAILABLE where there can be none, because what is open needs it.
   */
  readonly reserve: <A, E, R>(
    file: Pick<StoredFile, "path" | "size">,
    effect: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | PollFailed, R>
  /** Looks whether other servers added or removed contents, and counts anew where they did. */
  readonly refresh: Effect.Effect<void, PollFailed>
  /** Removes as many bytes that are not open, or all there are; tells how many. */
  readonly free: (bytes: number) => Effect.Effect<number, PollFailed>
}

interface Blob {
  readonly at: string
  readonly name: string
  readonly size: number
  /** When it was used last, in milliseconds. */
  readonly used: number
  readonly open: boolean
}

/** Room of `limit` bytes in a folder. What lies there counts already. @category constructors */
export const make = Effect.fnUntraced(
  function*(folder: CacheFolder, limit: number): Effect.fn.Return<Room, PollFailed, Directory.Services> {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const lock = yield* Semaphore.make(1)
    const failed = DiskFailure.make(folder.folder, "list what is there")
    /** Bytes that are there, as far as this server knows: others add and remove as well. */
    let stored = 0
    /** Bytes that are on their way. */
    let reserved = 0
    /** When the folder changed last, as of the latest count. */
    let counted = 0

    const changedAt = Effect.map(
      Effect.mapError(fs.stat(folder.blobs), failed),
      ({ mtime }) => mtime._tag === "Some" ? mtime.value.getTime() : 0
    )

    const scan = Effect.gen(function*() {
      counted = yield* changedAt
      const names = yield* Effect.mapError(fs.readDirectory(folder.blobs), failed)
      const blobs = yield* Effect.forEach(names, (name) => {
        const at = path.join(folder.blobs, name)
        return fs.stat(at).pipe(
          Effect.map(({ atime, nlink, size }): ReadonlyArray<Blob> => [{
            at,
            name,
            size: Number(size),
            used: atime._tag === "Some" ? atime.value.getTime() : 0,
            open: nlink._tag === "Some" && nlink.value > 1n
          }]),
          // Another server removed it meanwhile.
          Effect.orElseSucceed((): ReadonlyArray<Blob> => [])
        )
      }, { concurrency: 16 })
      const all = blobs.flat()
      stored = all.reduce((sum, { size }) => sum + size, 0)
      return all
    })

    /** Forgets which files had contents that are gone. */
    const forget = Effect.fnUntraced(function*(there: ReadonlySet<string>) {
      const names = yield* Effect.mapError(fs.readDirectory(folder.identities), failed)
      for (const name of names) {
        if (there.has(name.slice(name.indexOf("-") + 1))) continue
        yield* Effect.ignore(fs.remove(path.join(folder.identities, name), { force: true }))
      }
    })

    /** Removes what is not open, oldest first, while more is wanted than the bytes that were freed. */
    const evict = Effect.fnUntraced(function*(isWanted: (freed: number) => boolean) {
      let freed = 0
      const all = yield* scan
      const there = new Set(all.map(({ name }) => name))
      for (const { at, name, size } of all.filter(({ open }) => !open).sort((a, b) => a.used - b.used)) {
        if (!isWanted(freed)) break
        yield* Effect.mapError(fs.remove(at, { force: true }), DiskFailure.make(folder.folder, `remove ${at}`))
        stored -= size
        freed += size
        there.delete(name)
      }
      yield* forget(there)
      return freed
    })

    const make = Effect.fnUntraced(function*({ path, size }: Pick<StoredFile, "path" | "size">) {
      if (stored + reserved + size > limit) yield* evict(() => stored + reserved + size > limit)
      if (stored + reserved + size > limit) {
        return yield* new PollFailed({
          code: "UNAVAILABLE",
          message: `no room for the ${size} bytes of '${path}' in the cache folder '${folder.folder}': ` +
            `${stored + reserved} of its ${limit} bytes are in use by models that are open. ` +
            "Allow more with --repository-cache-bytes, or unload models"
        })
      }
      reserved += size
      return undefined
    })

    yield* evict(() => stored > limit)
    return {
      refresh: lock.withPermit(Effect.flatMap(changedAt, (at) => at === counted ? Effect.void : scan)),
      free: (bytes) => lock.withPermit(evict((freed) => freed < bytes)),
      reserve: (file, effect) =>
        Effect.acquireUseRelease(
          lock.withPermit(make(file)),
          () => Effect.tap(effect, () => Effect.sync(() => stored += file.size)),
          () => Effect.sync(() => reserved -= file.size)
        )
    }
  }
)
