/** Loads that are asked for by the name of a model: what it brings, what it consists of, and what comes of it. */
import { Effect, type Result } from "effect"
import { InvalidRequest, type LoadFailed, PollFailed } from "../../../schema/Errors.ts"
import type { LoadParameters } from "../../../services/ModelRepository.ts"
import type * as Directory from "./Directory.ts"
import type { Ensemble } from "./ensemble/Ensemble.ts"
import type { Steps } from "./ensemble/Steps.ts"
import type { KeyedLock } from "./KeyedLock.ts"
import type * as ModelLoader from "./ModelLoader.ts"
import * as Overrides from "./Overrides.ts"
import type { Records } from "./Records.ts"
import type { Look } from "./Roots.ts"

/** @category models */
export interface Options {
  readonly loader: ModelLoader.ModelLoader
  readonly locked: KeyedLock
  readonly steps: Steps
  /** Gets the ids of all models that were asked for. */
  readonly byName: Set<string>
}

/** @category models */
export interface NamedLoads {
  /** `version`: this one alone. */
  readonly load: (
    name: string,
    parameters: LoadParameters,
    version: number | undefined
  ) => Effect.Effect<void, InvalidRequest | LoadFailed | PollFailed>
}

/** A load that was asked for. */
interface Load {
  readonly target: ModelLoader.Target
  /** The ensemble that was to be served before. */
  readonly before: Ensemble | undefined
  /** The one that is to be served by it. */
  wanted: Ensemble | undefined
}

/** The models of a name that there are to load; `byOverride`: one that exists only by what comes with the load as well. @category getters */
export const targetsOf = (
  name: string,
  { discovery }: Look,
  records: Records,
  byOverride: boolean
): ReadonlyArray<ModelLoader.Target> => {
  if (discovery.ambiguous.includes(name)) return []
  const found = discovery.models.filter((model) => model.name === name)
    .map((model): ModelLoader.Target => ({ id: model.id, name, found: model }))
  if (found.length > 0) return found
  const serving = records.get(name)?.kept?.override.folder !== undefined
  return byOverride || serving ? [{ id: name, name, found: undefined }] : []
}

/** Loads a model unless it lies where nobody can look now. @category combinators */
export const load = (
  loader: ModelLoader.ModelLoader,
  target: ModelLoader.Target,
  wanted: ModelLoader.Wanted,
  { unlisted }: Look
) => {
  // What cannot be looked at now may have changed: to say that it is loaded would be a guess.
  const hidden = target.found === undefined
    ? undefined
    : unlisted.find(({ root }) => root === target.found!.root)?.failure.message
  return hidden === undefined
    ? loader.load(target, wanted)
    : Effect.flatMap(loader.refused(target, hidden), Effect.fail)
}

/** @category constructors */
export const make = (
  { ensembles, lifecycle, records, roots, services, settings, told }: ModelLoader.Parts,
  { byName, loader, locked, steps }: Options
): NamedLoads => {
  const overrides = Overrides.make(settings.maxOverriddenModels)
  const provide = <A, E, R>(effect: Effect.Effect<A, E, R | Directory.Services>) =>
    Effect.provideContext(effect, services)

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
    const targets = targetsOf(name, look, records, brings && parameters.files !== undefined)
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
    const results: Array<Result.Result<void, LoadFailed | PollFailed>> = []
    for (const target of targets) {
      byName.add(target.id)
      const one: Load = { target, before: ensembles.wanted(target.id), wanted: undefined }
      loads.push(one)
      results.push(yield* Effect.result(load(loader, target, { override, version, now: true }, look)))
      one.wanted = ensembles.wanted(target.id)
    }
    return { look, results }
  })

  /** What came of an ensemble once its models were tried: where another one serves on, that one goes on to be wanted. */
  const outcomeOf = ({ before, target: { id }, wanted }: Load) => {
    const failure = ensembles.failureOf(id)
    if (failure === undefined) return Effect.void
    const isLast = wanted !== undefined && ensembles.wanted(id) === wanted
    if (isLast && before !== undefined && lifecycle.identities(id).size > 0) ensembles.restore(before)
    return Effect.fail(failure)
  }

  const call = Effect.fnUntraced(function*(name: string, parameters: LoadParameters, version: number | undefined) {
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
      Effect.forEach(
        loads.filter(({ target }) => target.found === undefined),
        ({ target }) => locked(name, forgetUnserved(target.id)),
        { discard: true }
      )
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

  return { load: call }
}
