/**
 * The whole server as one layer: what a library user provides, and what the command line configures.
 *
 * Composed top-down, in the direction of the request: front ends, door, repository, scheduler, executor, memory.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Duration, Effect, type FileSystem, Layer, type Path, Result } from "effect"
import type { AccessFailed, ListenFailed, ModelsNotLoaded, PollFailed, SharedMemoryMissing } from "../schema/Errors.ts"
import type { ModelConfig } from "../schema/ModelConfig.ts"
import { cacheSettings, make as makeOptions, type ServerOptions } from "../schema/ServerOptions.ts"
import type { BatchPolicy } from "../services/Batcher.ts"
import { Certificates, make as makeCertificates } from "../services/Certificates.ts"
import { Departure, make as makeDeparture } from "../services/Departure.ts"
import type { Executor } from "../services/Executor.ts"
import type { InferenceServer } from "../services/InferenceServer.ts"
import { Metrics } from "../services/Metrics.ts"
import { MetricsExport } from "../services/MetricsExport.ts"
import { MetricsPort } from "../services/MetricsPort.ts"
import type { LoadEvent, ModelRepository } from "../services/ModelRepository.ts"
import type { Scheduler } from "../services/Scheduler.ts"
import type { Statistics } from "../services/Statistics.ts"
import type { TensorMemory } from "../services/TensorMemory.ts"
import * as ConfiguredAccess from "./access/ConfiguredAccess.ts"
import * as ConfiguredResponseCache from "./cache/ConfiguredResponseCache.ts"
import * as FileClientMemory from "./clientmemory/FileClientMemory.ts"
import * as ServerConsole from "./console/ServerConsole.ts"
import * as CustomExecutor from "./execution/CustomExecutor.ts"
import * as OnnxExecutor from "./execution/OnnxExecutor.ts"
import * as RoutedExecutor from "./execution/RoutedExecutor.ts"
import * as SharedTensorMemory from "./execution/SharedTensorMemory.ts"
import * as GrpcFrontend from "./frontend/GrpcFrontend.ts"
import * as HttpFrontend from "./frontend/HttpFrontend.ts"
import * as MetricsFrontend from "./frontend/MetricsFrontend.ts"
import * as LocalInferenceServer from "./inference/LocalInferenceServer.ts"
import * as LeftOvers from "./LeftOvers.ts"
import {
  accessOptions,
  clientMemoryOptions,
  gpuOptions,
  grpcOptions,
  httpOptions,
  repositoryOptions
} from "./PartOptions.ts"
import * as FileModelRepository from "./repository/FileModelRepository.ts"
import * as ConfiguredRateLimiter from "./scheduling/ConfiguredRateLimiter.ts"
import * as ConfiguredScheduler from "./scheduling/ConfiguredScheduler.ts"
import * as DynamicBatcher from "./scheduling/DynamicBatcher.ts"
import * as PreciseClock from "./scheduling/PreciseClock.ts"
import * as SequenceBatcher from "./scheduling/SequenceBatcher.ts"
import * as ConfiguredMetrics from "./telemetry/ConfiguredMetrics.ts"
import * as ConfiguredTracing from "./telemetry/ConfiguredTracing.ts"
import * as LocalStatistics from "./telemetry/LocalStatistics.ts"
import * as RecentFlows from "./telemetry/RecentFlows.ts"
import * as Version from "./Version.ts"

/** What a repository may use to open the versions that it serves. @category models */
export type RepositoryServices = Executor | Scheduler | Statistics | FileSystem.FileSystem | Path.Path

/** What an embedding program may listen to, decide, and put in the place of the server's own parts. @category models */
export interface Hooks {
  /** Told of everything that happens to models. Default: nobody. */
  readonly onEvent?: (event: LoadEvent) => Effect.Effect<void>
  /** Runs when the models are loaded, before a front end listens. Default: nothing. */
  readonly onLoaded?: Effect.Effect<void>
  /** Runs when the server begins to end: it is not ready any more. Default: nothing. */
  readonly onDeparture?: Effect.Effect<void>
  /** The batching policy of a model; `undefined`: what its config says. Default: what its config says. */
  readonly batchPolicy?: (config: ModelConfig) => BatchPolicy | undefined
  /** Knows and loads the models, such as `MemoryModelRepository`. Default: the folders of `modelRepository`. */
  readonly repository?: Layer.Layer<ModelRepository, ModelsNotLoaded | PollFailed, RepositoryServices>
  /** Runs the models. Default: ONNX Runtime, and modules of custom models. */
  readonly executor?: Layer.Layer<Executor, never, TensorMemory>
  /** Counts and measures. Default: in this process, for `/v2/models/stats` and metrics. */
  readonly statistics?: Layer.Layer<Statistics>
  /** Provides `ResponseCache`, such as `LocalResponseCache`. Default: what the options say, which is none. */
  readonly responseCache?: Layer.Layer<never>
}

/** Why a server does not start. @category errors */
export type StartFailure = ModelsNotLoaded | PollFailed | ListenFailed | AccessFailed | SharedMemoryMissing

/**
 * The server without front ends: models loaded, and the door open to the program that provides this layer. Options that are
 * left out have the defaults of the command line.
 *
 * Errors: `ModelsNotLoaded` and `PollFailed`, when models cannot be loaded and `exitOnError` is set.
 *
 * @category layers
 */
export const layerInProcess = (
  changes: Partial<ServerOptions> = {},
  hooks: Hooks = {}
): Layer.Layer<InferenceServer | ModelRepository | Statistics | TensorMemory, ModelsNotLoaded | PollFailed> => {
  const options = makeOptions(changes)
  return layerMetrics(options).pipe(Layer.provideMerge(layerDoor(options, hooks)))
}

/** Models and the door to them. */
const layerDoor = (
  options: ServerOptions,
  hooks: Hooks
): Layer.Layer<InferenceServer | ModelRepository | Statistics | TensorMemory, ModelsNotLoaded | PollFailed> => {
  const memory = SharedTensorMemory.layerWith({ maxIdleBytes: options.tensorMemoryIdleBytes })
  const executor = hooks.executor ?? layerExecutor(options)
  const repository = hooks.repository ?? FileModelRepository.layer(repositoryOptions(options, hooks))
  const statistics = hooks.statistics ??
    LocalStatistics.layerWith({ quantiles: ConfiguredMetrics.keepsQuantiles(options) })
  return LocalInferenceServer.layer({
    name: options.id,
    version: Version.current,
    strictReadiness: options.strictReadiness,
    shadow: {
      maxInflightRequests: options.shadowMaxInflightRequests,
      maxInflightBytes: options.shadowMaxInflightBytes
    }
  }).pipe(
    Layer.provideMerge(repository),
    Layer.provide(layerScheduler(options, hooks)),
    Layer.provide(executor),
    Layer.provideMerge(
      ConfiguredRateLimiter.layerWith({ mode: options.rateLimit, resources: options.rateLimitResource })
    ),
    Layer.provideMerge(statistics),
    Layer.provideMerge(hooks.responseCache ?? layerResponseCache(options)),
    Layer.provideMerge(ConfiguredTracing.layer(options)),
    Layer.provideMerge(options.console === "false" ? Layer.empty : RecentFlows.layer()),
    Layer.provideMerge(memory),
    Layer.provide(Layer.effectDiscard(LeftOvers.clean)),
    Layer.provide(NodeServices.layer)
  )
}

const layerResponseCache = (options: ServerOptions): Layer.Layer<never> => {
  const settings = cacheSettings(options)
  if (Result.isFailure(settings)) {
    return Layer.unwrap(Effect.die(new Error(`--cache-config: ${settings.failure}`)))
  }
  return ConfiguredResponseCache.layer(settings.success)
}

const layerScheduler = (options: ServerOptions, { batchPolicy }: Hooks) => {
  const { maxQueueSize, splitOversizedBatches } = options
  return ConfiguredScheduler.layerWith({ maxQueueSize, splitOversizedBatches }).pipe(
    Layer.provide(
      DynamicBatcher.layerWith({ maxQueueSize, ...(batchPolicy === undefined ? {} : { policy: batchPolicy }) })
    ),
    Layer.provide(
      SequenceBatcher.layerWith({
        maxQueueSize,
        maxBacklog: options.sequenceMaxBacklog,
        drain: Duration.millis(options.sequenceDrainMs)
      })
    ),
    Layer.provide(PreciseClock.layer)
  )
}

/**
 * The server with the front ends that the options ask for. They listen only after every model is loaded, until the scope of
 * the layer closes: then the server is not ready any more, serves on for `exitDrainMs`, and takes no more requests.
 *
 * Errors: those of `layerInProcess`, `ListenFailed` when an address cannot be listened on, `AccessFailed` when the file of API keys
 * cannot be used, and `SharedMemoryMissing` where clients are let register shared memory and the machine has none.
 *
 * @category layers
 */
export const layer = (
  changes: Partial<ServerOptions> = {},
  hooks: Hooks = {}
): Layer.Layer<InferenceServer | ModelRepository | Statistics | TensorMemory, StartFailure> => {
  const options = makeOptions(changes)
  // Metrics stay until the last request was answered.
  const observed = layerMetrics(options, options.allowMetrics ? layerMetricsPort(options) : undefined).pipe(
    Layer.provideMerge(layerDoor(options, hooks))
  )
  const http = options.allowHttp
    ? HttpFrontend.layer(httpOptions(options)).pipe(
      Layer.provide(options.console === "false" ? Layer.empty : ServerConsole.layer())
    )
    : Layer.empty
  const grpc = options.allowGrpc ? GrpcFrontend.layer(grpcOptions(options)) : Layer.empty
  // Merged, they end at the same time: what one has no more room for must not go to the other.
  return layerDeparting(options, hooks).pipe(
    Layer.provideMerge(Layer.mergeAll(http, grpc)),
    Layer.provideMerge(Layer.effectDiscard(hooks.onLoaded ?? Effect.void)),
    Layer.provide(options.allowClientShm ? FileClientMemory.layer(clientMemoryOptions(options)) : Layer.empty),
    Layer.provideMerge(observed),
    Layer.provide(ConfiguredAccess.layer(accessOptions(options))),
    Layer.provide(Layer.sync(Departure, makeDeparture)),
    Layer.provide(Layer.sync(Certificates, makeCertificates))
  )
}

/** Closes first, and tells that the rest will. */
const layerDeparting = (
  { exitDrainMs }: ServerOptions,
  { onDeparture = Effect.void }: Hooks
): Layer.Layer<never> =>
  Layer.effectDiscard(Effect.gen(function*() {
    const departure = yield* Departure
    yield* Effect.addFinalizer(() =>
      departure.begin.pipe(
        Effect.andThen(onDeparture),
        Effect.andThen(Effect.sleep(exitDrainMs)),
        Effect.andThen(departure.end)
      )
    )
  }))

/** Gathers metrics for whoever wants some: a port that shows them, and `MetricsExport`. Nobody: there are none. */
const layerMetrics = <E = never>(
  options: ServerOptions,
  port?: Layer.Layer<never, E, Metrics>
): Layer.Layer<never, E, Statistics> =>
  Layer.unwrap(Effect.map(MetricsExport, (exporter) => {
    if (exporter === undefined && port === undefined) return Layer.empty
    const push = exporter === undefined
      ? Layer.empty
      : Layer.effectDiscard(Effect.flatMap(Metrics, ({ families }) => exporter.start(families)))
    return Layer.merge(port ?? Layer.empty, push).pipe(Layer.provide(ConfiguredMetrics.layer(options)))
  }))

/** Also tells the HTTP front end which port it got. */
const layerMetricsPort = (
  options: ServerOptions
): Layer.Layer<MetricsFrontend.MetricsFrontend, ListenFailed, Metrics> =>
  Layer.effect(MetricsPort, Effect.map(MetricsFrontend.MetricsFrontend, ({ port }) => port)).pipe(
    Layer.provideMerge(MetricsFrontend.layer({
      address: options.metricsAddress === "" ? options.httpAddress : options.metricsAddress,
      port: options.metricsPort
    }))
  )

/**
 * Validates every model that `layer` would load, without serving any.
 *
 * Errors: `PollFailed` for a root that cannot be listed; all else is in the rows.
 *
 * @category validation
 */
export const check = (
  changes: Partial<ServerOptions>,
  hooks: Hooks = {}
): Effect.Effect<ReadonlyArray<FileModelRepository.CheckRow>, PollFailed> => {
  const options = makeOptions(changes)
  return FileModelRepository.check(repositoryOptions(options, hooks)).pipe(
    Effect.provide(
      Layer.merge(layerScheduler(options, hooks), hooks.executor ?? layerExecutor(options)).pipe(
        Layer.provideMerge(hooks.statistics ?? LocalStatistics.layer),
        Layer.provide(SharedTensorMemory.layerWith({ maxIdleBytes: options.tensorMemoryIdleBytes })),
        Layer.provideMerge(NodeServices.layer)
      )
    )
  )
}

const megabytes = (count: number): number | undefined => count === 0 ? undefined : count * 1024 * 1024

/** When instances are lost or replaced, and when none is started for a while. */
const supervisionOf = (options: ServerOptions) => ({
  stallTimeout: options.instanceStallTimeoutSecs === 0
    ? Duration.infinity
    : Duration.seconds(options.instanceStallTimeoutSecs),
  maxMemoryBytes: megabytes(options.instanceMaxMemoryMegabytes),
  maxGrowthBytes: megabytes(options.instanceMaxGrowthMegabytes),
  breaker: {
    losses: options.instanceBreakerLosses,
    windowNanos: Duration.toNanosUnsafe(Duration.seconds(options.instanceBreakerWindowSecs)),
    pauseNanos: Duration.toNanosUnsafe(Duration.seconds(options.instanceBreakerPauseSecs))
  }
})

const layerExecutor = (options: ServerOptions) => {
  const supervision = supervisionOf(options)
  const workerHeapMegabytes = options.instanceHeapMegabytes
  const isolation = options.modelIsolation
  const heartbeatTimeout = Duration.millis(options.instanceHeartbeatTimeoutMs)
  return RoutedExecutor.layer({
    onnxruntime: OnnxExecutor.layerWith({
      isolation,
      inline: {
        maxRunNanos: options.inlineMaxRunMicroseconds * 1000,
        maxOpenNanos: options.inlineMaxOpenMs * 1e6,
        turnNanos: options.inlineTurnMicroseconds * 1000
      },
      heartbeatTimeout,
      ...supervision,
      workerHeapMegabytes,
      gpus: gpuOptions(options),
      ...(options.instanceCores === 0 ? {} : { cores: options.instanceCores })
    }),
    custom: CustomExecutor.layerWith({
      isolation,
      heartbeatTimeout,
      ...supervision,
      workerHeapMegabytes,
      logLines: options.instanceLogLines,
      maxLogLength: options.logMaxMessageLength
    })
  })
}
