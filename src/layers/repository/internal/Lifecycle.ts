/**
 * Loads and unloads models, keeps their states, and answers look-ups.
 *
 * A load makes all chosen versions of a model ready together, or none (model-config §1.9). Whoever was ready stays so until
 * its successor takes its place; what is replaced or unloaded leaves the look-up first and closes after its accepted work.
 */
import { Effect, Exit, Random, Result, Scope, Semaphore } from "effect"
import { LoadFailed } from "../../../schema/Errors.ts"
import type { Rollout } from "../../../schema/Rollout.ts"
import type { LoadEvent, Lookup, RolloutStatus, VersionState } from "../../../services/ModelRepository.ts"
import {
  type Entry,
  find,
  isReady,
  keptServing,
  type Loaded,
  publish,
  reasonOf,
  rolloutOf,
  unloaded,
  type Version
} from "./LifecycleState.ts"
import { LifecycleTable, type VersionStatus } from "./LifecycleTable.ts"
import * as Opening from "./Opening.ts"
import * as ActiveRollout from "./rollout/ActiveRollout.ts"
import * as SequenceKeepers from "./SequenceKeepers.ts"
import type { Others, VersionPlan } from "./VersionPlan.ts"

export type { VersionStatus } from "./LifecycleTable.ts"
export type { Others, VersionPlan } from "./VersionPlan.ts"

/** @category models */
export interface Options {
  /** Versions that load at once, over all models. */
  readonly loadThreadCount: number
  /** Further attempts at a version that fails to load. */
  readonly loadRetryCount: number
  readonly onEvent: (event: LoadEvent) => Effect.Effect<void>
}

/** @category models */
export interface Lifecycle {
  /** Plain and O(1) for a ready version. */
  readonly lookup: (name: string, version: string) => Lookup
  readonly readyVersions: (name: string) => ReadonlyArray<number>
  /** `undefined` for a name that is not known. */
  readonly rollout: (name: string) => RolloutStatus | undefined
  /** Versions by model id, ascending; no key for a model that was never loaded. */
  readonly states: () => ReadonlyMap<string, ReadonlyArray<VersionStatus>>
  /** All that were loaded or registered. */
  readonly models: () => ReadonlyArray<{ readonly id: string; readonly name: string }>
  readonly allReady: () => boolean
  /** Makes a model known that has no versions: readiness waits for it. */
  readonly register: (model: { readonly id: string; readonly name: string }) => void
  /** Identities of the ready versions of a model. */
  readonly identities: (id: string) => ReadonlyMap<number, string>
  /**
   * Loads these versions and, once all are up, unloads the ready ones that are not among them, but for those to `keep`. The
   * rollout changes in the same step; without one, whoever names no version gets the greatest ready one. Where a version
   * fails, the ready ones go on, and the reason stands beside their state.
   */
  readonly load: (
    model: { readonly id: string; readonly name: string },
    versions: ReadonlyArray<VersionPlan>,
    rollout?: Rollout,
    others?: Others
  ) => Effect.Effect<void, LoadFailed>
  /**
   * Takes every version, or one, out of the look-up and returns; they close in the background after their accepted work. Their
   * sequences end with it, also those that a load before has left to go on.
   */
  readonly unload: (id: string, version?: number) => Effect.Effect<void>
  /** Drops an unloaded model from the table as soon as its last version has closed. */
  readonly forget: (id: string) => void
}

/** A table without models. The scope unloads everything, waiting for accepted work. @category constructors */
export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Lifecycle, never, Scope.Scope> {
  const scope = yield* Scope.fork(yield* Effect.scope, "parallel")
  const loads = yield* Semaphore.make(Math.max(1, options.loadThreadCount))
  const random = yield* Random.Random
  const table = new LifecycleTable()

  const open = Opening.make({ ...options, scope, loads })

  /**
   * Closes what left the look-up; the state follows unless the version was loaded again meanwhile. Until then its sequences are
   * found, where they may go on.
   */
  const retire = (entry: Entry, version: Version, loaded: Loaded, sequencesEnd = false) => {
    const keeping = SequenceKeepers.keeping(loaded)
    version.closing++
    if (keeping !== undefined) {
      if (sequencesEnd) keeping.scheduler.endSequences?.()
      else version.leaving.add(keeping)
    }
    return Scope.close(loaded.scope, Exit.void).pipe(
      Effect.andThen(Effect.suspend(() => {
        version.closing--
        if (keeping !== undefined) version.leaving.delete(keeping)
        const gone = version.state === "UNLOADING" && version.closing === 0
        if (gone) setState(version, "UNAVAILABLE", unloaded)
        table.dropGone(entry)
        publish(entry)
        return gone
          ? options.onEvent({ _tag: "Unloaded", model: entry.name, version: version.version })
          : Effect.logDebug(`closed the replaced '${entry.name}' version ${version.version}`)
      })),
      Effect.uninterruptible,
      Effect.forkIn(scope, { startImmediately: true })
    )
  }

  const setState = (version: Version, state: VersionState, reason = "") => {
    version.state = state
    version.reason = reason
  }

  const withdraw = (entry: Entry, version: Version, sequencesEnd = false) => {
    const loaded = version.current
    version.current = undefined
    if (loaded === undefined) {
      setState(version, "UNAVAILABLE", unloaded)
      return Effect.void
    }
    setState(version, "UNLOADING")
    return Effect.andThen(
      options.onEvent({ _tag: "Unloading", model: entry.name, version: version.version }),
      retire(entry, version, loaded, sequencesEnd)
    )
  }

  const activate = (entry: Entry, rollout: Rollout | undefined) =>
    rollout && ActiveRollout.make(rollout, entry.lookup, () => random.nextDoubleUnsafe())

  const commit = (
    entry: Entry,
    opened: ReadonlyMap<number, Loaded>,
    rollout: Rollout | undefined,
    others: Others
  ) => {
    entry.rollout = activate(entry, rollout)
    const retiring: Array<Effect.Effect<unknown>> = []
    for (const version of entry.versions.values()) {
      const loaded = opened.get(version.version)
      const previous = version.current
      if (loaded !== undefined) {
        version.current = loaded
        if ("observe" in loaded.model) loaded.model.observe(() => publish(entry))
        setState(version, "READY")
        if (previous !== undefined) retiring.push(retire(entry, version, previous))
      } else if (others.keep?.(version.version) === true) {
        if (version.state === "READY") setState(version, "READY")
      } else if (version.state !== "UNLOADING") {
        retiring.push(withdraw(entry, version))
      }
      version.gone = loaded === undefined && others.exists?.(version.version) === false
    }
    table.dropGone(entry)
    publish(entry)
    return Effect.all(retiring, { discard: true })
  }

  /** Drops a load that did not come to its end: what was ready before stays. */
  const abandon = (entry: Entry, versions: ReadonlyArray<VersionPlan>, opened: ReadonlyMap<number, Loaded>) => {
    for (const plan of versions) {
      const version = table.versionOf(entry, plan.version)
      if (version.state === "LOADING") setState(version, "UNAVAILABLE", unloaded)
    }
    publish(entry)
    return Effect.forEach(opened.values(), (loaded) => Scope.close(loaded.scope, Exit.void), { discard: true })
  }

  const load = Effect.fn("Lifecycle.load")(
    function*(
      model: { readonly id: string; readonly name: string },
      versions: ReadonlyArray<VersionPlan>,
      rollout?: Rollout,
      others: Others = {}
    ) {
      const entry = table.entryOf(model.id, model.name)
      const opened = new Map<number, Loaded>()
      let committed = false
      const run = Effect.gen(function*() {
        for (const plan of versions) {
          const version = table.versionOf(entry, plan.version)
          if (version.state !== "READY") setState(version, "LOADING")
        }
        publish(entry)
        const outcomes = yield* Effect.forEach(versions, (plan) => open(entry.name, plan, opened), {
          concurrency: "unbounded"
        })
        const failed: Array<string> = []
        for (const { result, version } of outcomes) {
          if (Result.isSuccess(result)) continue
          const reason = reasonOf(result.failure)
          const known = table.versionOf(entry, version)
          if (known.state === "READY") setState(known, "READY", keptServing(reason))
          else setState(known, "UNAVAILABLE", reason)
          failed.push(`version ${version} is at UNAVAILABLE state: ${reason};`)
        }
        if (failed.length > 0) {
          return yield* new LoadFailed({
            model: entry.name,
            code: "INVALID_ARG",
            message: `load failed for model '${entry.name}': ${failed.join("")}\n`
          })
        }
        yield* Effect.uninterruptible(Effect.suspend(() => {
          committed = true
          return Effect.andThen(commit(entry, opened, rollout, others), others.committed ?? Effect.void)
        }))
        for (const { millis, version } of outcomes) {
          yield* options.onEvent({ _tag: "Ready", model: entry.name, version, millis })
        }
      })
      yield* entry.lock.withPermit(
        run.pipe(Effect.onExit(() => committed ? Effect.void : abandon(entry, versions, opened)))
      )
    }
  )

  const unload = Effect.fn("Lifecycle.unload")(function*(id: string, only?: number) {
    const entry = table.entries.get(id)
    if (entry === undefined) return
    yield* entry.lock.withPermit(Effect.uninterruptible(Effect.suspend(() => {
      const unloading = [...entry.versions.values()].filter(({ version }) => only === undefined || version === only)
      for (const { leaving } of unloading) SequenceKeepers.endAll(leaving)
      const retiring = unloading
        .filter(({ state }) => state !== "UNLOADING")
        .map((version) => withdraw(entry, version, true))
      publish(entry)
      return Effect.all(retiring, { discard: true })
    })))
  })

  return {
    lookup: (name, version) => find(table.byName(name), name, version),
    readyVersions: (name) => table.byName(name)?.[0]?.readyVersions ?? [],
    rollout: (name) => {
      const entry = table.byName(name)?.[0]
      return entry && rolloutOf(entry)
    },
    states: () => table.states(),
    models: () => [...table.entries.values()],
    allReady: () => [...table.entries.values()].every(isReady),
    register: ({ id, name }) => void table.entryOf(id, name),
    identities: (id) => table.identities(id),
    load,
    unload,
    forget: (id) => {
      const entry = table.entries.get(id)
      if (entry === undefined) return
      entry.forgotten = true
      table.dropGone(entry)
    }
  }
})
