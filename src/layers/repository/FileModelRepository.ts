/**
 * Serves models from directories on disk: finds them, loads them while the layer is built, and keeps what is loaded.
 *
 * Upstream: `InferenceServer`. Downstream: `Scheduler` and `Executor`.
 */
import { Effect, Layer, Result, type Scope } from "effect"
import { ControlNotAllowed, ModelsNotLoaded, type PollFailed } from "../../schema/Errors.ts"
import { type LoadEvent, ModelRepository } from "../../services/ModelRepository.ts"
import type { RepositorySource } from "../../services/RepositorySource.ts"
import * as Discovery from "./internal/Discovery.ts"
import { indexEntries } from "./internal/IndexEntries.ts"
import * as Lifecycle from "./internal/Lifecycle.ts"
import * as OpenVersion from "./internal/OpenVersion.ts"
import * as PollModel from "./internal/PollModel.ts"
import * as PrepareVersion from "./internal/PrepareVersion.ts"
import { type Options, settings } from "./internal/RepositoryOptions.ts"
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

const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<
  ModelRepository["Service"],
  ModelsNotLoaded | PollFailed,
  OpenVersion.Services | RepositorySource | Scope.Scope
> {
  const given = settings(options)
  const services = yield* OpenVersion.services
  const sources = yield* Effect.context<RepositorySource>()
  const failures: Array<Failed> = []
  const onEvent = (event: LoadEvent) => {
    if (event._tag === "Failed") failures.push(event)
    return given.onEvent(event)
  }
  /** Why models failed before any version of theirs was tried. */
  const reasons = new Map<string, string>()
  const failed = (model: string, reason: string) => {
    reasons.set(model, reason)
    return onEvent({ _tag: "Failed", model, version: undefined, reason })
  }
  const lifecycle = yield* Lifecycle.make({ ...given, onEvent })

  const discover = Effect.provideContext(Discovery.discover(given), sources)

  /** Loads what a directory holds now: the one way for start-up and for any later load. Failures were told to `onEvent`. */
  const loadModel = Effect.fn("FileModelRepository.loadModel")(function*(found: Discovery.Discovered) {
    const { name } = found
    const told = new Set<string>()
    const warn: PollModel.Warn = (message) => {
      if (told.has(message)) return Effect.void
      told.add(message)
      return onEvent({ _tag: "Warning", model: name, message })
    }
    const polled = yield* Effect.scoped(
      Effect.flatMap(found.open, (here) => PollModel.poll(here, given, warn))
    ).pipe(
      Effect.tapError(({ message }) => failed(name, `Poll failed for model directory '${name}': ${message}`))
    )
    reasons.delete(name)
    lifecycle.register(found)
    const versions = yield* PollModel.chooseVersions(polled, warn).pipe(
      Effect.tapError(({ message }) => failed(name, `failed to load model '${name}': ${message}`))
    )
    yield* lifecycle.load(
      found,
      versions.map((version) => ({
        version,
        open: PrepareVersion.open(found, polled, version, given.backendConfig, warn).pipe(
          Effect.flatMap((prepared) => OpenVersion.open(prepared, given.modelNamespacing ? found.root : undefined)),
          Effect.provideContext(services)
        )
      })),
      polled.rollout?.rollout
    )
  }, Effect.provideContext(services))

  const loadAll = Effect.fn("FileModelRepository.loadAll")(function*(found: Discovery.Discovery) {
    yield* onEvent({ _tag: "Found", models: found.models.map(({ name }) => name) })
    for (const { message, model } of found.warnings) yield* onEvent({ _tag: "Warning", model, message })
    for (const { message, model } of found.failures) yield* failed(model, message)
    yield* Effect.forEach(found.models, (model) => Effect.ignore(loadModel(model)), { concurrency: 16, discard: true })
  })

  const listed = yield* Effect.result(discover)
  if (Result.isFailure(listed) && given.exitOnError) return yield* listed.failure
  if (Result.isFailure(listed)) yield* onEvent({ _tag: "Warning", model: undefined, message: listed.failure.message })
  let known = Result.getOrElse(listed, () => nothing)
  yield* loadAll(known)
  if (failures.length > 0 && given.exitOnError) {
    return yield* new ModelsNotLoaded({
      failures: failures
        .map(({ model, reason, version }) => ({ model, reason, ...(version === undefined ? {} : { version }) }))
        .sort((a, b) => a.model < b.model ? -1 : a.model > b.model ? 1 : (a.version ?? -1) - (b.version ?? -1))
    })
  }

  const index = discover.pipe(
    Effect.tapError(({ message }) => Effect.logWarning(`the index shows the last known state: ${message}`)),
    Effect.tap((now) => Effect.sync(() => known = now)),
    Effect.ignore,
    Effect.map(() => {
      const failing = known.failures.map(({ model }) => model).filter((name) => !known.ambiguous.includes(name))
      return indexEntries(
        [...known.models, ...failing.map((name) => ({ id: name, name }))],
        lifecycle.states(),
        reasons,
        known.ambiguous
      )
    })
  )

  return {
    failure: Result.isFailure(listed) ? listed.failure : undefined,
    lookup: lifecycle.lookup,
    readyVersions: lifecycle.readyVersions,
    rollout: lifecycle.rollout,
    index,
    allReady: Effect.sync(() => Result.isSuccess(listed) && lifecycle.allReady()),
    load: () => refused,
    unload: () => refused
  }
})

/**
 * The models of one or several roots. All are loaded, or have failed, when the layer is built; closing it refuses new work,
 * waits for what was accepted, and closes every instance.
 *
 * Errors, with `exitOnError`: `PollFailed` for a root that cannot be listed, `ModelsNotLoaded` for models that failed, after all
 * were tried.
 *
 * @category layers
 */
export const layer = (
  options: Options
): Layer.Layer<ModelRepository, ModelsNotLoaded | PollFailed, OpenVersion.Services> =>
  layerWithSource(options).pipe(Layer.provide(RepositorySources.layer))

/** The same with sources of your own: they say what a root is, and where its models come from. @category layers */
export const layerWithSource = (
  options: Options
): Layer.Layer<ModelRepository, ModelsNotLoaded | PollFailed, OpenVersion.Services | RepositorySource> =>
  Layer.effect(ModelRepository, make(options))
