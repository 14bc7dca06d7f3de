/**
 * Loads and unloads models, keeps their states, and answers look-ups.
 *
 * A load makes all chosen versions of a model ready together, or none (model-config §1.9). Whoever was ready stays so until
 * its successor takes its place; what is replaced or unloaded leaves the look-up first and closes after its accepted work.
 */
import { Effect, Exit, Random, Result, Scope, Semaphore } from "effect"
import { LoadFailed } from "../../../schema/Errors.ts"
import type { Rollout } from "../../../schema/Rollout.ts"
import type { LoadEvent, Lookup, Model, RolloutStatus } from "../../../services/ModelRepository.ts"
import * as Leaving from "./Leaving.ts"
import {
  type Entry,
  find,
  isReady,
  keptServing,
  type Loaded,
  type OnDemand,
  preview,
  publish,
  reasonOf,
  rolloutOf,
  unloaded,
  type Version
} from "./LifecycleState.ts"
import { LifecycleTable, type VersionStatus } from "./LifecycleTable.ts"
import * as Opening from "./Opening.ts"
import * as Retiring from "./Retiring.ts"
import { setState } from "./Retiring.ts"
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
   * sequences end with it, also those that a load before has left to go on. `reason` stays beside their state; without one they
   * were unloaded on purpose.
   */
  readonly unload: (id: string, version?: number, reason?: string) => Effect.Effect<void>
  /** Tells why versions do not load, without a try; the ready ones go on. */
  readonly refuse: (
    model: { readonly id: string; readonly name: string },
    versions: ReadonlyArray<number>,
    reason: string
  ) => Effect.Effect<void>
  /** As `lookup`, by the id of a model. */
  readonly find: (id: string, version: string) => Lookup
  /** Ids of the models of a name. */
  readonly named: (name: string) => ReadonlyArray<string>
  /** Serial numbers of the loads that the ready versions of a model come from. */
  readonly serials: (id: string) => ReadonlyMap<number, number>
  /** What requests find of a version. */
  readonly serving: (id: string, version: number) => Model | OnDemand | undefined
  /** Says who is asked before versions leave. The last call counts. */
  readonly watch: (watcher: Leaving.Watcher) => void
  /** Drops an unloaded model from the table as soon as its last version has closed. */
  readonly forget: (id: string) => void
}

/** What the load of versions fails with that did not open. @category constructors */
export const loadFailed = (
  model: string,
  failed: ReadonlyArray<{ readonly version: number; readonly reason: string }>
): LoadFailed => {
  const texts = failed.map(({ reason, version }) => `version ${version} is at UNAVAILABLE state: ${reason};`)
  return new LoadFailed({
    model,
    code: "INVALID_ARG",
    message: `load failed for model '${model}': ${texts.join("")}\n`
  })
}

/** A table without models. The scope unloads everything, waiting for accepted work. @category constructors */
export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Lifecycle, never, Scope.Scope> {
  const scope = yield* Scope.fork(yield* Effect.scope, "parallel")
  const loads = yield* Semaphore.make(Math.max(1, options.loadThreadCount))
  const random = yield* Random.Random
  const table = new LifecycleTable()

  const open = Opening.make({ ...options, scope, loads })

  const { retire, withdraw } = Retiring.make({ ...options, scope, table })
  let watcher = Leaving.nobody
  const before = <A, E>(
    entry: Entry,
    after: Leaving.Change["after"],
    act: (released: Effect.Effect<void>) => Effect.Effect<A, E>
  ): Effect.Effect<A, E> =>
    Leaving.before(
      () => watcher,
      { id: entry.id, name: entry.name, after },
      ({ id, reason, version }) => unload(id, version, reason),
      act
    )

  const activate = (entry: Entry, rollout: Rollout | undefined) =>
    rollout && ActiveRollout.make(rollout, entry.lookup, () => random.nextDoubleUnsafe())

  const commit = (
    entry: Entry,
    opened: ReadonlyMap<number, Loaded>,
    rollout: Rollout | undefined,
    others: Others,
    released: Effect.Effect<void>
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
        if (previous !== undefined) retiring.push(retire(entry, version, previous, released))
      } else if (others.keep?.(version.version) === true) {
        if (version.state === "READY") setState(version, "READY")
      } else if (version.state !== "UNLOADING") {
        retiring.push(withdraw(entry, version, released))
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
        const failed: Array<{ readonly version: number; readonly reason: string }> = []
        for (const { result, version } of outcomes) {
          if (Result.isSuccess(result)) continue
          const reason = reasonOf(result.failure)
          const known = table.versionOf(entry, version)
          if (known.state === "READY") setState(known, "READY", keptServing(reason))
          else setState(known, "UNAVAILABLE", reason)
          failed.push({ version, reason })
        }
        if (failed.length > 0) return yield* loadFailed(entry.name, failed)
        const take = before(entry, preview(entry, opened, activate(entry, rollout), others), (released) => {
          const refusal = others.refused?.()
          if (refusal !== undefined) return Effect.fail(refusal)
          committed = true
          return Effect.andThen(commit(entry, opened, rollout, others, released), others.committed ?? Effect.void)
        })
        yield* Effect.uninterruptible(take)
        for (const { millis, version } of outcomes) {
          yield* options.onEvent({ _tag: "Ready", model: entry.name, version, millis })
        }
      })
      yield* entry.lock.withPermit(
        run.pipe(Effect.onExit(() => committed ? Effect.void : abandon(entry, versions, opened)))
      )
    }
  )

  const unload: Lifecycle["unload"] = Effect.fn("Lifecycle.unload")(function*(id, only, reason) {
    const entry = table.entries.get(id)
    if (entry === undefined) return
    const leaves = ({ version }: Version) => only === undefined || version === only
    const leave = (released: Effect.Effect<void>) => {
      const retiring: Array<Effect.Effect<unknown>> = []
      for (const version of [...entry.versions.values()].filter(leaves)) {
        SequenceKeepers.endAll(version.leaving)
        if (version.state !== "UNLOADING") {
          retiring.push(withdraw(entry, version, released, { reason, sequencesEnd: true }))
        } else setState(version, "UNLOADING", reason)
      }
      publish(entry)
      return Effect.all(retiring, { discard: true })
    }
    const after = preview(entry, new Map(), entry.rollout, {
      keep: (version) => only !== undefined && version !== only
    })
    yield* entry.lock.withPermit(Effect.uninterruptible(before(entry, after, leave)))
  })

  const refuse: Lifecycle["refuse"] = Effect.fnUntraced(function*(model, versions, reason) {
    const entry = table.entryOf(model.id, model.name)
    yield* entry.lock.withPermit(Effect.gen(function*() {
      for (const version of versions) {
        const known = table.versionOf(entry, version)
        if (known.state === "READY") setState(known, "READY", keptServing(reason))
        else setState(known, known.state === "UNLOADING" ? "UNLOADING" : "UNAVAILABLE", reason)
      }
      publish(entry)
      for (const version of versions) {
        yield* options.onEvent({ _tag: "Failed", model: entry.name, version, reason })
      }
    }))
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
    find: (id, version) => {
      const entry = table.entries.get(id)
      return find(entry && [entry], entry?.name ?? id, version)
    },
    named: (name) => table.byName(name)?.map(({ id }) => id) ?? [],
    serials: (id) => table.serials(id),
    serving: (id, version) => table.entries.get(id)?.versions.get(version)?.current?.model,
    watch: (who) => {
      watcher = who
    },
    load,
    unload,
    refuse,
    forget: (id) => {
      const entry = table.entries.get(id)
      if (entry === undefined) return
      entry.forgotten = true
      table.dropGone(entry)
    }
  }
})
