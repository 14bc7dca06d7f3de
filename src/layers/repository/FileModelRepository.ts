/**
 * Serves models from directories on disk: finds them, loads them while the layer is built, and keeps what is loaded.
 *
 * Upstream: `InferenceServer`. Downstream: `Scheduler` and `Executor`.
 */
import { Effect, type FileSystem, Layer, type Path, Result, type Scope } from "effect"
import { ControlNotAllowed, codes, ModelsNotLoaded, type PollFailed } from "../../schema/Errors.ts"
import type { Executor } from "../../services/Executor.ts"
import { type IndexEntry, type LoadEvent, ModelRepository } from "../../services/ModelRepository.ts"
import type { Scheduler } from "../../services/Scheduler.ts"
import * as Discovery from "./internal/Discovery.ts"
import { indexEntries } from "./internal/IndexEntries.ts"
import * as Lifecycle from "./internal/Lifecycle.ts"
import * as ModelLoader from "./internal/ModelLoader.ts"
import { type Options, settings } from "./internal/RepositoryOptions.ts"

export type { BackendSetting } from "./internal/BackendSettings.ts"
export type { Options } from "./internal/RepositoryOptions.ts"
export { check, type CheckRow } from "./internal/RepositoryCheck.ts"

const refusal = "explicit model load / unload is not allowed if polling is enabled"

/**
 * A sentence for logs out of an event of a failure.
 *
 * Source: model-config §0.3 for the forms.
 *
 * @category formatting
 */
export const formatFailure = (event: Extract<LoadEvent, { readonly _tag: "Failed" }>): string =>
  event.version === undefined
    ? event.reason
    : `failed to load '${event.model}' version ${event.version}: ${event.reason}`

const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<
  ModelRepository["Service"],
  ModelsNotLoaded | PollFailed,
  Executor | Scheduler | FileSystem.FileSystem | Path.Path | Scope.Scope
> {
  const given = settings(options)
  const failures: Array<Extract<LoadEvent, { readonly _tag: "Failed" }>> = []
  const report = (event: LoadEvent) => {
    if (event._tag === "Failed") failures.push(event)
    return given.onEvent(event)
  }
  const loader = yield* ModelLoader.make({ ...given, onEvent: report })
  const lifecycle = yield* Lifecycle.make({ ...given, onEvent: report })

  const discover = Discovery.discover(given).pipe(Effect.provideContext(loader.context))
  let known: Discovery.Discovery = { models: [], failures: [], ambiguous: [], warnings: [] }

  const loadModel = Effect.fn("FileModelRepository.loadModel")(function*(found: Discovery.Discovered) {
    const polled = yield* loader.poll(found)
    const versions = yield* loader.versions(polled)
    if (versions.length === 0) lifecycle.register(found)
    yield* lifecycle.load(found, versions)
  })

  const loadAll = Effect.fn("FileModelRepository.loadAll")(function*() {
    known = yield* discover
    yield* report({ _tag: "Found", models: known.models.map(({ id }) => id) })
    for (const { message, model } of known.warnings) yield* report({ _tag: "Warning", model, message })
    for (const { message, model } of known.failures) {
      yield* report({ _tag: "Failed", model, version: undefined, reason: message })
    }
    yield* Effect.forEach(known.models, (found) => Effect.ignore(loadModel(found)), {
      concurrency: 16,
      discard: true
    })
  })
  return undefined as never
})
