/** The official OpenTelemetry Collector, as `otel/collector/build.sh` builds it, with the configuration of `otel/collector/`. */
import { Effect, type Scope } from "effect"
import { accessSync, constants, existsSync, readFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Child from "../cli/Child.ts"

const otel = fileURLToPath(new URL("../../../otel/collector/", import.meta.url))

const places = [
  process.env["GALATEA_OTELCOL"] ?? "",
  ...(process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, "otelcol")),
  fileURLToPath(new URL("../../../.cache/otelcol/otelcol", import.meta.url))
]

/** Path of the program; `undefined` where there is none. */
export const program = places.find((path) => {
  try {
    accessSync(path, constants.X_OK)
    return path !== ""
  } catch {
    return false
  }
})

if (program === undefined) {
  process.stderr.write(
    "SKIPPED: no OpenTelemetry Collector in GALATEA_OTELCOL, on PATH or in .cache, so nothing is sent to a real one "
      + "(otel/collector/build.sh)\n"
  )
}

/** An attribute, as OTLP has it in JSON. */
export interface Attribute {
  readonly key: string
  readonly value: {
    readonly stringValue?: string
    readonly intValue?: string | number
    readonly doubleValue?: number
    readonly boolValue?: boolean
  }
}

/** A span, as OTLP has it in JSON. */
export interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly traceState?: string
  readonly name: string
  /** 1: internal, 2: server, 3: client. */
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes?: ReadonlyArray<Attribute>
  readonly events?: ReadonlyArray<{ readonly name: string; readonly attributes?: ReadonlyArray<Attribute> }>
  readonly links?: ReadonlyArray<{ readonly traceId: string; readonly spanId: string }>
  /** Code 2: failed. */
  readonly status?: { readonly code?: number; readonly message?: string }
}

/** A data point, as OTLP has it in JSON. */
export interface Point {
  readonly attributes?: ReadonlyArray<Attribute>
  readonly asDouble?: number
  readonly asInt?: string
  readonly count?: string
  readonly sum?: number
  readonly bucketCounts?: ReadonlyArray<string>
  readonly exemplars?: ReadonlyArray<
    { readonly traceId?: string; readonly spanId?: string; readonly asDouble?: number }
  >
}

/** A metric, as OTLP has it in JSON. */
export interface Metric {
  readonly name: string
  readonly sum?: { readonly dataPoints: ReadonlyArray<Point>; readonly isMonotonic?: boolean }
  readonly gauge?: { readonly dataPoints: ReadonlyArray<Point> }
  readonly histogram?: { readonly dataPoints: ReadonlyArray<Point> }
  readonly summary?: { readonly dataPoints: ReadonlyArray<Point> }
}

interface From {
  readonly resource: { readonly attributes: ReadonlyArray<Attribute> }
}

interface SpansFrom extends From {
  readonly scopeSpans: ReadonlyArray<{ readonly spans: ReadonlyArray<Span> }>
}

interface MetricsFrom extends From {
  readonly scopeMetrics: ReadonlyArray<{ readonly metrics: ReadonlyArray<Metric> }>
}

/** An attribute's value as text; `undefined` where it is not there. */
export const attribute = (from: ReadonlyArray<Attribute> | undefined, key: string): string | undefined => {
  const value = from?.find((attribute) => attribute.key === key)?.value
  const known = value?.stringValue ?? value?.intValue ?? value?.doubleValue ?? value?.boolValue
  return known === undefined ? undefined : String(known)
}

export interface Collector {
  readonly child: Child.Child
  /** Addresses for OTLP over HTTP and over gRPC, and of what Prometheus scrapes. */
  readonly http: string
  readonly grpc: string
  readonly scrape: string
  /** What has arrived so far, and from whom. */
  readonly spans: () => ReadonlyArray<Span & { readonly service: string }>
  readonly metrics: () => ReadonlyArray<Metric & { readonly service: string }>
  readonly logs: () => string
}

/** Ports for a collector. */
export const ports = Effect.map(
  Effect.all([Child.freePort, Child.freePort, Child.freePort, Child.freePort]),
  ([grpc, http, scrape, health]) => ({ grpc, http, scrape, health })
)

/** Starts one that keeps what arrives in files of the folder, and waits until it listens. */
export const start = (
  folder: string,
  at: Effect.Success<typeof ports>
): Effect.Effect<Collector, never, Scope.Scope> =>
  Effect.gen(function*() {
    const child = yield* Child.start([
      "--config",
      join(otel, "collector.yaml"),
      "--config",
      join(otel, "to-files.yaml")
    ], {
      program: [program!],
      variables: {
        FILES: folder,
        OTLP_GRPC_ADDRESS: `127.0.0.1:${at.grpc}`,
        OTLP_HTTP_ADDRESS: `127.0.0.1:${at.http}`,
        PROMETHEUS_ADDRESS: `127.0.0.1:${at.scrape}`,
        HEALTH_ADDRESS: `127.0.0.1:${at.health}`
      }
    })
    yield* child.printed(/Everything is ready/)
    const read = (name: string) => {
      const path = join(folder, name)
      return existsSync(path) ? readFileSync(path, "utf8") : ""
    }
    /** Whole lines only: the last one may not be all there. */
    const lines = <A>(name: string): ReadonlyArray<A> =>
      read(name).split("\n").slice(0, -1).map((line) => JSON.parse(line) as A)
    const service = ({ resource }: From) => attribute(resource.attributes, "service.name") ?? ""
    return {
      child,
      http: `http://127.0.0.1:${at.http}`,
      grpc: `http://127.0.0.1:${at.grpc}`,
      scrape: `http://127.0.0.1:${at.scrape}/metrics`,
      spans: () =>
        lines<{ readonly resourceSpans: ReadonlyArray<SpansFrom> }>("traces.jsonl")
          .flatMap(({ resourceSpans }) => resourceSpans)
          .flatMap((from) =>
            from.scopeSpans.flatMap(({ spans }) => spans.map((span) => ({ ...span, service: service(from) })))
          ),
      metrics: () =>
        lines<{ readonly resourceMetrics: ReadonlyArray<MetricsFrom> }>("metrics.jsonl")
          .flatMap(({ resourceMetrics }) => resourceMetrics)
          .flatMap((from) =>
            from.scopeMetrics.flatMap(({ metrics }) => metrics.map((metric) => ({ ...metric, service: service(from) })))
          ),
      logs: () => read("logs.jsonl")
    }
  })
