/**
 * Serves models from directories on disk: finds them, loads them while the layer is built, and follows what happens to them
 * after that: by polling, on demand, or not at all.
 *
 * Upstream: `InferenceServer`. Downstream: `Scheduler` and `Executor`.
 */
import { Deferred, Effect, Exit, Layer, type Scope } from "effect"
import { ControlNotAllowed, ModelsNotLoaded, PollFailed } from "../../schema/Errors.ts"
import * as StartupModels from "../../schema/options/StartupModels.ts"
import { Departure } from "../../services/Departure.ts"
import { type LoadEvent, ModelRepository } from "../../services/ModelRepository.ts"
import type { RepositorySource } from "../../services/RepositorySource.ts"
import * as Assembly from "./internal/Assembly.ts"
import type * as Discovery from "./internal/Discovery.ts"
import type * as OpenVersion from "./internal/OpenVersion.ts"
import * as Poller from "./internal/Poller.ts"
import { type Options, settings } from "./internal/RepositoryOptions.ts"
import type { Look } from "./internal/Roots.ts"
import * as RepositorySources from "./RepositorySources.ts"

export type { BackendSetting } from "./internal/BackendSettings.ts"
export { check, type CheckRow } from "./internal/RepositoryCheck.ts"
export type { Options } from "./internal/RepositoryOptions.ts"

type Failed = Extract<LoadEvent, { readonly _tag: "Failed" }>
const nothing: Discovery.Discovery = { models: [], failures: [], ambiguous: [], warnings: [] }

/**
 * A sentence for logs out of the event of a failure.
 *
 * Source: model-config §0.3 for the forms.
 *
 * @category formatting
 */
export const formatFailure = (event: Failed): string =>
  event.version === undefined
    ? event.reason
    : `failed to load '${event.model}' version ${event.version}: ${event.reason}`

const refused = Effect.fail(
  new ControlNotAllowed({ message: "explicit model load / unload is not allowed if polling is enabled" })
)

/** What of the repository is loaded at start-up: all, or what the options name. */
const chosen = (found: Discovery.Discovery, names: ReadonlyArray<string>): Discovery.Discovery => {
  if (names.includes("*")) return found
  const wanted = new Set(names)
  const has = ({ model }: { readonly model: string | undefined }) => model === undefined || wanted.has(model)
  const known = new Set([...found.models.map(({ name }) => name), ...found.failures.map(({ model }) => model)])
  return {
    models: found.models.filter(({ name }) => wanted.has(name)),
    failures: [
      ...found.failures.filter(has),
      ...[...wanted].filter((name) => !known.has(name)).map((model) => ({
        model,
        message: `failed to poll model '${model}': model not found in any model repository.`
      }))
    ],
    ambiguous: found.ambiguous,
    warnings: found.warnings.filter(has)
  }
}

const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<
  ModelRepository["Service"],
  ModelsNotLoaded | PollFailed,
  OpenVersion.Services | RepositorySource | Scope.Scope
> {
  const given = settings(options)
  const problem = StartupModels.problemOf(given.loadModels)
  if (problem !== undefined) return yield* new PollFailed({ code: "INVALID_ARG", message: problem })
  const failures: Array<Failed> = []
  let starting = true
  const { control, parts } = yield* Assembly.make(given, (event) => {
    if (starting && event._tag === "Failed") failures.push(event)
    return given.onEvent(event)
  })
  const { lifecycle, residency, roots, told } = parts

  const explicit = given.controlMode === "explicit"
  const loadAll = Effect.fn("FileModelRepository.loadAll")(function*(found: Discovery.Discovery, look: Look) {
    yield* told.tell({ _tag: "Found", models: found.models.map(({ name }) => name) })
    for (const { message, model } of found.warnings) yield* told.tell({ _tag: "Warning", model, message })
    for (const { message, model } of found.failures) {
      parts.reasons.set(model, message)
      yield* told.tell({ _tag: "Failed", model, version: undefined, reason: message })
    }
    yield* explicit
      ? control.loadNamed(found.models, look)
      : control.loadFound(found.models.map((found) => ({ found })))
  })

  const first = yield* roots.peek
  const failure = first.unlisted[0]?.failure
  if (failure !== undefined && given.exitOnError) return yield* failure
  yield* roots.tell(first)
  const all = failure === undefined ? first.discovery : nothing
  yield* loadAll(explicit ? chosen(all, given.loadModels) : all, first)
  starting = false
  if (failures.length > 0 && given.exitOnError) {
    return yield* new ModelsNotLoaded({
      failures: failures
        .map(({ model, reason, version }) => ({ model, reason, ...(version === undefined ? {} : { version }) }))
        .sort((a, b) => a.model < b.model ? -1 : a.model > b.model ? 1 : (a.version ?? -1) - (b.version ?? -1))
    })
  }
  if (given.controlMode === "poll") yield* Effect.forkScoped(Poller.make(control, parts).run)
  const leaving = Deferred.makeUnsafe<never, ControlNotAllowed>()
  yield* (yield* Departure).watch(() =>
    Deferred.doneUnsafe(leaving, Exit.fail(new ControlNotAllowed({ message: "Server exiting" })))
  )
  /** Where models still come later, so may a root. */
  const unusable = () => given.controlMode === "none" ? failure : roots.neverListed()

  return {
    get failure() {
      return unusable()
    },
    lookup: lifecycle.lookup,
    residency: residency?.figures,
    readyVersions: lifecycle.readyVersions,
    rollout: lifecycle.rollout,
    index: control.index,
    allReady: Effect.sync(() => unusable() === undefined && lifecycle.allReady()),
    // A load that is still under way must not hold up the end.
    load: explicit ? (...call) => Effect.raceFirst(control.load(...call), Deferred.await(leaving)) : () => refused,
    unload: explicit ? control.unload : () => refused
  }
})

/**
 * The models of one or several roots. Those to be loaded at start-up are, or have failed, when the layer is built; closing it
 * refuses new work, waits for what was accepted, and closes every instance.
 *
 * Errors, with `exitOnError`: `PollFailed` for a root that cannot be listed, `ModelsNotLoaded` for models that failed, after all
 * were tried.
 *
 * @category layers
 */
export const layer = (
  options: Options
): Layer.Layer<ModelRepository, ModelsNotLoaded | PollFailed, OpenVersion.Services> =>
  layerWithSource(options).pipe(Layer.provide(RepositorySources.layerWith(options.sources ?? {})))

/** The same with sources of your own: they say what a root is, and where its models come from. @category layers */
export const layerWithSource = (
  options: Options
): Layer.Layer<ModelRepository, ModelsNotLoaded | PollFailed, OpenVersion.Services | RepositorySource> =>
  Layer.effect(ModelRepository, make(options))
