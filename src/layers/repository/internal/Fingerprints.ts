/** Identity of the files of each model, by top-level entry of its folder; a file that did not change is not read again. */
import { Effect, Path } from "effect"
import { stat } from "node:fs/promises"
import { PollFailed } from "../../../schema/Errors.ts"
import * as ContentHash from "./ContentHash.ts"
import * as Directory from "./Directory.ts"
import type { Discovered } from "./Discovery.ts"

/** Top-level entry (`config.pbtxt`, `1`, `labels.txt`) to the identity of everything below it. @category models */
export type Fingerprint = ReadonlyMap<string, string>

/** @category models */
export interface Fingerprints {
  /** Errors: `PollFailed` for what cannot be read, and for loops of links. */
  readonly of: (found: Discovered) => Effect.Effect<Fingerprint, PollFailed, Directory.Services>
  /** Drops what is remembered of a model's files. */
  readonly forget: (id: string) => void
}

/** A file's hash, and the state of the file that it belongs to. */
interface Known {
  readonly state: string
  readonly hash: string
}

/**
 * Milliseconds that a change must lie back before a file's times tell it from the next one: a file system stamps by ticks.
 *
 * @internal
 */
export const tickMillis = 100

const inspect = (file: string) =>
  Effect.tryPromise({
    try: () => stat(file, { bigint: true }),
    catch: (cause) =>
      new PollFailed({
        code: "INTERNAL",
        message: `failed to stat file ${file}: ${cause instanceof Error ? cause.message : String(cause)}`
      })
  })

const stateOf = ({ ctimeNs, dev, ino, mtimeNs, size }: Effect.Success<ReturnType<typeof inspect>>): string =>
  `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`

/** Remembers hashes of each model's files from one call to the next, and no others. @category constructors */
export const make = (): Fingerprints => {
  const models = new Map<string, ReadonlyMap<string, Known>>()

  const of = Effect.fnUntraced(function*(found: Discovered) {
    const path = yield* Path.Path
    const before = models.get(found.id)
    const now = new Map<string, Known>()
    const hashOf = Effect.fnUntraced(function*(file: string) {
      const info = yield* inspect(file)
      const state = stateOf(info)
      const known = before?.get(file)
      if (known?.state === state) {
        now.set(file, known)
        return known.hash
      }
      const begin = performance.timeOrigin + performance.now()
      const hash = yield* ContentHash.hashFile(file)
      // What changed just now, or while it was read, may change again without another time.
      const settled = Number(info.ctimeNs / 1_000_000n) + tickMillis < begin && stateOf(yield* inspect(file)) === state
      if (settled) now.set(file, { state, hash })
      return hash
    })
    const prints = new Map<string, string>()
    if (found.file !== undefined) {
      prints.set(path.basename(found.file), yield* ContentHash.hashTree(found.file, hashOf))
    } else {
      for (const { kind, name } of yield* Directory.list(found.directory)) {
        prints.set(
          name,
          kind === "Broken" ? "broken" : yield* ContentHash.hashTree(path.join(found.directory, name), hashOf)
        )
      }
    }
    models.set(found.id, now)
    return prints as Fingerprint
  })

  return { of, forget: (id) => void models.delete(id) }
}

/** The same for the same fingerprint, and for no other. @category conversions */
export const keyOf = (fingerprint: Fingerprint): string =>
  JSON.stringify([...fingerprint].sort(([a], [b]) => a < b ? -1 : 1))
