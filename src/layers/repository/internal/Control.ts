/** Load and unload of models by name, one at a time for each: what a caller may ask for, and what the index answers. */
import { Effect } from "effect"
import { InvalidRequest, type LoadFailed, PollFailed } from "../../../schema/Errors.ts"
import type { IndexEntry, LoadParameters, UnloadOptions } from "../../../services/ModelRepository.ts"
import type * as Directory from "./Directory.ts"
import type { Discovery } from "./Discovery.ts"
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

/** @category models */
export interface Control {
  /** Loads what a poll found, unless the folder is another by now. Errors were told. */
  readonly loadFound: (target: ModelLoader.Target, expected?: string) => Effect.Effect<void, Failure>
  readonly load: (name: string, parameters?: LoadParameters) => Effect.Effect<void, Failure>
  readonly unload: (name: string, options?: UnloadOptions) => Effect.Effect<void, Failure>
  /** Unloads a model that is gone from the repository, and forgets it. */
  readonly remove: (model: { readonly id: string; readonly name: string }) => Effect.Effect<void>
  /** Never waits for a load, nor long for a root that does not answer. */
  readonly index: Effect.Effect<ReadonlyArray<IndexEntry>>
}

const checkName = (name: string): Effect.Effect<void, InvalidRequest> => {
  const message = ModelName.problemOf(name)
  return message === undefined ? Effect.void : Effect.fail(new InvalidRequest({ message }))
}

/** @category constructors */
export const make = (parts: ModelLoader.Parts): Control => {
  const { lifecycle, reasons, records, roots, services, settings, told } = parts
  const locked = KeyedLock.make()
  const loader = ModelLoader.make(parts)
  const overrides = Overrides.make(settings.maxOverriddenModels)
  const provide = <A, E>(effect: Effect.Effect<A, E, Directory.Services>) => Effect.provideContext(effect, services)

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
      lifecycle.forget(id)
      return records.remove(id)
    })

  const loadNow = Effect.fnUntraced(function*(name: string, parameters: LoadParameters, version: number | undefined) {
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
    /** What cannot be looked at now may have changed: to say that it is loaded would be a guess. */
    const outOfSight = ({ found }: ModelLoader.Target) =>
      found === undefined ? undefined : look.unlisted.find(({ root }) => root === found.root)?.failure.message
    const loadOne = (target: ModelLoader.Target) => {
      const reason = outOfSight(target)
      return reason === undefined
        ? loader.load(target, { override, version, now: true })
        : Effect.flatMap(loader.refused(target, reason), Effect.fail)
    }
    const results = yield* Effect.forEach(
      targets,
      (target) =>
        Effect.ensuring(
          Effect.result(loadOne(target)),
          target.found === undefined ? forgetUnserved(target.id) : Effect.void
        )
    )
    for (const result of results) yield* Effect.fromResult(result)
  }, Effect.scoped)

  const unloadNow = Effect.fnUntraced(function*(name: string, version: number | undefined) {
    for (const { id } of ofName(name)) {
      yield* lifecycle.unload(id, version)
      if (lifecycle.identities(id).size > 0) continue
      const byOverride = records.get(id)?.key === Fingerprints.keyOf(new Map())
      yield* records.remove(id)
      if (byOverride) lifecycle.forget(id)
    }
    if (version === undefined) reasons.delete(name)
  })

  return {
    loadFound: (target, expected) => locked(target.name, loader.load(target, { expected })),
    load: Effect.fn("FileModelRepository.load")(function*(name, parameters = {}) {
      yield* checkName(name)
      const version = yield* Effect.fromResult(VersionParameter.read(parameters.version))
      yield* locked(name, provide(loadNow(name, parameters, version)))
    }),
    unload: Effect.fn("FileModelRepository.unload")(function*(name, options = {}) {
      yield* checkName(name)
      const version = yield* Effect.fromResult(VersionParameter.read(options.version))
      yield* locked(name, unloadNow(name, version))
    }),
    remove: Effect.fn("FileModelRepository.remove")(function*({ id, name }) {
      yield* locked(
        name,
        Effect.gen(function*() {
          yield* lifecycle.unload(id)
          yield* records.remove(id)
          lifecycle.forget(id)
          reasons.delete(name)
          told.renew(name)
        })
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
