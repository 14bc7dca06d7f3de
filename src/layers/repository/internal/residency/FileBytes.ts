/** How large the files of a version are. */
import { Effect, FileSystem, Path } from "effect"
import { LoadFailed } from "../../../../schema/Errors.ts"
import type { Discovered } from "../Discovery.ts"
import { causeOf } from "../DiskError.ts"

/** Bytes of all files in the folder of a version, or of a bare model's file. Errors: `LoadFailed` for what cannot be read. @category getters */
export const of = Effect.fnUntraced(function*(place: Discovered, version: number) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const failed = (error: { readonly code: LoadFailed["code"]; readonly message: string }) =>
    new LoadFailed({ model: place.name, ...error })
  const { directory, file } = yield* Effect.mapError(place.open, ({ code, message }) => failed({ code, message }))
  const sizeOf = (at: string) => Effect.map(fs.stat(at), ({ size, type }) => type === "File" ? Number(size) : 0)
  const all = Effect.gen(function*() {
    if (file !== undefined) return yield* sizeOf(file)
    const folder = path.join(directory, String(version))
    const names = yield* fs.readDirectory(folder, { recursive: true })
    const sizes = yield* Effect.forEach(names, (name) => sizeOf(path.join(folder, name)), { concurrency: 16 })
    return sizes.reduce((sum, size) => sum + size, 0)
  })
  return yield* Effect.mapError(all, (error) =>
    failed({
      code: "INTERNAL",
      message: `failed to read the files of version ${version} in ${directory}: ${causeOf(error)}`
    }))
}, Effect.scoped)
