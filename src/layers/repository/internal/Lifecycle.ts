/**
 * Loads and unloads models, keeps their states, and answers look-ups.
 *
 * A load makes all chosen versions of a model ready together, or none (model-config §1.9). Whoever was ready stays so until
 * its successor takes its place; what is replaced or unloaded leaves the look-up first and closes after its accepted work.
 */
import { Effect, Exit, Random, Result, Scope, Semaphore } from "effect"
import { LoadFailed } from "../../../schema/Errors.ts"
import type { Rollout } from "../../../schema/Rollout.ts"
import * as Leaving from "./Leaving.ts"
import type { Lifecycle, Options } from "./LifecycleContract.ts"
import {
  type Entry,
  find,
  isReady,
  keptServing,
  type Loaded,
  preview,
  publish,
  reasonOf,
  rolloutOf,
  unloaded,
  type Version
} from "./LifecycleState.ts"
import { LifecycleTable } from "./LifecycleTable.ts"
import * as Opening from "./Opening.ts"
import * as Retiring from "./Retiring.ts"
import { setState } from "./Retiring.ts"
import * as ActiveRollout from "./rollout/ActiveRollout.ts"
import * as SequenceKeepers from "./SequenceKeepers.ts"
import type { Others, VersionPlan } from "./VersionPlan.ts"

export type { Lifecycle, Options } from "./LifecycleContract.ts"
export type { VersionStatus } from "./LifecycleTable.ts"
export type { Others, VersionPlan } from "./VersionPlan.ts"

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
