/** How versions leave: out of the look-up at once, and closed after the work that they accepted. */
import { Effect, Exit, Scope } from "effect"
import type { LoadEvent, VersionState } from "../../../services/ModelRepository.ts"
import { type Entry, type Loaded, publish, unloaded, type Version } from "./LifecycleState.ts"
import type { LifecycleTable } from "./LifecycleTable.ts"

/** @category models */
export interface Options {
  readonly table: LifecycleTable
  /** Holds whatever is closing. */
  readonly scope: Scope.Scope
  readonly onEvent: (event: LoadEvent) => Effect.Effect<void>
}

/** @category models */
export interface Retiring {
  /**
   * Closes what left the look-up, once `after` is over; the state follows unless the version was loaded again meanwhile. Returns
   * at once.
   */
  readonly retire: (
    entry: Entry,
    version: Version,
    loaded: Loaded,
    after: Effect.Effect<void>
  ) => Effect.Effect<unknown>
  /** Takes a version out of the look-up, which its owner publishes, and closes it. `reason` stays beside its state. */
  readonly withdraw: (
    entry: Entry,
    version: Version,
    after: Effect.Effect<void>,
    reason?: string
  ) => Effect.Effect<unknown>
}

/** Changes the state of a version in place. @category combinators */
export const setState = (version: Version, state: VersionState, reason = ""): void => {
  version.state = state
  version.reason = reason
}

/** @category constructors */
export const make = ({ onEvent, scope, table }: Options): Retiring => {
  const retire: Retiring["retire"] = (entry, version, loaded, after) => {
    version.closing++
    return Effect.andThen(after, Scope.close(loaded.scope, Exit.void)).pipe(
      Effect.andThen(Effect.suspend(() => {
        version.closing--
        const gone = version.state === "UNLOADING" && version.closing === 0
        if (gone) setState(version, "UNAVAILABLE", version.reason === "" ? unloaded : version.reason)
        table.dropGone(entry)
        publish(entry)
        return gone
          ? onEvent({ _tag: "Unloaded", model: entry.name, version: version.version })
          : Effect.logDebug(`closed the replaced '${entry.name}' version ${version.version}`)
      })),
      Effect.uninterruptible,
      Effect.forkIn(scope, { startImmediately: true })
    )
  }

  const withdraw: Retiring["withdraw"] = (entry, version, after, reason = "") => {
    const loaded = version.current
    version.current = undefined
    if (loaded === undefined) {
      setState(version, "UNAVAILABLE", reason === "" ? unloaded : reason)
      return Effect.void
    }
    setState(version, "UNLOADING", reason)
    return Effect.andThen(
      onEvent({ _tag: "Unloading", model: entry.name, version: version.version }),
      retire(entry, version, loaded, after)
    )
  }

  return { retire, withdraw }
}
