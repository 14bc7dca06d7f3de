/** How versions leave: out of the look-up at once, and closed after the work that they accepted. */
import { Effect, Exit, Scope } from "effect"
import type { LoadEvent, VersionState } from "../../../services/ModelRepository.ts"
import { type Entry, type Loaded, publish, unloaded, type Version } from "./LifecycleState.ts"
import type { LifecycleTable } from "./LifecycleTable.ts"
import * as SequenceKeepers from "./SequenceKeepers.ts"
import * as VersionSpan from "./VersionSpan.ts"

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
   * Closes what left the look-up, once `after` is over; the state follows unless the version was loaded again meanwhile. Until then
   * its sequences are found, where they may go on. Returns at once.
   */
  readonly retire: (
    entry: Entry,
    version: Version,
    loaded: Loaded,
    after: Effect.Effect<void>,
    sequencesEnd?: boolean
  ) => Effect.Effect<unknown>
  /** Takes a version out of the look-up, which its owner publishes, and closes it. */
  readonly withdraw: (
    entry: Entry,
    version: Version,
    after: Effect.Effect<void>,
    how?: Withdrawal
  ) => Effect.Effect<unknown>
}

/** @category models */
export interface Withdrawal {
  /** Stays beside the state. Default: it was unloaded on purpose. */
  readonly reason?: string | undefined
  /** Its sequences do not go on. Default: `false`. */
  readonly sequencesEnd?: boolean
}

/** Changes the state of a version in place. @category combinators */
export const setState = (version: Version, state: VersionState, reason = ""): void => {
  version.state = state
  version.reason = reason
}

/** @category constructors */
export const make = ({ onEvent, scope, table }: Options): Retiring => {
  const retire: Retiring["retire"] = (entry, version, loaded, after, sequencesEnd = false) => {
    const keeping = SequenceKeepers.keeping(loaded)
    version.closing++
    if (keeping !== undefined) {
      if (sequencesEnd) keeping.scheduler.endSequences?.()
      else version.leaving.add(keeping)
    }
    return Effect.andThen(after, Scope.close(loaded.scope, Exit.void)).pipe(
      VersionSpan.unload(entry.name, version.version),
      Effect.andThen(Effect.suspend(() => {
        version.closing--
        if (keeping !== undefined) version.leaving.delete(keeping)
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

  const withdraw: Retiring["withdraw"] = (entry, version, after, { reason = "", sequencesEnd = false } = {}) => {
    const loaded = version.current
    version.current = undefined
    if (loaded === undefined) {
      setState(version, "UNAVAILABLE", reason === "" ? unloaded : reason)
      return Effect.void
    }
    setState(version, "UNLOADING", reason)
    return Effect.andThen(
      onEvent({ _tag: "Unloading", model: entry.name, version: version.version }),
      retire(entry, version, loaded, after, sequencesEnd)
    )
  }

  return { retire, withdraw }
}
