/** Where and how a signal is sent, by OpenTelemetry's variables. Source: OpenTelemetry, "OpenTelemetry Protocol Exporter". */
import { Result } from "effect"
import type { Signal } from "../../../../services/ExportCounts.ts"
import type { Protocol } from "./SignalSettings.ts"
import type { Variables } from "./Variables.ts"

/** The settings of a signal, with the paths of files that are not read yet. @category models */
export interface SignalPlan {
  readonly protocol: Protocol
  readonly url: URL
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  readonly timeoutMillis: number
  readonly compression: "gzip" | "none"
  /** By what said so. */
  readonly files: {
    readonly authority: readonly [variable: string, path: string] | undefined
    readonly clientCertificate: readonly [variable: string, path: string] | undefined
    readonly clientKey: readonly [variable: string, path: string] | undefined
  }
}

/** Names of a variable of one signal and of all signals, in the order in which they count. @category getters */
export const names = (signal: Signal, name: string): ReadonlyArray<string> => [
  `OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_${name}`,
  `OTEL_EXPORTER_OTLP_${name}`
]

const protocols: ReadonlyArray<Protocol> = ["http/protobuf", "http/json", "grpc"]

/** Header names that HTTP and gRPC take. */
const token = /^[!#$%&'*+.^_`|~0-9a-z-]+$/

/** Characters that Node.js sends as the value of a header. */
const valueText = /^[\t\u0020-\u007e\u0080-\u00ff]*$/

/** What belongs to the connection and to the message itself: it would break them, or Node.js refuses it. */
const reserved: ReadonlySet<string> = new Set([
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "expect",
  "grpc-encoding",
  "grpc-timeout",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade"
])

const headers = (signal: Signal, variables: Variables): SignalPlan["headers"] => {
  const all = new Map<string, string>()
  for (const name of names(signal, "HEADERS").toReversed()) {
    for (const [key, value] of variables.pairs(name, true)) {
      const header = key.toLowerCase()
      if (reserved.has(header)) variables.warnings.push(`${name}: '${key}' is for the exporter to set, and is left out`)
      else if (token.test(header) && valueText.test(value)) all.set(header, value)
      else variables.warnings.push(`${name}: '${key}' cannot be a header, and is left out`)
    }
  }
  return [...all]
}

/** The address with the path of the signal, as a variable of all signals means it. */
const withPath = (text: string, signal: Signal): string => {
  const url = new URL(text)
  url.pathname = `${url.pathname.replace(/\/$/, "")}/v1/${signal}`
  return url.href
}

const schemes: ReadonlySet<string> = new Set(["http:", "https:"])

/** The address that was given, or the one of a collector on this machine; `Failure`: a sentence. */
const address = (
  signal: Signal,
  protocol: Protocol,
  variables: Variables,
  given: readonly [name: string, value: string] | undefined
): Result.Result<URL, string> => {
  const found = given ?? variables.first(names(signal, "ENDPOINT"))
  if (found === undefined) {
    return Result.succeed(
      new URL(protocol === "grpc" ? "http://localhost:4317" : `http://localhost:4318/v1/${signal}`)
    )
  }
  const [name, value] = found
  // gRPC's addresses may come without a scheme; then another variable says whether they are encrypted.
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? "" : "https://"
  const text = protocol === "grpc" && scheme !== ""
    ? `${variables.flag(...names(signal, "INSECURE")) ? "http://" : scheme}${value}`
    : value
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !schemes.has(url.protocol)) {
    return Result.fail(
      `${name}: ${
        url === undefined ? "the value is no address" : `'${url.protocol}//' is not supported`
      }. Expected such as ${protocol === "grpc" ? "http://localhost:4317" : "http://localhost:4318"}`
    )
  }
  const isWhole = given !== undefined || protocol === "grpc" || name === names(signal, "ENDPOINT")[0]
  return Result.succeed(isWhole ? url : new URL(withPath(url.href, signal)))
}

/**
 * What the variables say of a signal; `given` is an address that counts before theirs. `Failure`: a sentence for the operator.
 *
 * @category parsing
 */
export const read = (
  signal: Signal,
  variables: Variables,
  given?: readonly [name: string, value: string]
): Result.Result<SignalPlan, string> => {
  const protocol = variables.word(names(signal, "PROTOCOL"), protocols, "http/protobuf")
  const file = (name: string) => variables.first(names(signal, name))
  return Result.map(address(signal, protocol, variables, given), (url) => {
    const files = {
      authority: file("CERTIFICATE"),
      clientCertificate: file("CLIENT_CERTIFICATE"),
      clientKey: file("CLIENT_KEY")
    }
    if (url.protocol === "http:") {
      for (const found of Object.values(files)) {
        if (found !== undefined) {
          variables.warnings.push(`${found[0]} has no effect: ${signal} go to an address with http://`)
        }
      }
    }
    return {
      protocol,
      url,
      headers: headers(signal, variables),
      timeoutMillis: variables.count(names(signal, "TIMEOUT"), 10_000, 1),
      compression: variables.word(names(signal, "COMPRESSION"), ["gzip", "none"], "none"),
      files
    }
  })
}
