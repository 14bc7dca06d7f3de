/** The keys of a file, read again when the file changes. */
import { Effect, type Scope } from "effect"
import type { AccessFailed } from "../../../schema/Errors.ts"
import * as KeyFile from "./KeyFile.ts"
import { KeyRing } from "./KeyRing.ts"

/** @internal */
export interface WatchedKeys {
  readonly ring: () => KeyRing
  /** Changes that were taken over. */
  readonly reloads: () => number
  /** Changes that were not, because the file was wrong. */
  readonly failures: () => number
}

/**
 * Reads the file now, and looks for a change every `pollMillis` until the scope closes. While the file is wrong the keys before
 * stay, and the log says what is wrong with it, once for each change.
 *
 * Errors: `AccessFailed` where the file cannot be used now.
 *
 * @internal
 */
export const make = Effect.fnUntraced(function*(
  file: string,
  pollMillis: number
): Effect.fn.Return<WatchedKeys, AccessFailed, Scope.Scope> {
  let stamp = yield* KeyFile.stamp(file)
  let ring = new KeyRing(yield* KeyFile.read(file))
  let reloads = 0
  let failures = 0

  const look = Effect.gen(function*() {
    const now = yield* KeyFile.stamp(file)
    if (now === stamp) return
    // Taken before the file is read: what changes while it is read is seen next time.
    stamp = now
    const keys = yield* KeyFile.read(file)
    ring = new KeyRing(keys)
    reloads++
    yield* Effect.logInfo(`the file of API keys ${file} has changed: ${keys.length} keys are valid now`)
  }).pipe(
    Effect.catch(({ message }) => {
      failures++
      return Effect.logError(`the API keys stay as they were: ${message}`)
    })
  )
  yield* Effect.forkScoped(Effect.forever(Effect.delay(look, pollMillis)))
  return { ring: () => ring, reloads: () => reloads, failures: () => failures }
})
