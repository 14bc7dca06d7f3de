/**
 * The whole server as one layer: what a library user provides, and what the command line configures.
 *
 * Composed top-down, in the direction of the request: front ends, door, repository, scheduler, executor, memory.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Duration, Effect, Layer } from "effect"
import type { ListenFailed, ModelsNotLoaded, PollFailed } from "../schema/Errors.ts"
import type { ModelConfig } from "../schema/ModelConfig.ts"
import * as MetricsSettings from "../schema/options/MetricsSettings.ts"
import { isStrictConfig, type ServerOptions } from "../schema/ServerOptions.ts"
import type { BatchPolicy } from "../services/Batcher.ts"
import type { InferenceServer } from "../services/InferenceServer.ts"
import type { LoadEvent, ModelRepository } from "../services/ModelRepository.ts"
import type { Statistics } from "../services/Statistics.ts"
import type { TensorMemory } from "../services/TensorMemory.ts"
import * as OnnxExecutor from "./execution/OnnxExecutor.ts"
import * as SharedTensorMemory from "./execution/SharedTensorMemory.ts"
import * as HttpFrontend from "./frontend/HttpFrontend.ts"
import * as MetricsFrontend from "./frontend/MetricsFrontend.ts"
import * as LocalInferenceServer from "./inference/LocalInferenceServer.ts"
import * as FileModelRepository from "./repository/FileModelRepository.ts"
import * as ConfiguredScheduler from "./scheduling/ConfiguredScheduler.ts"
import * as DynamicBatcher from "./scheduling/DynamicBatcher.ts"
import * as PreciseClock from "./scheduling/PreciseClock.ts"
import * as LocalStatistics from "./telemetry/LocalStatistics.ts"
import * as PrometheusMetrics from "./telemetry/PrometheusMetrics.ts"
import * as Version from "./Version.ts"

/** What an embedding program may listen to, and decide. @category models */
export interface Hooks {
  /** Told of everything that happens to models. Default: nobody. */
  readonly onEvent?: (event: LoadEvent) => Effect.Effect<void>
  /** The batching policy of a model; `undefined`: what its config says. Default: what its config says. */
  readonly batchPolicy?: (config: ModelConfig) => BatchPolicy | undefined
}

/** Why a server does not start. @category errors */
export type StartFailure = ModelsNotLoaded | PollFailed | ListenFailed

/**
 * The server without front ends: models loaded, and the door open to the program that provides this layer.
 *
 * Errors: `ModelsNotLoaded` and `PollFailed`, when models cannot be loaded and `exitOnError` is set.
 *
 * @category layers
 */
export const layerInProcess = (
  options: ServerOptions,
  hooks: Hooks = {}
): Layer.Layer<InferenceServer | ModelRepository | Statistics | TensorMemory, ModelsNotLoaded | PollFailed> => {
  const memory = SharedTensorMemory.layerWith({ maxIdleBytes: options.tensorMemoryIdleBytes })
  const executor = layerExecutor(options)
  const repository = FileModelRepository.layer(repositoryOptions(options, hooks))
  return LocalInferenceServer.layer({
    name: options.id,
    version: Version.current,
    strictReadiness: options.strictReadiness
  }).pipe(
    Layer.provideMerge(repository),
    Layer.provide(layerScheduler(options, hooks)),
    Layer.provide(executor),
    Layer.provideMerge(LocalStatistics.layerWith({ quantiles: keepsQuantiles(options) })),
    Layer.provideMerge(memory),
    Layer.provide(NodeServices.layer)
  )
}

const layerScheduler = ({ maxQueueSize, splitOversizedBatches }: ServerOptions, { batchPolicy }: Hooks) =>
  ConfiguredScheduler.layerWith({ maxQueueSize, splitOversizedBatches }).pipe(
    Layer.provide(
      DynamicBatcher.layerWith({ maxQueueSize, ...(batchPolicy === undefined ? {} : { policy: batchPolicy }) })
    ),
    Layer.provide(PreciseClock.layer)
  )

/**
 * The server with the front ends that the options ask for. They listen only after every model is loaded, until the scope of
 * the layer closes.
 *
 * Errors: those of `layerInProcess`, and `ListenFailed` when an address cannot be listened on.
 *
 * @category layers
 */
export const layer = (
  options: ServerOptions,
  hooks: Hooks = {}
): Layer.Layer<InferenceServer | ModelRepository | Statistics | TensorMemory, StartFailure> => {
  const server = layerInProcess(options, hooks)
  // Metrics stay until the last request was answered.
  const observed = options.allowMetrics ? layerMetrics(options).pipe(Layer.provideMerge(server)) : server
  return options.allowHttp ? HttpFrontend.layer(httpOptions(options)).pipe(Layer.provideMerge(observed)) : observed
}

const keepsQuantiles = (options: ServerOptions): boolean =>
  options.allowMetrics && MetricsSettings.read(options.metricsConfig).summaryLatencies

const layerMetrics = (options: ServerOptions) => {
  const settings = MetricsSettings.read(options.metricsConfig)
  return MetricsFrontend.layer({
    address: options.metricsAddress === "" ? options.httpAddress : options.metricsAddress,
    port: options.metricsPort
  }).pipe(
    Layer.provide(PrometheusMetrics.layerWith({
      counterLatencies: settings.counterLatencies,
      histogramLatencies: settings.histogramLatencies,
      quantiles: settings.summaryLatencies ? settings.summaryQuantiles.map(({ share }) => share) : undefined,
      cpu: options.allowCpuMetrics,
      interval: Duration.millis(options.metricsIntervalMs),
      pinnedMemoryPoolBytes: options.pinnedMemoryPoolByteSize
    }))
  )
}

/**
 * Validates every model that `layer` would load, without serving any.
 *
 * Errors: `PollFailed` for a root that cannot be listed; all else is in the rows.
 *
 * @category validation
 */
export const check = (
  options: ServerOptions,
  hooks: Hooks = {}
): Effect.Effect<ReadonlyArray<FileModelRepository.CheckRow>, PollFailed> =>
  FileModelRepository.check(repositoryOptions(options, hooks)).pipe(
    Effect.provide(
      layerExecutor(options).pipe(
        Layer.provide(SharedTensorMemory.layerWith({ maxIdleBytes: options.tensorMemoryIdleBytes })),
        Layer.provideMerge(NodeServices.layer)
      )
    )
  )

const layerExecutor = (options: ServerOptions) =>
  OnnxExecutor.layerWith({
    stallTimeout: options.instanceStallTimeoutSecs === 0
      ? Duration.infinity
      : Duration.seconds(options.instanceStallTimeoutSecs),
    workerHeapMegabytes: options.instanceHeapMegabytes,
    ...(options.instanceCores === 0 ? {} : { cores: options.instanceCores })
  })

const repositoryOptions = (options: ServerOptions, hooks: Hooks): FileModelRepository.Options => ({
  paths: options.modelRepository,
  strictModelConfig: isStrictConfig(options),
  modelConfigName: options.modelConfigName,
  loadThreadCount: options.modelLoadThreadCount,
  loadRetryCount: options.modelLoadRetryCount,
  modelNamespacing: options.modelNamespacing,
  exitOnError: options.exitOnError,
  backendConfig: options.backendConfig,
  onEvent: hooks.onEvent
})

const httpOptions = (options: ServerOptions): HttpFrontend.Options => ({
  address: options.httpAddress,
  port: options.httpPort,
  reusePort: options.reuseHttpPort,
  maxInputSize: options.httpMaxInputSize,
  maxRequestBytes: options.httpMaxRequestBytes,
  maxInflightBytes: options.httpMaxInflightBytes,
  maxInflightRequests: options.httpMaxInflightRequests,
  maxConnections: options.httpMaxConnections,
  maxHeaderSize: options.httpMaxHeaderBytes,
  headerTimeout: Duration.millis(options.httpHeaderTimeoutMs),
  bodyTimeout: Duration.millis(options.httpBodyTimeoutMs),
  requestTimeout: Duration.millis(options.httpRequestTimeoutMs),
  idleTimeout: Duration.millis(options.httpIdleTimeoutMs),
  exitTimeout: Duration.seconds(options.exitTimeoutSecs),
  restrictions: options.httpRestrictedApi,
  headerForwardPattern: options.httpHeaderForwardPattern,
  serverTiming: options.httpServerTiming,
  corsAllowOrigins: options.httpCorsAllowOrigin
})
