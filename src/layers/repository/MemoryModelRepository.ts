/**
 * Serves models given as values: for tests, and for applications that embed the server.
 *
 * Upstream: `InferenceServer`. Downstream: `Scheduler` and `Executor`, for models given by their file.
 */
import { Effect, Layer, Path, type Scope } from "effect"
import { LoadFailed, ModelsNotLoaded, PollFailed, Unsupported } from "../../schema/Errors.ts"
import * as ModelConfig from "../../schema/ModelConfig.ts"
import { type LoadEvent, type Model, ModelRepository } from "../../services/ModelRepository.ts"
import type { BackendSetting } from "./internal/BackendSettings.ts"
import { normaliseConfig } from "./internal/config/Normalise.ts"
import { validateConfig } from "./internal/config/Validate.ts"
import * as GivenEnsembles from "./internal/ensemble/GivenEnsembles.ts"
import { indexEntries } from "./internal/IndexEntries.ts"
import * as Lifecycle from "./internal/Lifecycle.ts"
import * as OpenVersion from "./internal/OpenVersion.ts"
import * as PrepareVersion from "./internal/PrepareVersion.ts"
import * as VersionParameter from "./internal/VersionParameter.ts"
import * as VersionSpan from "./internal/VersionSpan.ts"

/**
 * A model file with as much of a config as its owner wants to give; the rest is derived from the file. Nothing is derived from the module
 * of a custom model, whose config says `platform: "custom"`, and its inputs and outputs.
 *
 * @category models
 */
export interface ModelFile {
  readonly name: string
  /** Default: 1. */
  readonly version?: number | undefined
  /** Path of the ONNX file, or of the module. */
  readonly path: string
  readonly config?: ModelConfig.Draft | undefined
}

/** An ensemble of other models that are given: it has a config, and no file. @category models */
export interface Ensemble {
  readonly name: string
  /** Default: 1. */
  readonly version?: number | undefined
  readonly config: ModelConfig.Draft & { readonly platform: "ensemble" }
}

/** @category models */
export interface Options {
  readonly models: ReadonlyArray<ModelFile | Ensemble>
  /** Versions that load at once; at least 1. Default: 4. */
  readonly loadThreadCount?: number | undefined
  /** Settings of backends, such as `default-max-batch-size`. Default: none. */
  readonly backendConfig?: ReadonlyArray<BackendSetting> | undefined
  /** Told of all that happens, in the fiber that does it. Default: nobody. */
  readonly onEvent?: ((event: LoadEvent) => Effect.Effect<void>) | undefined
}

type Versions = ReadonlyMap<string, ReadonlyArray<Lifecycle.VersionPlan>>

const group = (
  plans: ReadonlyArray<{ readonly name: string; readonly plan: Lifecycle.VersionPlan }>
): Versions => {
  const groups = new Map<string, Array<Lifecycle.VersionPlan>>()
  for (const { name, plan } of plans) groups.set(name, [...groups.get(name) ?? [], plan])
  return groups
}

type Given = Pick<GivenEnsembles.Options, "given" | "services">

const make = Effect.fnUntraced(function*(
  versions: Versions,
  options: Omit<Options, "models">,
  given?: Given
): Effect.fn.Return<
  ModelRepository["Service"],
  ModelsNotLoaded,
  Scope.Scope
> {
  const failures: Array<{ readonly model: string; readonly version?: number; readonly reason: string }> = []
  const lifecycle = yield* Lifecycle.make({
    loadThreadCount: options.loadThreadCount ?? 4,
    loadRetryCount: 0,
    onEvent: (event) => {
      if (event._tag === "Failed" && event.version !== undefined) {
        failures.push({ model: event.model, version: event.version, reason: event.reason })
      }
      return options.onEvent?.(event) ?? Effect.void
    }
  })
  const load = (name: string, only?: number) => {
    const plans = versions.get(name) ?? []
    return only === undefined
      ? lifecycle.load({ id: name, name }, plans)
      : lifecycle.load({ id: name, name }, plans.filter(({ version }) => version === only), undefined, {
        keep: (version) => version !== only
      })
  }
  const ensembles = given && (yield* GivenEnsembles.make({
    ...given,
    lifecycle,
    others: new Set(versions.keys()),
    loadOther: (name) => load(name),
    warn: (model) => (message) => options.onEvent?.({ _tag: "Warning", model, message }) ?? Effect.void
  }))
  const names = [
    ...versions.keys(),
    ...(given?.given ?? []).map(({ name }) => name).filter((name) => !versions.has(name))
  ]
  yield* options.onEvent?.({ _tag: "Found", models: names }) ?? Effect.void
  yield* Effect.forEach(versions.keys(), (name) => Effect.ignore(load(name)), { concurrency: 16, discard: true })
  yield* ensembles?.loadAll ?? Effect.void
  if (failures.length > 0) return yield* new ModelsNotLoaded({ failures })

  return {
    lookup: lifecycle.lookup,
    readyVersions: lifecycle.readyVersions,
    rollout: lifecycle.rollout,
    index: Effect.sync(() => indexEntries(names.map((name) => ({ id: name, name })), lifecycle.states())),
    allReady: Effect.sync(lifecycle.allReady),
    load: Effect.fnUntraced(function*(name, parameters) {
      if (parameters?.config !== undefined || parameters?.files !== undefined) {
        return yield* new Unsupported({ message: "models given as values take no load parameters: give other values" })
      }
      if (!names.includes(name)) {
        return yield* new PollFailed({
          code: "INTERNAL",
          message: `failed to load '${name}', failed to poll from model repository`
        })
      }
      const only = yield* Effect.fromResult(VersionParameter.read(parameters?.version))
      const known = ensembles?.versionsOf(name) ?? []
      if (only !== undefined && !known.includes(only) && !versions.get(name)?.some(({ version }) => version === only)) {
        return yield* new LoadFailed({
          model: name,
          code: "INTERNAL",
          message: `failed to load '${name}', no version is available\nthere is no version ${only}`
        })
      }
      yield* ensembles?.load(name, load(name, only)) ?? load(name, only)
    }),
    unload: (name, options) =>
      Effect.flatMap(
        Effect.fromResult(VersionParameter.read(options?.version)),
        (version) =>
          ensembles?.unload(name, version, options?.unloadDependents === true) ?? lifecycle.unload(name, version)
      )
  }
})

/**
 * Models that already stand, each with its scheduler; they stay their owner's, and unloading only takes them out of the look-up.
 * Loading and unloading on demand are allowed.
 *
 * @category layers
 */
export const layer = (models: ReadonlyArray<Model>): Layer.Layer<ModelRepository> =>
  Layer.effect(
    ModelRepository,
    Effect.orDie(make(
      group(models.map((model) => ({
        name: model.name,
        plan: { version: model.version, open: Effect.succeed(model) }
      }))),
      {}
    ))
  )

const prepare = Effect.fnUntraced(function*(model: ModelFile, options: Options) {
  const path = yield* Path.Path
  const { name, version = 1 } = model
  const file = path.resolve(model.path)
  const custom = model.config?.backend === "custom" || model.config?.platform === "custom"
  const config = normaliseConfig(ModelConfig.make({
    backend: custom ? "custom" : "onnxruntime",
    platform: custom ? "custom" : "onnxruntime_onnx",
    default_model_filename: path.basename(file),
    ...model.config,
    name
  }))
  yield* Effect.mapError(
    Effect.fromResult(validateConfig(config)),
    ({ code, message }) => new LoadFailed({ model: name, code, message })
  )
  return yield* PrepareVersion.prepare(
    {
      found: { id: name, name, root: path.dirname(file), directory: path.dirname(file), file },
      config,
      autoComplete: true,
      available: [version]
    },
    version,
    options.backendConfig ?? [],
    (message) => options.onEvent?.({ _tag: "Warning", model: name, message }) ?? Effect.void
  )
})

const makeFromFiles = Effect.fnUntraced(function*(options: Options) {
  const services = yield* OpenVersion.services
  const files: Array<ModelFile> = []
  const given: Array<GivenEnsembles.GivenEnsemble> = []
  for (const model of options.models) {
    if ("path" in model) files.push(model)
    else given.push({ ...model, version: model.version ?? 1 })
  }
  return yield* make(
    group(files.map((model) => ({
      name: model.name,
      plan: {
        version: model.version ?? 1,
        open: prepare(model, options).pipe(
          Effect.flatMap((prepared) => OpenVersion.open(prepared)),
          VersionSpan.load(model.name, model.version ?? 1),
          Effect.provideContext(services)
        )
      }
    }))),
    options,
    { given, services }
  )
})

/**
 * Models given by their files, loaded as a file repository loads them, and ensembles of them. Several files of one name are its
 * versions. Loading and unloading on demand are allowed.
 *
 * Errors: `ModelsNotLoaded`, after all were tried.
 *
 * @category layers
 */
export const layerFromFiles = (options: Options): Layer.Layer<ModelRepository, ModelsNotLoaded, OpenVersion.Services> =>
  Layer.effect(ModelRepository, makeFromFiles(options))
