/** What the parts of the server are told of its options. */
import { Duration, Result } from "effect"
import * as TraceConfig from "../schema/options/TraceConfig.ts"
import { isStrictConfig, type ServerOptions } from "../schema/ServerOptions.ts"
import type * as ConfiguredAccess from "./access/ConfiguredAccess.ts"
import type * as FileClientMemory from "./clientmemory/FileClientMemory.ts"
import type * as OnnxExecutor from "./execution/OnnxExecutor.ts"
import type * as GrpcFrontend from "./frontend/GrpcFrontend.ts"
import type * as HttpFrontend from "./frontend/HttpFrontend.ts"
import type { TlsOptions } from "./frontend/Tls.ts"
import * as ProcessMemory from "./ProcessMemory.ts"
import type * as FileModelRepository from "./repository/FileModelRepository.ts"
import type * as OtlpTelemetry from "./telemetry/OtlpTelemetry.ts"

/** Of the repository; `onEvent` is told of everything that happens to models. @internal */
export const repositoryOptions = (
  options: ServerOptions,
  { onEvent }: Pick<FileModelRepository.Options, "onEvent">
): FileModelRepository.Options => ({
  paths: options.modelRepository,
  controlMode: options.modelControlMode,
  loadModels: options.loadModel,
  pollInterval: Duration.seconds(options.repositoryPollSecs),
  settleTime: Duration.millis(options.repositorySettleMs),
  maxOverriddenModels: options.maxOverriddenModels,
  customModels: options.customModels,
  maxQueueSize: options.maxQueueSize,
  residency: residencyOptions(options),
  strictModelConfig: isStrictConfig(options),
  modelConfigName: options.modelConfigName,
  loadThreadCount: options.modelLoadThreadCount,
  loadRetryCount: options.modelLoadRetryCount,
  modelNamespacing: options.modelNamespacing,
  exitOnError: options.exitOnError,
  backendConfig: options.backendConfig,
  sources: {
    cacheDirectory: options.repositoryCacheDirectory,
    cacheBytes: options.repositoryCacheBytes,
    fetchConcurrency: options.repositoryFetchConcurrency,
    fetchRetryCount: options.repositoryFetchRetryCount,
    fetchTimeout: Duration.seconds(options.repositoryFetchTimeoutSecs),
    maxFiles: options.repositoryMaxFiles,
    maxIndexBytes: options.repositoryMaxIndexBytes,
    maxRedirects: options.repositoryMaxRedirects
  },
  onEvent
})

const residencyOptions = (options: ServerOptions): FileModelRepository.Options["residency"] =>
  options.modelResidencyBudget === 0 && options.modelResidencyIdleSecs === 0 ? undefined : {
    budgetBytes: options.modelResidencyBudget,
    idleTime: options.modelResidencyIdleSecs === 0
      ? Duration.infinity
      : Duration.seconds(options.modelResidencyIdleSecs),
    maxWaiting: options.modelResidencyMaxWaiting,
    maxWait: Duration.millis(options.modelResidencyWaitMs),
    residentBytes: ProcessMemory.privateBytes
  }

/** Of the GPUs; `undefined`: none is used. @internal */
export const gpuOptions = (options: ServerOptions): OnnxExecutor.Options["gpus"] =>
  options.gpu === "off" ? undefined : {
    timeout: Duration.seconds(options.gpuProbeTimeoutSecs),
    minimumComputeCapability: Number(options.minSupportedComputeCapability),
    memoryLimits: options.modelLoadGpuLimit
  }

/** A time for which 0 says that there is none. */
const unlessZero = (millis: number): Duration.Duration | undefined => millis === 0 ? undefined : Duration.millis(millis)

interface TlsFiles {
  readonly use: boolean
  readonly mutual: boolean
  readonly certificate: string
  readonly key: string
  readonly roots: string
}

const tlsOptions = (
  { tlsMinVersion, tlsReloadIntervalMs }: ServerOptions,
  { certificate, key, mutual, roots, use }: TlsFiles
): TlsOptions | undefined =>
  use || mutual
    ? {
      certificate,
      key,
      clientRoots: mutual ? roots : undefined,
      minVersion: `TLSv${tlsMinVersion}`,
      reloadInterval: unlessZero(tlsReloadIntervalMs) ?? Duration.infinity
    }
    : undefined

/** Of access: keys, and bounds of clients. @internal */
export const accessOptions = (options: ServerOptions): ConfiguredAccess.Options => {
  const { clientLimitRedis, clientQuota, clientRateBurst, clientRateLimit } = options
  return {
    keysFile: options.apiKeysFile,
    keysPoll: Duration.millis(options.apiKeysPollMs),
    guardsProbes: options.apiKeysGuardHealth,
    rate: clientRateLimit === 0
      ? undefined
      : { requestsPerSecond: clientRateLimit, burst: clientRateBurst === 0 ? clientRateLimit : clientRateBurst },
    quota: clientQuota === 0 ? undefined : { requests: clientQuota, windowSeconds: options.clientQuotaWindowSecs },
    maxClients: options.clientLimitMaxClients,
    trustedProxies: options.trustedProxy,
    redis: clientLimitRedis === undefined
      ? undefined
      : { ...clientLimitRedis, password: "", timeout: Duration.millis(options.clientLimitRedisTimeoutMs) },
    failsOpen: options.clientLimitRedisAway === "open"
  }
}

/** Of the HTTP front end. @internal */
export const httpOptions = (options: ServerOptions): HttpFrontend.Options => ({
  address: options.httpAddress,
  port: options.httpPort,
  reusePort: options.reuseHttpPort,
  frontThreads: options.httpFrontThreads,
  tls: tlsOptions(options, {
    use: options.httpUseSsl,
    mutual: options.httpUseSslMutual,
    certificate: options.httpServerCert,
    key: options.httpServerKey,
    roots: options.httpRootCert
  }),
  ...(options.adminAddress === "" ? {} : { admin: { address: options.adminAddress, port: options.adminPort } }),
  maxConcurrentStreams: options.httpMaxConcurrentStreams,
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
  stayAwake: Duration.micros(BigInt(options.stayAwakeMicroseconds)),
  exitTimeout: Duration.seconds(options.exitTimeoutSecs),
  exitReceiveTimeout: Duration.millis(options.exitReceiveTimeoutMs),
  restrictions: options.httpRestrictedApi,
  headerForwardPattern: options.httpHeaderForwardPattern,
  serverTiming: options.httpServerTiming,
  corsAllowOrigins: options.httpCorsAllowOrigin,
  rpc: options.allowRpc,
  rpcMaxMessageBytes: options.rpcMaxMessageBytes,
  console: options.console
})

/** Of the shared memory that clients register. @internal */
export const clientMemoryOptions = (options: ServerOptions): FileClientMemory.Options => ({
  maxRegions: options.clientShmMaxRegions,
  maxBytes: options.clientShmMaxBytes
})

/** Of the gRPC front end. @internal */
export const grpcOptions = (options: ServerOptions): GrpcFrontend.Options => ({
  address: options.grpcAddress,
  port: options.grpcPort,
  reusePort: options.reuseGrpcPort,
  tls: tlsOptions(options, {
    use: options.grpcUseSsl,
    mutual: options.grpcUseSslMutual,
    certificate: options.grpcServerCert,
    key: options.grpcServerKey,
    roots: options.grpcRootCert
  }),
  adminElsewhere: options.adminAddress !== "",
  maxMessageBytes: options.grpcMaxRequestBytes,
  maxSendMessageBytes: options.grpcMaxResponseBytes,
  maxInflightBytes: options.grpcMaxInflightBytes,
  maxInflightRequests: options.grpcMaxInflightRequests,
  maxStreamRequests: options.grpcMaxStreamRequests,
  maxHealthWatches: options.grpcMaxHealthWatches,
  healthWatchInterval: Duration.millis(options.grpcHealthWatchIntervalMs),
  reflection: options.grpcReflection,
  maxConnections: options.grpcMaxConnections,
  maxConcurrentStreams: options.grpcMaxConcurrentStreams,
  maxMetadataBytes: options.grpcMaxMetadataBytes,
  keepAlive: {
    time: unlessZero(options.grpcKeepaliveTime) ?? Duration.infinity,
    timeout: Duration.millis(options.grpcKeepaliveTimeout),
    permitWithoutCalls: options.grpcKeepalivePermitWithoutCalls,
    minRecvPingInterval: Duration.millis(options.grpcHttp2MinRecvPingIntervalWithoutData),
    maxPingStrikes: options.grpcHttp2MaxPingStrikes,
    maxPingsWithoutData: options.grpcHttp2MaxPingsWithoutData
  },
  maxConnectionAge: unlessZero(options.grpcMaxConnectionAge),
  maxConnectionAgeGrace: unlessZero(options.grpcMaxConnectionAgeGrace),
  handshakeTimeout: Duration.millis(options.grpcHandshakeTimeoutMs),
  bodyTimeout: Duration.millis(options.grpcBodyTimeoutMs),
  idleTimeout: unlessZero(options.grpcIdleTimeoutMs) ?? Duration.infinity,
  stayAwake: Duration.micros(BigInt(options.stayAwakeMicroseconds)),
  exitTimeout: Duration.seconds(options.exitTimeoutSecs),
  exitReceiveTimeout: Duration.millis(options.exitReceiveTimeoutMs),
  compression: options.grpcInferResponseCompressionLevel,
  restrictions: options.grpcRestrictedProtocol,
  headerForwardPattern: options.grpcHeaderForwardPattern
})

/** The end of an export waits for so long at most, and no longer than half of the time that the server has for its end. */
const maxFlushMillis = 5000

/** Of what is exported; `variables` are those of the environment. @internal */
export const telemetryOptions = (
  options: ServerOptions,
  variables: OtlpTelemetry.Options["variables"]
): OtlpTelemetry.Options => {
  const config = TraceConfig.read(options)
  return {
    variables,
    traceConfig: Result.isSuccess(config) && config.success.mode === "opentelemetry"
      ? config.success.opentelemetry
      : undefined,
    flushMillis: Math.min(maxFlushMillis, options.exitTimeoutSecs * 500)
  }
}
