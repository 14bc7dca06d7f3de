/**
 * Contents of files by their hash, in a folder that is bounded: what is not open and was used longest ago leaves first.
 *
 * A file that is open is a second name of its contents, which the system counts: that is how every server knows what others
 * have open. Where a file system has no second names, open files are copies beside the cache.
 */
import { Clock, Duration, Effect, FileSystem, Path, PlatformError, RcMap, type Scope, Semaphore, Stream } from "effect"
import { createHash } from "node:crypto"
import type { PollFailed } from "../../../schema/Errors.ts"
import * as ContentHash from "../internal/ContentHash.ts"
import * as Directory from "../internal/Directory.ts"
import type { CacheFolder } from "./CacheFolder.ts"
import * as DiskFailure from "./DiskFailure.ts"
import * as Room from "./Room.ts"
import type { Settings } from "./SourceOptions.ts"
import { changed, type FetchFailed, retrying, type Store, type StoredFile, unreachable } from "./Store.ts"

/** @category models */
export interface BlobCache {
  /** Takes note of what other servers did to the folder; to be run before files are placed. */
  readonly refresh: Effect.Effect<void, PollFailed>
  /** Puts the contents of a file at `target`, which is in the server's own part of the folder; fetches them where need be. */
  readonly place: (
    store: Store,
    file: StoredFile,
    target: string
  ) => Effect.Effect<void, FetchFailed | PollFailed>
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex")

/** Contents that were checked in this process: a file that nobody wrote to since needs no second look. */
const maxVerified = 100_000

/** A cache in the folder. @category constructors */
export const make = Effect.fnUntraced(function*(
  folder: CacheFolder,
  settings: Settings
): Effect.fn.Return<BlobCache, PollFailed, Directory.Services | Scope.Scope> {
  const services = yield* Directory.services
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const clock = yield* Clock.Clock
  /** Milliseconds of a clock that nobody sets. */
  const ticks = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  const patienceMillis = Duration.toMillis(settings.fetchTimeout)
  const room = yield* Room.make(folder, settings.cacheBytes)
  const locks = yield* RcMap.make<string, Semaphore.Semaphore, never, never>({ lookup: () => Semaphore.make(1) })
  const verified = new Set<string>()
  /** Hashes of contents by the hash of the identity that they had in a store. */
  let identities: ReadonlyMap<string, string> = new Map()
  let downloads = 0

  const failed = (doing: string) => DiskFailure.make(folder.folder, doing)
  const blobOf = (hash: string) => path.join(folder.blobs, hash)

  /** The hash of a file of a store, where its contents were here before; other servers may have brought them. */
  const knownHash = Effect.fnUntraced(function*(file: StoredFile) {
    if (file.sha256 !== undefined) return file.sha256
    const identity = sha256(file.identity)
    const known = identities.get(identity)
    if (known !== undefined) return known
    const names = yield* Effect.mapError(fs.readDirectory(folder.identities), failed("list what is known"))
    identities = new Map(names.map((name) => [name.slice(0, identity.length), name.slice(identity.length + 1)]))
    return identities.get(identity)
  })

  const stampOf = (target: string) =>
    Effect.map(fs.stat(target), ({ dev, ino, mtime, size }) =>
      [
        dev,
        ino._tag === "Some" ? ino.value : 0n,
        mtime._tag === "Some" ? mtime.value.getTime() : 0,
        size
      ].join(" "))

  const remember = (stamp: string) => {
    if (verified.size >= maxVerified) verified.clear()
    verified.add(stamp)
  }

  /** `true` where the file has the contents that its name in the cache says. */
  const isIntact = Effect.fnUntraced(function*(target: string, hash: string) {
    const stamp = yield* Effect.mapError(stampOf(target), failed(`look at ${target}`))
    if (verified.has(stamp)) return true
    if ((yield* ContentHash.hashFile(target)) !== hash) return false
    remember(stamp)
    return true
  })

  /** Now is when the contents were used last; the time of their last change says that nobody wrote to them. */
  const touch = Effect.fnUntraced(function*(blob: string) {
    const { mtime } = yield* fs.stat(blob)
    const now = clock.currentTimeMillisUnsafe() / 1000
    yield* fs.utimes(blob, now, mtime._tag === "Some" ? Math.floor(mtime.value.getTime() / 1000) : now)
  }, (effect) => Effect.ignore(effect))

  /** Another name for the contents, or a copy where there can be none; `false` where the contents are not here. */
  const link = Effect.fnUntraced(function*(blob: string, target: string) {
    const isThere = <E, R>(effect: Effect.Effect<void, PlatformError.PlatformError | E, R>) => Effect.as(effect, true)
    return yield* isThere(fs.link(blob, target)).pipe(
      Effect.catchIf(
        (error) => error.reason._tag !== "NotFound" && !DiskFailure.isFull(error),
        () => isThere(fs.copyFile(blob, target))
      ),
      Effect.catchIf((error) => error.reason._tag === "NotFound", () => Effect.succeed(false)),
      Effect.mapError(failed(`open ${target}`))
    )
  })

  /** Puts contents that are here at the target. Damaged ones are removed, so that they are fetched again. */
  const placeKnown = Effect.fnUntraced(function*(hash: string, target: string) {
    const blob = blobOf(hash)
    if (!(yield* link(blob, target))) return false
    if (yield* isIntact(target, hash)) {
      yield* touch(blob)
      return true
    }
    yield* Effect.logWarning(
      `the cache folder '${folder.folder}' had damaged contents, which are fetched again: ${hash}`
    )
    yield* Effect.mapError(
      Effect.andThen(fs.remove(target, { force: true }), fs.remove(blob, { force: true })),
      failed(`remove ${blob}`)
    )
    return false
  })

  /** Fetches the contents into a file of this server's own, checks them, and gives them their names. */
  const download = Effect.fnUntraced(function*(store: Store, file: StoredFile, target: string) {
    const temporary = path.join(folder.session, `fetched-${++downloads}`)
    yield* Effect.addFinalizer(() => Effect.ignore(fs.remove(temporary, { force: true })))
    const handle = yield* fs.open(temporary, { flag: "wx", mode: 0o600 })
    const hash = createHash("sha256")
    let bytes = 0
    let heard = ticks()
    /** One timer for the whole file, not one for each piece of it. */
    const patience: Effect.Effect<never, FetchFailed> = Effect.suspend(() => {
      const left = heard + patienceMillis - ticks()
      return left > 0
        ? Effect.andThen(Effect.sleep(left), patience)
        : Effect.fail(unreachable(`no further bytes of '${file.path}' from ${store.root} within the time for them`))
    })
    yield* store.read(file).pipe(
      Effect.flatMap(Stream.runForEach(Effect.fnUntraced(function*(chunk) {
        heard = ticks()
        bytes += chunk.byteLength
        if (bytes > file.size) {
          return yield* changed(`'${file.path}' of ${store.root} has more than the ${file.size} bytes that were listed`)
        }
        hash.update(chunk)
        return yield* handle.writeAll(chunk)
      }))),
      Effect.raceFirst(patience)
    )
    if (bytes < file.size) {
      return yield* unreachable(`'${file.path}' of ${store.root} ended after ${bytes} of ${file.size} bytes`)
    }
    const digest = hash.digest("hex")
    if (file.sha256 !== undefined && digest !== file.sha256) {
      return yield* changed(
        `'${file.path}' of ${store.root} has the SHA-256 ${digest}, and ${file.sha256} was listed: ` +
          "was the file replaced without its entry, or damaged on its way?"
      )
    }
    const now = clock.currentTimeMillisUnsafe() / 1000
    yield* fs.chmod(temporary, 0o400)
    yield* fs.utimes(temporary, now, Math.floor(now))
    // Before the contents are common: from then on they may leave while nothing has them open.
    yield* Effect.catchIf(
      fs.link(temporary, target),
      (error) => !DiskFailure.isFull(error),
      () => fs.copyFile(temporary, target)
    )
    yield* fs.rename(temporary, blobOf(digest))
    if (file.sha256 === undefined) {
      yield* fs.writeFileString(path.join(folder.identities, `${sha256(file.identity)}-${digest}`), "")
    }
    return remember(yield* stampOf(target))
  }, Effect.scoped)

  /** Downloads with room for it. A full disk gets one more try, without what nobody has open. */
  const fetch = (store: Store, file: StoredFile, target: string) => {
    const once = download(store, file, target).pipe(
      Effect.onError(() => Effect.ignore(fs.remove(target, { force: true }))),
      retrying(settings)
    )
    return room.reserve(
      file,
      once.pipe(
        Effect.catchIf(
          (error) => error instanceof PlatformError.PlatformError && DiskFailure.isFull(error),
          (error) => Effect.flatMap(room.free(file.size), (freed) => freed > 0 ? once : Effect.fail(error))
        ),
        Effect.mapError((error) =>
          error instanceof PlatformError.PlatformError
            ? failed(`write the ${file.size} bytes of '${file.path}'`)(error)
            : error
        )
      )
    )
  }

  const place = Effect.fn("BlobCache.place")(
    function*(store: Store, file: StoredFile, target: string) {
      const lock = yield* RcMap.get(locks, file.sha256 ?? file.identity)
      yield* lock.withPermit(Effect.gen(function*() {
        const hash = yield* knownHash(file)
        if (hash !== undefined && (yield* placeKnown(hash, target))) return
        yield* fetch(store, file, target)
      }))
    },
    Effect.scoped,
    Effect.provideContext(services)
  )

  return { refresh: room.refresh, place }
})
