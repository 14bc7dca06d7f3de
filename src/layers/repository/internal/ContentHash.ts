/** Identity of the contents of files: equal means equal bytes under equal names. */
import { Effect, FileSystem, Path } from "effect"
import { createHash } from "node:crypto"
import { PollFailed } from "../../../schema/Errors.ts"
import * as Directory from "./Directory.ts"
import * as DiskError from "./DiskError.ts"

const algorithm = "sha256"

/** Folders below each other: a tree that is deeper is a loop of symbolic links, or no model. @category constants */
export const maxDepth = 32

/** Files and folders of one tree: two loops of links would otherwise make many. @category constants */
export const maxEntries = 100_000

/** Bytes that are read at once: few steps, and none so long that others wait for it. */
const chunkSize = 256 * 1024

/** Hash of a file, read piece by piece. @category getters */
export const hashFile = Effect.fnUntraced(
  function*(file: string) {
    const fs = yield* FileSystem.FileSystem
    const { type } = yield* fs.stat(file)
    if (type !== "File") return yield* Directory.irregular(file, type)
    const hash = createHash(algorithm)
    const opened = yield* fs.open(file)
    // One buffer for all: hundreds of them would set the collector going, which stops everybody.
    const buffer = new Uint8Array(chunkSize)
    for (;;) {
      const size = Number(yield* opened.read(buffer))
      if (size === 0) return hash.digest("hex")
      hash.update(buffer.subarray(0, size))
    }
  },
  Effect.scoped,
  (effect, file) =>
    Effect.mapError(
      effect,
      (error) =>
        error._tag === "PollFailed" ? error : new PollFailed({
          code: "INTERNAL",
          message: `failed to read ${file}: ${DiskError.causeOf(error)}`
        })
    )
)

/**
 * Hash of a file, or of a folder with all that lies below it: names, kinds and contents; symbolic links are followed.
 * `hashOf` may know the hash of a file already.
 *
 * Errors: `PollFailed` for what cannot be read, and for more than `maxDepth` folders below each other or `maxEntries` of all.
 *
 * @category getters
 */
export const hashTree = (
  path: string,
  hashOf: (file: string) => Effect.Effect<string, PollFailed, Directory.Services> = hashFile
): Effect.Effect<string, PollFailed, Directory.Services> => hashBelow(path, { hashOf, entries: 0 }, 0)

interface Walk {
  readonly hashOf: (file: string) => Effect.Effect<string, PollFailed, Directory.Services>
  /** Met so far. */
  entries: number
}

const hashBelow = Effect.fnUntraced(function*(
  at: string,
  walk: Walk,
  depth: number
): Effect.fn.Return<string, PollFailed, Directory.Services> {
  const path = yield* Path.Path
  if (depth > maxDepth) {
    return yield* new PollFailed({
      code: "INVALID_ARG",
      message: `${at} lies more than ${maxDepth} folders deep: is a symbolic link above it a loop?`
    })
  }
  if (++walk.entries > maxEntries) {
    return yield* new PollFailed({
      code: "INVALID_ARG",
      message:
        `${at} is one of more than ${maxEntries} files and folders of a model: are there loops of symbolic links?`
    })
  }
  if ((yield* Directory.kindOf(at)) !== "Directory") return yield* walk.hashOf(at)
  const hash = createHash(algorithm)
  for (const { kind, name } of yield* Directory.list(at)) {
    // A link that leads nowhere is part of the contents as well: it may lead somewhere tomorrow.
    const below = kind === "Broken" ? "" : yield* hashBelow(path.join(at, name), walk, depth + 1)
    hash.update(JSON.stringify([name, kind, below]))
  }
  return hash.digest("hex")
})
