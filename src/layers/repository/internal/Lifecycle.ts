/**
 * Loads and unloads models, keeps their states, and answers look-ups.
 *
 * A load makes all chosen versions of a model ready together, or none (model-config §1.9). Whoever was ready stays so until
 * its successor takes its place; what is replaced or unloaded leaves the look-up first and closes after its accepted work.
 */
import { Clock, Effect, Exit, Random, Result, Scope, Semaphore } from "effect"
import { LoadFailed } from "../../../schema/Errors.ts"
import type { Rollout } from "../../../schema/Rollout.ts"
import type { LoadEvent, Lookup, Model, RolloutStatus, VersionState } from "../../../services/ModelRepository.ts"
import {
  type Entry,
  find,
  isReady,
  type Loaded,
  type OnDemand,
  publish,
  reasonOf,
  rolloutOf,
  statusOf,
  unloaded,
  type Version
} from "./LifecycleState.ts"
import * as ActiveRollout from "./rollout/ActiveRollout.ts"

/** One version to load. @category models */
export interface VersionPlan {
  readonly version: number
  /** Opens the version; its scope closes it, after the work it accepted. */
  readonly open: Effect.Effect<Model | OnDemand, LoadFailed, Scope.Scope>
}

/** @category models */
export interface Options {
  /** Versions that load at once, over all models. */
  readonly loadThreadCount: number
  /** Further attempts at a version that fails to load. */
  readonly loadRetryCount: number
  readonly onEvent: (event: LoadEvent) => Effect.Effect<void>
}

/** State of one version. @category models */
export interface VersionStatus {
  readonly version: number
  readonly state: VersionState
  /** `""` where there is none. */
  readonly reason: string
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
  readonly allReady: () => boolean
  /** Makes a model known that has no versions: readiness waits for it. */
  readonly register: (model: { readonly id: string; readonly name: string }) => void
  /**
   * Loads these versions and, once all are up, unloads the ready ones that are not among them. The rollout changes in the same
   * step; without one, whoever names no version gets the greatest ready one.
   */
  readonly load: (
    model: { readonly id: string; readonly name: string },
    versions: ReadonlyArray<VersionPlan>,
    rollout?: Rollout
  ) => Effect.Effect<void, LoadFailed>
  /** Changes the rollout of a model in one step, without touching its versions. */
  readonly rollOut: (id: string, rollout: Rollout | undefined) => Effect.Effect<void>
  /** Takes every version out of the look-up and returns; they close in the background after their accepted work. */
  readonly unload: (id: string) => Effect.Effect<void>
}

/** A table without models. The scope unloads everything, waiting for accepted work. @category constructors */
export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Lifecycle, never, Scope.Scope> {
  const scope = yield* Scope.fork(yield* Effect.scope, "parallel")
  const loads = yield* Semaphore.make(Math.max(1, options.loadThreadCount))
  const random = yield* Random.Random
  const entries = new Map<string, Entry>()
  const byName = new Map<string, ReadonlyArray<Entry>>()

  const entryOf = (id: string, name: string): Entry => {
    const known = entries.get(id)
    if (known !== undefined) return known
    const entry: Entry = {
      id,
      name,
      versions: new Map(),
      lock: Semaphore.makeUnsafe(1),
      rollout: undefined,
      lookup: (version) => find(byName.get(name), name, version),
      ready: new Map(),
      readyVersions: []
    }
    entries.set(id, entry)
    byName.set(name, [...byName.get(name) ?? [], entry])
    return entry
  }

  const versionOf = (entry: Entry, version: number): Version => {
    const known = entry.versions.get(version)
    if (known !== undefined) return known
    const added: Version = { version, state: "UNKNOWN", reason: "", current: undefined, closing: 0 }
    entry.versions.set(version, added)
    return added
  }

  /** One try at a version, into `opened` the moment it stands, so that whoever gives up the load finds it there. */
  const attempt = (plan: VersionPlan, opened: Map<number, Loaded>) =>
    Effect.gen(function*() {
      const inner = yield* Scope.fork(scope)
      yield* Scope.provide(plan.open, inner).pipe(
        Effect.onExit((exit) =>
          Exit.isSuccess(exit)
            ? Effect.sync(() => opened.set(plan.version, { model: exit.value, scope: inner }))
            : Scope.close(inner, exit)
        )
      )
    })

  const open = Effect.fnUntraced(function*(entry: Entry, plan: VersionPlan, opened: Map<number, Loaded>) {
    const clock = yield* Clock.Clock
    const { version } = plan
    yield* options.onEvent({ _tag: "Loading", model: entry.name, version })
    const begin = clock.monotonicTimeNanosUnsafe()
    const result = yield* Effect.result(Effect.retry(attempt(plan, opened), { times: options.loadRetryCount }))
    if (Result.isFailure(result)) {
      yield* options.onEvent({ _tag: "Failed", model: entry.name, version, reason: reasonOf(result.failure) })
    }
    return { version, result, millis: Number(clock.monotonicTimeNanosUnsafe() - begin) / 1e6 }
  })

  /** Closes what left the look-up; the state follows unless the version was loaded again meanwhile. */
  const retire = (entry: Entry, version: Version, loaded: Loaded) => {
    version.closing++
    return Scope.close(loaded.scope, Exit.void).pipe(
      Effect.andThen(Effect.sync(() => {
        version.closing--
        if (version.state === "UNLOADING" && version.closing === 0) setState(version, "UNAVAILABLE", unloaded)
        publish(entry)
      })),
      Effect.andThen(Effect.logDebug(`successfully unloaded '${entry.name}' version ${version.version}`)),
      Effect.uninterruptible,
      Effect.forkIn(scope, { startImmediately: true })
    )
  }

  const setState = (version: Version, state: VersionState, reason = "") => {
    version.state = state
    version.reason = reason
  }

  const withdraw = (entry: Entry, version: Version) => {
    const loaded = version.current
    version.current = undefined
    if (loaded === undefined) {
      setState(version, "UNAVAILABLE", unloaded)
      return Effect.void
    }
    setState(version, "UNLOADING")
    return retire(entry, version, loaded)
  }

  const activate = (entry: Entry, rollout: Rollout | undefined) =>
    rollout && ActiveRollout.make(rollout, entry.lookup, () => random.nextDoubleUnsafe())

  const commit = (entry: Entry, opened: ReadonlyMap<number, Loaded>, rollout: Rollout | undefined) => {
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
      } else if (version.state === "READY") {
        retiring.push(withdraw(entry, version))
      }
    }
    publish(entry)
    return Effect.all(retiring, { discard: true })
  }

  /** Drops a load that did not come to its end: what was ready before stays. */
  const abandon = (entry: Entry, versions: ReadonlyArray<VersionPlan>, opened: ReadonlyMap<number, Loaded>) => {
    for (const plan of versions) {
      const version = versionOf(entry, plan.version)
      if (version.state === "LOADING") setState(version, "UNAVAILABLE", unloaded)
    }
    publish(entry)
    return Effect.forEach(opened.values(), (loaded) => Scope.close(loaded.scope, Exit.void), { discard: true })
  }

  const load = Effect.fn("Lifecycle.load")(
    function*(
      model: { readonly id: string; readonly name: string },
      versions: ReadonlyArray<VersionPlan>,
      rollout?: Rollout
    ) {
      const entry = entryOf(model.id, model.name)
      const opened = new Map<number, Loaded>()
      let committed = false
      const run = Effect.gen(function*() {
        for (const plan of versions) {
          const version = versionOf(entry, plan.version)
          if (version.state !== "READY") setState(version, "LOADING")
        }
        publish(entry)
        const outcomes = yield* Effect.forEach(versions, (plan) => loads.withPermit(open(entry, plan, opened)), {
          concurrency: "unbounded"
        })
        const failed: Array<string> = []
        for (const { result, version } of outcomes) {
          if (Result.isSuccess(result)) continue
          const reason = reasonOf(result.failure)
          const known = versionOf(entry, version)
          if (known.state !== "READY") setState(known, "UNAVAILABLE", reason)
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
          return commit(entry, opened, rollout)
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

  const unload = Effect.fn("Lifecycle.unload")(function*(id: string) {
    const entry = entries.get(id)
    if (entry === undefined) return
    yield* entry.lock.withPermit(Effect.uninterruptible(Effect.suspend(() => {
      const retiring = [...entry.versions.values()]
        .filter((version) => version.state !== "UNLOADING")
        .map((version) => withdraw(entry, version))
      publish(entry)
      return Effect.all(retiring, { discard: true })
    })))
  })

  const rollOut = Effect.fn("Lifecycle.rollOut")(function*(id: string, rollout: Rollout | undefined) {
    const entry = entries.get(id)
    if (entry === undefined) return
    yield* entry.lock.withPermit(Effect.sync(() => {
      entry.rollout = activate(entry, rollout)
      publish(entry)
    }))
  })

  return {
    lookup: (name, version) => find(byName.get(name), name, version),
    readyVersions: (name) => byName.get(name)?.[0]?.readyVersions ?? [],
    rollout: (name) => {
      const entry = byName.get(name)?.[0]
      return entry && rolloutOf(entry)
    },
    states: () =>
      new Map(
        [...entries.values()].map((entry) => [
          entry.id,
          [...entry.versions.values()]
            .sort((a, b) => a.version - b.version)
            .map((version) => ({ version: version.version, ...statusOf(version) }))
        ])
      ),
    allReady: () => [...entries.values()].every(isReady),
    register: ({ id, name }) => void entryOf(id, name),
    load,
    rollOut,
    unload
  }
})
