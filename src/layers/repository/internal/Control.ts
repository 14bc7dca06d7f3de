/** Load and unload of models by name, one at a time for each: what a caller may ask for, and what the index answers. */
import { Effect } from "effect"
import { InvalidRequest, type LoadFailed, type PollFailed } from "../../../schema/Errors.ts"
import type { IndexEntry, LoadParameters, UnloadOptions } from "../../../services/ModelRepository.ts"
import type { Discovered } from "./Discovery.ts"
import type { Ensemble } from "./ensemble/Ensemble.ts"
import * as Steps from "./ensemble/Steps.ts"
import * as Fingerprints from "./Fingerprints.ts"
import { indexEntries } from "./IndexEntries.ts"
import * as KeyedLock from "./KeyedLock.ts"
import * as ModelLoader from "./ModelLoader.ts"
import * as ModelName from "./ModelName.ts"
import * as NamedLoads from "./NamedLoads.ts"
import type { Look } from "./Roots.ts"
import * as VersionParameter from "./VersionParameter.ts"

/** @category errors */
export type Failure = InvalidRequest | LoadFailed | PollFailed

/** A model of the repository, with the key of its folder's fingerprint as it is expected to be. @category models */
export interface Found {
  readonly found: Discovered
  readonly expected?: string | undefined
}

/** @category models */
export interface Control {
  /** Loads what was found in the repository, except for folders that are others by now. What fails was told. */
  readonly loadFound: (models: ReadonlyArray<Found>) => Effect.Effect<void>
  /** Loads models that were asked for by their names, and what the ensembles among them consist of. What fails was told. */
  readonly loadNamed: (models: ReadonlyArray<Discovered>, look: Look) => Effect.Effect<void>
  readonly load: (name: string, parameters?: LoadParameters) => Effect.Effect<void, Failure>
  readonly unload: (name: string, options?: UnloadOptions) => Effect.Effect<void, Failure>
  /** Unloads models that are gone from the repository, and forgets them. */
  readonly remove: (models: ReadonlyArray<{ readonly id: string; readonly name: string }>) => Effect.Effect<void>
  /** Never waits for a load, nor long for a root that does not answer. */
  readonly index: Effect.Effect<ReadonlyArray<IndexEntry>>
}

const checkName = (name: string): Effect.Effect<void, InvalidRequest> => {
  const message = ModelName.problemOf(name)
  return message === undefined ? Effect.void : Effect.fail(new InvalidRequest({ message }))
}

/** @category constructors */
export const make = (parts: ModelLoader.Parts): Control => {
  const { ensembles, lifecycle, reasons, records, roots, told } = parts
  const locked = KeyedLock.make()
  const loader = ModelLoader.make(parts)
  /** Models that somebody loaded by their name, and not as a part of an ensemble. */
  const byName = new Set<string>()

  const unloadOne = Effect.fnUntraced(function*(id: string, version: number | undefined) {
    const ensemble = ensembles.drop(id, version)
    yield* lifecycle.unload(id, version)
    if (version === undefined) byName.delete(id)
    if (lifecycle.identities(id).size === 0) {
      const byOverride = records.get(id)?.key === Fingerprints.keyOf(new Map())
      yield* records.remove(id)
      if (byOverride) lifecycle.forget(id)
    }
    return ensembles.wanted(id) === undefined ? ensemble : undefined
  })

  const steps = Steps.make<ModelLoader.Target>({
    ensembles,
    byName,
    targetOf: (name, home, look) => {
      const targets = NamedLoads.targetsOf(name, look, records, false)
      return targets.find(({ found }) => found?.root === home) ?? (targets.length === 1 ? targets[0] : undefined)
    },
    load: (target, look) => Effect.ignore(locked(target.name, NamedLoads.load(loader, target, { now: true }, look))),
    unload: ({ id, name }, stays) =>
      locked(
        name,
        Effect.suspend(() => {
          const why = stays()
          if (why !== undefined) return Effect.as(Effect.logInfo(why), undefined)
          reasons.delete(name)
          return unloadOne(id, undefined)
        })
      )
  })

  const calls = NamedLoads.make(parts, { byName, loader, locked, steps })
  const ofName = (name: string) => lifecycle.models().filter((model) => model.name === name)

  const unloadNow = Effect.fnUntraced(function*(name: string, version: number | undefined) {
    const dropped: Array<Ensemble> = []
    for (const { id } of ofName(name)) {
      const ensemble = yield* unloadOne(id, version)
      if (ensemble !== undefined) dropped.push(ensemble)
    }
    if (version === undefined) reasons.delete(name)
    return dropped
  })

  return {
    loadFound: (models) =>
      Effect.onExit(
        Effect.forEach(
          models,
          ({ expected, found }) => {
            const target = { id: found.id, name: found.name, found }
            return Effect.ignore(locked(target.name, loader.load(target, { expected })))
          },
          { concurrency: 16, discard: true }
        ),
        () => ensembles.settle(models.map(({ found }) => found.id))
      ),
    loadNamed: (models, look) => {
      const ids = new Set(models.map(({ id }) => id))
      for (const id of ids) byName.add(id)
      const loads = Effect.forEach(
        models,
        (found) => Effect.ignore(locked(found.name, loader.load({ id: found.id, name: found.name, found }, {}))),
        { concurrency: 16, discard: true }
      )
      return Effect.onExit(Effect.andThen(loads, steps.load(ids, look)), () => ensembles.settle(ids))
    },
    load: Effect.fn("FileModelRepository.load")(function*(name, parameters = {}) {
      yield* checkName(name)
      const version = yield* Effect.fromResult(VersionParameter.read(parameters.version))
      yield* calls.load(name, parameters, version)
    }),
    unload: Effect.fn("FileModelRepository.unload")(function*(name, options = {}) {
      yield* checkName(name)
      const version = yield* Effect.fromResult(VersionParameter.read(options.version))
      const unload = Effect.flatMap(
        locked(name, unloadNow(name, version)),
        (dropped) =>
          options.unloadDependents === true
            ? Effect.forEach(dropped, steps.unload, { discard: true })
            : Effect.void
      )
      yield* Effect.onExit(unload, () => ensembles.settle())
    }),
    remove: Effect.fn("FileModelRepository.remove")(function*(models) {
      const remove = Effect.fnUntraced(function*({ id, name }: { readonly id: string; readonly name: string }) {
        ensembles.drop(id)
        yield* lifecycle.unload(id)
        yield* records.remove(id)
        lifecycle.forget(id)
        reasons.delete(name)
        told.renew(name)
      })
      yield* Effect.onExit(
        Effect.forEach(models, (model) => locked(model.name, remove(model)), { discard: true }),
        () => ensembles.settle()
      )
    }),
    index: Effect.map(roots.glance, ({ discovery }) => {
      const failing = discovery.failures.map(({ model }) => model).filter((name) => !discovery.ambiguous.includes(name))
      const states = lifecycle.states()
      const listed = new Set(discovery.models.map(({ id }) => id))
      // What serves is shown, also where it came with a load or its folder is gone.
      const others = lifecycle.models().filter(({ id, name }) =>
        !listed.has(id) && !discovery.ambiguous.includes(name) &&
        states.get(id)?.some(({ state }) => state !== "UNAVAILABLE") === true
      )
      return indexEntries(
        [...discovery.models, ...others, ...failing.map((name) => ({ id: name, name }))],
        states,
        reasons,
        discovery.ambiguous
      )
    })
  }
}
