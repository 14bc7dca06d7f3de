/** What was found out about a version that comes and goes: to look into its model file is to open it once more. */
import { Effect, FileSystem, Option } from "effect"
import type { BackendSetting } from "../BackendSettings.ts"
import type { Discovered } from "../Discovery.ts"
import type { Polled, Warn } from "../PollModel.ts"
import * as PrepareVersion from "../PrepareVersion.ts"

/** Changes whenever the file does; empty for one that cannot be looked at. */
const stampOf = Effect.fnUntraced(function*(path: string) {
  const fs = yield* FileSystem.FileSystem
  return yield* fs.stat(path).pipe(
    Effect.map(({ dev, ino, mtime, size }) =>
      [
        dev,
        Option.getOrElse(ino, () => 0),
        Option.match(mtime, { onNone: () => 0, onSome: (time) => time.getTime() }),
        size
      ].join(" ")
    ),
    Effect.orElseSucceed(() => "")
  )
})

/**
 * `PrepareVersion.open` for a version that is opened again and again: the outcome is kept as long as the model file stays as it is.
 *
 * Errors: `LoadFailed`, as there.
 *
 * @category constructors
 */
export const make = (
  place: Discovered,
  polled: Polled,
  version: number,
  backendConfig: ReadonlyArray<BackendSetting>,
  warn: Warn
) => {
  let kept: { readonly prepared: PrepareVersion.Prepared; readonly stamp: string } | undefined
  return Effect.gen(function*() {
    const found = yield* PrepareVersion.hold(place)
    if (kept !== undefined && kept.prepared.directory === found.directory) {
      const stamp = yield* stampOf(kept.prepared.plan.path)
      if (stamp !== "" && stamp === kept.stamp) return kept.prepared
    }
    const prepared = yield* PrepareVersion.prepare({ ...polled, found }, version, backendConfig, warn)
    kept = { prepared, stamp: yield* stampOf(prepared.plan.path) }
    return prepared
  })
}
