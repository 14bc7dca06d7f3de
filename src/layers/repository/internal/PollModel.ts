/**
 * Reads a model's directory and config and checks what can be checked without the model file: stages 1 to 7 of loading.
 *
 * Source: model-config §0.3, §1.3 and §1.5.
 */
import { Effect, Path, Result } from "effect"
import { LoadFailed, PollFailed } from "../../../schema/Errors.ts"
import type { ModelConfig } from "../../../schema/ModelConfig.ts"
import * as ModelConfigs from "../../../schema/ModelConfig.ts"
import * as TextFormat from "../../../schema/proto/TextFormat.ts"
import * as Checksums from "./Checksums.ts"
import type { Checked } from "./config/ConfigFault.ts"
import * as GalateaParameters from "./config/GalateaParameters.ts"
import { normaliseConfig } from "./config/Normalise.ts"
import * as Resolve from "./config/Resolve.ts"
import { configWarnings, validateConfig } from "./config/Validate.ts"
import { validateIo } from "./config/ValidateTensors.ts"
import * as CustomFile from "./CustomFile.ts"
import * as Directory from "./Directory.ts"
import type { Located } from "./Discovery.ts"
import type { Settings } from "./RepositoryOptions.ts"
import * as RolloutFile from "./rollout/RolloutFile.ts"
import * as Versions from "./Versions.ts"

/** Bytes that a config file may have. @category constants */
export const maxConfigBytes = 16 * 1024 * 1024

/** A model whose config stands; its versions are not looked at yet. @category models */
export interface Polled {
  readonly found: Located
  /** Resolved, normalised and validated. */
  readonly config: ModelConfig
  /** What the model file says may complete the config. */
  readonly autoComplete: boolean
  /** Version directories, ascending. */
  readonly available: ReadonlyArray<number>
  /** How its versions are rolled out, where its directory says so. */
  readonly rollout?: RolloutFile.RolloutFile | undefined
}

/** Told of each thing that is odd and no error. @category models */
export type Warn = (message: string) => Effect.Effect<void>

const checked = (result: Checked) => Effect.mapError(Effect.fromResult(result), (fault) => new PollFailed(fault))

/** Nobody's code runs before this. */
const allowed = ({ name }: ModelConfig, found: Located, { customModels }: Settings) => {
  const refusal = CustomFile.refusal(name, found, customModels)
  return refusal === undefined ? Effect.void : Effect.fail(new PollFailed({ code: "INVALID_ARG", message: refusal }))
}

const readConfig = Effect.fnUntraced(function*(directory: string, settings: Settings, warn: Warn) {
  const path = yield* Path.Path
  const named = path.join(directory, "configs", `${settings.modelConfigName}.pbtxt`)
  const useNamed = settings.modelConfigName !== "" && (yield* Directory.kindOf(named)) === "File"
  const file = useNamed ? named : path.join(directory, "config.pbtxt")
  if (!settings.strictModelConfig && (yield* Directory.kindOf(file)) === undefined) return ModelConfigs.empty
  const bytes = yield* Directory.readBounded(file, maxConfigBytes)
  const parsed = TextFormat.parseModelConfig(bytes, { path: file })
  if (Result.isFailure(parsed)) return yield* new PollFailed({ code: "INTERNAL", message: parsed.failure.pretty })
  yield* Effect.forEach(parsed.success.warnings, warn, { discard: true })
  return parsed.success.config
})

const entriesBelow = Effect.fnUntraced(function*(directory: string, entries: ReadonlyArray<Directory.Entry>) {
  const path = yield* Path.Path
  const first = Resolve.directoryToLookInto(
    entries.filter(({ kind }) => kind === "Directory").map(({ name }) => name)
  )
  if (first === undefined) return []
  return (yield* Directory.list(path.join(directory, first))).flatMap(({ kind, name }) =>
    kind === "Broken" ? [] : [{ name, kind: kind === "Directory" ? "directory" as const : "file" as const }]
  )
})

/** A bare file has a config only where a load brings one. */
const pollBare = Effect.fnUntraced(function*(
  found: Located,
  file: string,
  given: ModelConfig,
  settings: Settings,
  warn: Warn
) {
  const path = yield* Path.Path
  const config = normaliseConfig({
    ...given,
    name: given.name === "" ? found.name : given.name,
    backend: given.backend === "" ? "onnxruntime" : given.backend,
    platform: given.platform === "" ? "onnxruntime_onnx" : given.platform,
    default_model_filename: path.basename(file)
  })
  yield* Effect.forEach(GalateaParameters.warnings(config), warn, { discard: true })
  yield* checked(validateConfig(config))
  if (config.backend === "custom") yield* allowed(config, found, settings)
  yield* checked(Resolve.checkDirectoryName(config, found.name))
  return { found, config, autoComplete: true, available: [1], rollout: undefined } satisfies Polled
})

/**
 * Polls one model. `override` takes the place of its config file.
 *
 * Errors: `PollFailed` with the first thing that is wrong, without the name of the model around it.
 *
 * @category constructors
 */
export const poll = Effect.fn("PollModel.poll")(function*(
  found: Located,
  settings: Settings,
  warn: Warn,
  override?: ModelConfig
) {
  if (found.file !== undefined) {
    return yield* pollBare(found, found.file, override ?? ModelConfigs.empty, settings, warn)
  }
  const entries = yield* Directory.list(found.directory)
  const given = override ?? (yield* readConfig(found.directory, settings, warn))
  yield* Checksums.verify(given.name === "" ? { ...given, name: found.name } : given, found.directory)
  const resolved = Resolve.resolve(given, {
    name: found.name,
    entries: yield* entriesBelow(found.directory, entries)
  })
  if (Result.isFailure(resolved)) return yield* new PollFailed(resolved.failure)
  const config = normaliseConfig(resolved.success)
  // Before the checks: a misspelt parameter may be why one fails.
  yield* Effect.forEach(GalateaParameters.warnings(config), warn, { discard: true })
  yield* checked(validateConfig(config))
  if (config.backend === "custom") yield* allowed(config, found, settings)
  // A dimension of 0 is allowed where the model has one; the comparison with the model decides.
  if (settings.strictModelConfig) yield* checked(validateIo(config, { declaresZero: () => true }))
  yield* checked(Resolve.checkDirectoryName(config, found.name))
  yield* Effect.forEach(configWarnings(config), warn, { discard: true })
  const rollout = yield* RolloutFile.read(found.directory)
  const { versions, warnings } = Versions.list(entries)
  yield* Effect.forEach(warnings, warn, { discard: true })
  return { found, config, autoComplete: !settings.strictModelConfig, available: versions, rollout } satisfies Polled
})

const withoutAny = ({ name, platform, version_policy: policy }: ModelConfig): string =>
  `: its directory holds no version, make the folder ${name}/${policy?.specific?.versions[0] ?? 1}` +
  (platform === "ensemble" ? ", which may be empty for an ensemble" : " with the model's file in it")

/**
 * The versions that the model's policy serves: stage 9 of loading.
 *
 * Errors: `LoadFailed` INVALID_ARG where there is none, or where the rollout names one that is not among them. Source:
 * model-config §1.3.
 *
 * @category getters
 */
export const chooseVersions = Effect.fnUntraced(function*({ available, config, rollout }: Polled, warn: Warn) {
  const { missing, versions } = Versions.choose(config, available)
  yield* Effect.forEach(missing, warn, { discard: true })
  const refused = (message: string) => new LoadFailed({ model: config.name, code: "INVALID_ARG", message })
  if (versions.length === 0) {
    return yield* refused(
      `at least one version must be available under the version policy of model '${config.name}'` +
        (available.length === 0 ? withoutAny(config) : "")
    )
  }
  if (rollout !== undefined) {
    yield* Effect.mapError(
      Effect.fromResult(RolloutFile.checkServed(rollout, versions)),
      ({ message }) => refused(message)
    )
  }
  return versions
})
