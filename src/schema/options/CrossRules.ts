/** Rules about several options together. Source: model-config §1.7, §7.1, §7.2. */
import { Result } from "effect"
import type { ServerOptions } from "../ServerOptions.ts"
import * as StartupModels from "./StartupModels.ts"
import * as TraceConfig from "./TraceConfig.ts"
import { UsageError } from "./UsageError.ts"

interface Endpoint {
  readonly name: string
  readonly address: string
  readonly port: number
}

/** Endpoints that are wanted. */
const endpoints = (options: ServerOptions): ReadonlyArray<Endpoint> => [
  ...(options.allowHttp ? [{ name: "HTTP", address: options.httpAddress, port: options.httpPort }] : []),
  ...(options.adminAddress === "" ? [] : [{ name: "admin", address: options.adminAddress, port: options.adminPort }]),
  ...(options.allowGrpc ? [{ name: "GRPC", address: options.grpcAddress, port: options.grpcPort }] : []),
  ...(options.allowMetrics
    ? [{ name: "metrics", address: options.metricsAddress || options.httpAddress, port: options.metricsPort }]
    : [])
]

/** The files that TLS needs and that were not named. `door`: what the names of the options begin with. */
const tlsWithoutFiles = (
  door: "http" | "grpc",
  { cert, key, mutual, root, use }: {
    readonly use: boolean
    readonly mutual: boolean
    readonly cert: string
    readonly key: string
    readonly root: string
  }
): string | undefined => {
  if (!use && !mutual) return undefined
  const missing = [
    ...(cert === "" ? [`--${door}-server-cert`] : []),
    ...(key === "" ? [`--${door}-server-key`] : []),
    ...(mutual && root === "" ? [`--${door}-root-cert`] : [])
  ]
  return missing.length === 0
    ? undefined
    : `Error: --${door}-use-ssl${mutual ? "-mutual" : ""} needs ${missing.join(" and ")} as well.`
}

const tls = (options: ServerOptions): string | undefined => {
  const http = tlsWithoutFiles("http", {
    use: options.httpUseSsl,
    mutual: options.httpUseSslMutual,
    cert: options.httpServerCert,
    key: options.httpServerKey,
    root: options.httpRootCert
  })
  const grpc = tlsWithoutFiles("grpc", {
    use: options.grpcUseSsl,
    mutual: options.grpcUseSslMutual,
    cert: options.grpcServerCert,
    key: options.grpcServerKey,
    root: options.grpcRootCert
  })
  return (options.allowHttp ? http : undefined) ?? (options.allowGrpc ? grpc : undefined)
}

/** Administration that would be served nowhere. */
const admin = ({ adminAddress, allowHttp }: ServerOptions, given: ReadonlySet<string>): string | undefined => {
  if (adminAddress === "") {
    return given.has("admin-port") ? "Error: --admin-port needs --admin-address as well." : undefined
  }
  return allowHttp
    ? undefined
    : "Error: --admin-address serves HTTP, so it cannot be used with --allow-http=false."
}

const clash = (options: ServerOptions): string | undefined => {
  const wanted = endpoints(options).filter(({ port }) => port !== 0)
  for (const [i, one] of wanted.entries()) {
    const other = wanted.slice(i + 1).find(({ address, port }) => address === one.address && port === one.port)
    if (other !== undefined) {
      return `The server cannot listen to ${one.name} requests and ${other.name} requests at the same address and port ${one.address}:${one.port}`
    }
  }
  return undefined
}

const refusal = (options: ServerOptions, given: ReadonlySet<string>): string | undefined => {
  if (given.has("load-model") && options.modelControlMode !== "explicit") {
    return "Error: Use of '--load-model' requires setting '--model-control-mode=explicit' as well."
  }
  const startup = StartupModels.problemOf(options.loadModel)
  if (startup !== undefined) return `Error: ${startup}`
  if (given.has("response-cache-byte-size") && given.has("cache-config")) {
    return "Error: Incompatible flags --response-cache-byte-size and --cache-config both provided. Please provide one or the other."
  }
  const tracing = TraceConfig.read(options)
  if (Result.isFailure(tracing)) return tracing.failure
  return tls(options) ?? admin(options, given) ?? clash(options)
}

/** Warnings about options together, or the error of a combination that cannot be. @category parsing */
export const crossRules = (
  options: ServerOptions,
  given: ReadonlySet<string>
): Result.Result<ReadonlyArray<string>, UsageError> => {
  const message = refusal(options, given)
  if (message !== undefined) {
    return Result.fail(new UsageError({ message }))
  }
  const warnings: Array<string> = []
  if (given.has("strict-model-config")) {
    warnings.push(
      "Warning: '--strict-model-config' has been deprecated! Please use '--disable-auto-complete-config' instead."
    )
    if (!options.strictModelConfig && options.disableAutoCompleteConfig) {
      warnings.push(
        "Warning: Overriding deprecated '--strict-model-config' from False to True in favor of '--disable-auto-complete-config'!"
      )
    }
  }
  warnings.push(...TraceConfig.warnings(options, given))
  return Result.succeed(warnings)
}
