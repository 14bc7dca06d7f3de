/** Load and unload of models by name, one at a time for each: what a caller may ask for, and what the index answers. */
import { Effect } from "effect"
import { InvalidRequest, type LoadFailed, PollFailed } from "../../../schema/Errors.ts"
import type { IndexEntry, LoadParameters, UnloadOptions } from "../../../services/ModelRepository.ts"
import type * as Directory from "./Directory.ts"
import type { Discovered, Discovery } from "./Discovery.ts"
import type { Ensemble } from "./ensemble/Ensemble.ts"
import * as Steps from "./ensemble/Steps.ts"
import * as Fingerprints from "./Fingerprints.ts"
import { indexEntries } from "./IndexEntries.ts"
import * as KeyedLock from "./KeyedLock.ts"
import * as ModelLoader from "./ModelLoader.ts"
import * as ModelName from "./ModelName.ts"
import * as Overrides from "./Overrides.ts"
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

/** A load that was asked for, and what was to be served before where that is an ensemble. */
interface Load {
  readonly target: ModelLoader.Target
  readonly before: Ensemble | undefined
}

/** @category constructors */
export const make = (parts: ModelLoader.Parts): Control => {
  const { ensembles, lifecycle, reasons, records, roots, services, settings, told } = parts
  const locked = KeyedLock.make()
  const loader = ModelLoader.make(parts)
  const overrides = Overrides.make(settings.maxOverriddenModels)
  const provide = <A, E, R>(effect: Effect.Effect<A, E, R | Directory.Services>) =>
    Effect.provideContext(effect, services)
  /** Models that somebody loaded by their name, and not as a part of an ensemble. */
  const byName = new Set<string>()

  const loadOne = (target: ModelLoader.Target, wanted: ModelLoader.Wanted, { unlisted }: Look) => {
    // What cannot be looked at now may have changed: to say that it is loaded would be a guess.
    const hidden = target.found === undefined
      ? undefined
      : unlisted.find(({ root }) => root === target.found!.root)?.failure.message
    return hidden === undefined
      ? loader.load(target, wanted)
      : Effect.flatMap(loader.refused(target, hidden), Effect.fail)
  }

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
    targetOf: (name, home, { discovery }) => {
      const targets = discovery.ambiguous.includes(name) ? [] : targetsOf(name, discovery, false)
      return targets.find(({ found }) => found?.root === home) ?? (targets.length === 1 ? targets[0] : undefined)
    },
    load: (target, look) => Effect.ignore(locked(target.name, loadOne(target, { now: true }, look))),
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

  const ofName = (name: string) => lifecycle.models().filter((model) => model.name === name)

  const targetsOf = (name: string, discovery: Discovery, byOverride: boolean): ReadonlyArray<ModelLoader.Target> => {
    const found = discovery.models.filter((model) => model.name === name)
      .map((model): ModelLoader.Target => ({ id: model.id, name, found: model }))
    if (found.length > 0) return found
    const serving = records.get(name)?.kept?.override.folder !== undefined
    return byOverride || serving ? [{ id: name, name, found: undefined }] : []
  }

  /** Why a name is no model. What only a caller knows of is not kept: it is told as a warning of no model. */
  const notFound = Effect.fnUntraced(function*(name: string, { discovery, unlisted }: Look) {
    const reason = discovery.failures.find(({ model }) => model === name)?.message ??
      unlisted[0]?.failure.message ??
      `failed to poll model '${name}': model not found in any model repository.`
    yield* told.tell({ _tag: "Warning", model: undefined, message: reason })
    return yield* new PollFailed({
      code: "INTERNAL",
      message: `failed to load '${name}', failed to poll from model repository\n${reason}`
    })
  })

  /** A name that only a caller knows of leaves nothing behind where nothing serves under it. */
  const forgetUnserved = (id: string) =>
    Effect.suspend(() => {
      if (lifecycle.identities(id).size > 0) return Effect.void
      ensembles.drop(id)
      lifecycle.forget(id)
      return records.remove(id)
    })

  const loadNow = Effect.fnUntraced(function*(
    name: string,
    parameters: LoadParameters,
    version: number | undefined,
    loads: Array<Load>
  ) {
    const look = yield* roots.look
    const brings = parameters.config !== undefined || parameters.files !== undefined
    const targets = look.discovery.ambiguous.includes(name)
      ? []
      : targetsOf(name, look.discovery, brings && parameters.files !== undefined)
    const [target] = targets
    if (target === undefined) return yield* notFound(name, look)
    if (targets.length > 1 && brings) {
      return yield* new InvalidRequest({
        message: `There are ${targets.length} identifiers of model '${name}' in global map, ` +
          "model namespace must be provided to resolve ambiguity."
      })
    }
    const override = yield* overrides.open(name, parameters).pipe(
      Effect.catchTag("PollFailed", ({ message }) => Effect.flatMap(loader.refused(target, message), Effect.fail))
    )
    for (const target of targets) {
      byName.add(target.id)
      loads.push({ target, before: ensembles.wanted(target.id) })
    }
    const results = yield* Effect.forEach(
      targets,
      (target) => Effect.result(loadOne(target, { override, version, now: true }, look))
    )
    return { look, results }
  })

  /** What came of an ensemble once its models were tried: where another one serves on, that one goes on to be wanted. */
  const outcomeOf = ({ before, target: { id } }: Load) => {
    const failure = ensembles.failureOf(id)
    if (failure === undefined) return Effect.void
    if (before !== undefined && lifecycle.identities(id).size > 0) ensembles.restore(before)
    return Effect.fail(failure)
  }

  const loadAll = Effect.fnUntraced(function*(name: string, parameters: LoadParameters, version: number | undefined) {
    const loads: Array<Load> = []
    const ids = new Set<string>()
    const loaded = Effect.gen(function*() {
      const { look, results } = yield* locked(name, provide(loadNow(name, parameters, version, loads)))
      for (const { target } of loads) ids.add(target.id)
      yield* steps.load(ids, look)
      return results
    })
    const settled = Effect.suspend(() => ensembles.settle([...ids, ...loads.map(({ target }) => target.id)]))
    const forgotten = Effect.suspend(() =>
      Effect.forEach(loads, ({ target }) => target.found === undefined ? forgetUnserved(target.id) : Effect.void)
    )
    const results = yield* Effect.onExit(loaded, () => settled).pipe(
      Effect.flatMap((results) =>
        Effect.map(
          Effect.forEach(loads, (load) => Effect.result(outcomeOf(load))),
          (outcomes) => [...results, ...outcomes]
        )
      ),
      Effect.ensuring(forgotten)
    )
    for (const result of results) yield* Effect.fromResult(result)
  }, Effect.scoped)

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
      yield* loadAll(name, parameters, version)
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
