/**
 * Brings the config of one version to its final form and checks it against the model file: stages 10 to 13 of loading, up to
 * the opening of instances.
 *
 * Source: model-config §0.3.
 */
import { Effect, Path, Result } from "effect"
import { LoadFailed } from "../../../schema/Errors.ts"
import * as InstanceParameters from "../../../schema/InstanceParameters.ts"
import type { ModelConfig } from "../../../schema/ModelConfig.ts"
import * as ModelSignature from "../../../schema/ModelSignature.ts"
import type { SequenceState } from "../../../schema/SequenceState.ts"
import {
  type Device,
  Executor,
  type FoundDevice,
  type GpuSupport,
  type ModelPlan,
  type PlannedInstance
} from "../../../services/Executor.ts"
import * as BackendSettings from "./BackendSettings.ts"
import { resolveBackend } from "./config/Backend.ts"
import { type ConfigFault, invalid } from "./config/ConfigFault.ts"
import * as ExecutionProviders from "./config/ExecutionProviders.ts"
import { type Gpus, noGpus, normaliseConfig, normaliseInstanceGroups } from "./config/Normalise.ts"
import { unimplemented } from "./config/Unimplemented.ts"
import { validateConfig } from "./config/Validate.ts"
import { validateAccelerators } from "./config/ValidateAccelerators.ts"
import { validateInstanceGroups } from "./config/ValidateInstanceGroups.ts"
import { validateStates } from "./config/ValidateStates.ts"
import { validateIo } from "./config/ValidateTensors.ts"
import * as CustomConfig from "./CustomConfig.ts"
import * as CustomFile from "./CustomFile.ts"
import type { Discovered } from "./Discovery.ts"
import * as InitialStates from "./InitialStates.ts"
import * as Labels from "./Labels.ts"
import * as ModelFile from "./ModelFile.ts"
import * as AutoComplete from "./onnx/AutoComplete.ts"
import * as Compare from "./onnx/Compare.ts"
import * as Compatibility from "./onnx/Compatibility.ts"
import * as ModelIo from "./onnx/ModelIo.ts"
import * as OnnxReader from "./onnx/OnnxReader.ts"
import type { Polled, Warn } from "./PollModel.ts"
import * as SessionOptions from "./SessionOptions.ts"

/** A version that can be opened. @category models */
export interface Prepared {
  /** The final config. */
  readonly config: ModelConfig
  readonly version: number
  /** The model's folder. */
  readonly directory: string
  /** A model file by itself: the folder that it lies in is no model's, nor are those below. */
  readonly bare: boolean
  readonly signature: ModelSignature.ModelSignature
  readonly plan: ModelPlan
  /** What the server keeps for each sequence, with what it begins with. */
  readonly states: ReadonlyArray<SequenceState>
  /** Absolute path of what it is made of: its folder, or its file where it has none. */
  readonly contents: string
}

const backendDirectory = "/opt/tritonserver/backends"

const gpusOf = (devices: ReadonlyArray<FoundDevice>, support: GpuSupport | undefined): Gpus => {
  const found = devices.filter(({ kind }) => kind === "GPU")
  if (found.length === 0 && support === undefined) return noGpus
  return {
    supported: true,
    present: found.length,
    usable: found.filter(({ unusable }) => unusable === undefined).map(({ id }) => id),
    remark: found.find(({ unusable }) => unusable !== undefined)?.unusable ?? support?.remark,
    ...(support === undefined ? {} : { minimumComputeCapability: support.minimumComputeCapability })
  }
}

/** Instances of normalised groups; a group on GPUs has its count on each of them. @category constructors */
export const instancesOf = (
  config: ModelConfig,
  providersOf: ExecutionProviders.Providers["of"] = () => undefined
): ModelPlan["instances"] =>
  config.instance_group.flatMap(({ count, gpus, kind, name, passive, rate_limiter: limiter }) => {
    const devices: ReadonlyArray<Device> = kind === "KIND_GPU"
      ? gpus.map((id) => ({ kind: "GPU", id }))
      : [{ kind: "CPU", id: 0 }]
    const needs = {
      ...(passive ? { passive } : {}),
      ...(limiter === undefined ? {} : { resources: limiter.resources, priority: limiter.priority })
    }
    return devices.flatMap((device) => {
      const providers = device.kind === "GPU" ? providersOf(device.id) : undefined
      return Array.from({ length: count }, (_, index): PlannedInstance => ({
        name: `${name}_${index}`,
        device,
        ...(providers === undefined ? {} : { providers }),
        ...needs
      }))
    })
  })

/** What a config says of how its instances run; nothing where it leaves that to the executor. */
const boundsOf = (
  config: ModelConfig,
  { isolation, maxGrowthBytes, maxMemoryBytes, maxRunNanos }: InstanceParameters.InstanceParameters
): Pick<ModelPlan, "isolation" | "maxRunNanos" | "maxMemoryBytes" | "maxGrowthBytes"> => ({
  ...(isolation === undefined ? {} : { isolation }),
  ...(maxRunNanos === undefined ? {} : { maxRunNanos }),
  ...(maxMemoryBytes === undefined ? {} : { maxMemoryBytes }),
  // What sequences have come to in an instance would be lost with it.
  ...(config.sequence_batching !== undefined
    ? { maxGrowthBytes: Infinity }
    : maxGrowthBytes === undefined
    ? {}
    : { maxGrowthBytes })
})

const readIo = Effect.fnUntraced(function*(model: string, path: string) {
  const executor = yield* Executor
  const info = yield* OnnxReader.read({ model, path })
  yield* Effect.fromResult(Compatibility.check(model, ModelIo.fromInfo(info)))
  const io = ModelIo.merge(info, yield* executor.inspect({ model, path }))
  yield* Effect.fromResult(Compatibility.check(model, io))
  return io
})

/** As for a model file, which a custom model has not: its config says all. */
const openCustom = Effect.fnUntraced(function*({ found }: Polled, config: ModelConfig, version: number) {
  const file = yield* CustomFile.locate(found, config, version)
  return { file, io: yield* Effect.fromResult(CustomConfig.io(config)) }
})

/**
 * Prepares one version of a polled model. Nothing is left open.
 *
 * Errors: `LoadFailed` with the first thing that is wrong.
 *
 * @category constructors
 */
export const prepare = Effect.fn("PrepareVersion.prepare")(function*(
  polled: Polled,
  version: number,
  backendConfig: ReadonlyArray<BackendSettings.BackendSetting>,
  warn: Warn
) {
  const path = yield* Path.Path
  const { devices, gpus: support } = yield* Executor
  const { directory } = polled.found
  const model = polled.config.name
  const checked = <A>(result: Result.Result<A, ConfigFault>) =>
    Effect.mapError(
      Effect.fromResult(result),
      ({ code, message }) => new LoadFailed({ model, code, message })
    )

  // Modules of custom models run on the CPU.
  const gpus = polled.config.backend === "custom" ? noGpus : gpusOf(devices, support)
  const grouped = normaliseInstanceGroups(polled.config, gpus)
  const backend = yield* checked(resolveBackend(grouped, {
    version: path.join(directory, String(version)),
    model: directory,
    backends: backendDirectory
  }))
  yield* checked(validateInstanceGroups(grouped, gpus))
  for (const { code, message, severity } of unimplemented(grouped, { modelDirectory: directory })) {
    if (severity === "refuse") return yield* new LoadFailed({ model, code, message })
    yield* warn(message)
  }

  const settings = yield* checked(Result.mapError(BackendSettings.read(backendConfig), (message) => ({
    code: "INVALID_ARG",
    message
  })))
  const custom = backend === "custom"
  const session = custom
    ? { settings: {}, warnings: CustomConfig.warnings(grouped) }
    : yield* Effect.fromResult(SessionOptions.read(grouped, settings))
  yield* Effect.forEach(session.warnings, warn, { discard: true })
  yield* checked(validateAccelerators(grouped))
  const providers = custom
    ? undefined
    : yield* checked(ExecutionProviders.choose(grouped, devices, support))
  yield* Effect.forEach(providers?.warnings ?? [], warn, { discard: true })

  const open = custom ? openCustom(polled, grouped, version) : Effect.gen(function*() {
    const file = yield* ModelFile.locate(polled.found, grouped, version)
    return { file, io: yield* readIo(model, file) }
  })
  const completing = polled.autoComplete && !custom && AutoComplete.isNeeded(grouped)
  if (polled.autoComplete && !completing && !custom) yield* Effect.logDebug(AutoComplete.skipped(model))
  const opened = completing ? yield* open : undefined
  const completion = opened === undefined
    ? { config: grouped, warnings: [] }
    : yield* Effect.fromResult(AutoComplete.run(model, grouped, opened.io, settings))
  yield* Effect.forEach(completion.warnings, warn, { discard: true })

  const config = normaliseConfig(completion.config)
  yield* checked(validateConfig(config))
  // A dimension of 0 is allowed where the model has one, which the comparison below decides.
  yield* checked(validateIo(config, { declaresZero: () => true }))
  yield* checked(validateStates(config))
  const bounds = yield* checked(Result.mapError(InstanceParameters.read(config), invalid))
  const labels = yield* Labels.read(config, directory, warn)

  const { file, io } = opened ?? (yield* open)
  const agreement = yield* Effect.fromResult(Compare.run(model, config, io))
  const states = yield* InitialStates.read({ config, directory, inputs: agreement.inputs })
  const prepared: Prepared = {
    config,
    version,
    directory,
    bare: polled.found.file !== undefined,
    signature: ModelSignature.make(config, labels, Compare.scalars(agreement)),
    plan: {
      model,
      version,
      path: file,
      inputs: agreement.inputs,
      outputs: agreement.outputs,
      batched: config.max_batch_size > 0,
      ...(config.max_batch_size > 0 ? { maxBatchSize: config.max_batch_size } : {}),
      ...(io.operators === undefined ? {} : { operators: io.operators }),
      instances: instancesOf(config, providers?.of),
      session: session.settings,
      ...(states.length === 0
        ? {}
        : { states: states.map(({ input, output, sameBuffer }) => ({ input, output, sameBuffer })) }),
      ...(custom ? { backend, parameters: CustomConfig.parameters(config) } : {}),
      ...boundsOf(config, bounds)
    },
    states,
    contents: polled.found.file ?? path.join(directory, String(version))
  }
  return prepared
})

/** Where the files of a model are, which may have to be fetched first. They stay until the scope closes. @category constructors */
export const hold = (discovered: Discovered) =>
  Effect.mapError(
    discovered.open,
    ({ code, message }) => new LoadFailed({ model: discovered.name, code, message })
  )

/**
 * `prepare` for a model whose files may have to be fetched first. They stay until the scope closes, which is the version's.
 *
 * Errors: `LoadFailed` with the first thing that is wrong.
 *
 * @category constructors
 */
export const open = Effect.fnUntraced(function*(
  discovered: Discovered,
  polled: Polled,
  version: number,
  backendConfig: ReadonlyArray<BackendSettings.BackendSetting>,
  warn: Warn
) {
  const found = yield* hold(discovered)
  return yield* prepare({ ...polled, found }, version, backendConfig, warn)
})
