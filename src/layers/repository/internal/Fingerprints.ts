/** Identity of the files of a model, by top-level entry of its folder. */
import { Effect, Path } from "effect"
import * as ContentHash from "./ContentHash.ts"
import * as Directory from "./Directory.ts"

/** Top-level entry (`config.pbtxt`, `1`, `labels.txt`) to the identity of everything below it. @category models */
export type Fingerprint = ReadonlyMap<string, string>

/** Of a folder that is read for the first time and no more after that. Errors: `PollFailed`. @category constructors */
export const ofFolder = Effect.fnUntraced(function*(directory: string) {
  const path = yield* Path.Path
  const prints = new Map<string, string>()
  for (const { name } of yield* Directory.list(directory)) {
    prints.set(name, yield* ContentHash.hashTree(path.join(directory, name)))
  }
  return prints as Fingerprint
})

/** The same for the same fingerprint, and for no other. @category conversions */
export const keyOf = (fingerprint: Fingerprint): string =>
  JSON.stringify([...fingerprint].sort(([a], [b]) => a < b ? -1 : 1))
