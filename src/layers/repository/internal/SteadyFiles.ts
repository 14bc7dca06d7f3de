/** Loads a version from files that stay as they are meanwhile: each instance reads them, and all must have read the same. */
import { Effect, Exit, FileSystem, Option, Path, Scope } from "effect"
import { LoadFailed } from "../../../schema/Errors.ts"
import type { Discovered } from "./Discovery.ts"

/** How often a version is loaded that changes meanwhile. */
const maxAttempts = 3

/**
 * Changes whenever a file of the version does. What cannot be looked at is left to whoever reads it; what was fetched from another
 * machine is a copy that nobody changes, and a new one each time.
 */
const stampOf = Effect.fnUntraced(function*(place: Discovered, version: number) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const one = (at: string) =>
    Effect.map(
      fs.stat(at),
      ({ ino, mtime, size, type }) =>
        [
          at,
          type,
          Option.getOrElse(ino, () => 0),
          Option.match(mtime, { onNone: () => 0, onSome: (time) => time.getTime() }),
          size
        ].join(" ")
    )
  if (!path.isAbsolute(place.directory)) return ""
  const all = Effect.gen(function*() {
    const { directory, file } = yield* place.open
    if (directory !== place.directory) return ""
    if (file !== undefined) return yield* one(file)
    const folder = path.join(directory, String(version))
    const names = yield* fs.readDirectory(folder, { recursive: true })
    const stamps = yield* Effect.forEach(names.sort(), (name) => one(path.join(folder, name)), { concurrency: 16 })
    return stamps.join("\n")
  })
  return yield* Effect.orElseSucceed(all, () => "")
}, Effect.scoped)

/**
 * Opens the version, and again where its files changed before it was open.
 *
 * Errors: those of `open`, and `LoadFailed` for files that do not stand still.
 *
 * @category combinators
 */
export const during = Effect.fnUntraced(function*<A, R>(
  place: Discovered,
  version: number,
  open: Effect.Effect<A, LoadFailed, R | Scope.Scope>
) {
  const scope = yield* Effect.scope
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const inner = yield* Scope.fork(scope)
    const before = yield* stampOf(place, version)
    const opened = yield* Scope.provide(open, inner)
    if (before === (yield* stampOf(place, version))) return opened
    yield* Scope.close(inner, Exit.void)
  }
  return yield* new LoadFailed({
    model: place.name,
    code: "UNAVAILABLE",
    message: `the files of version ${version} changed each time while it was loaded: load it when they stand still`
  })
})
