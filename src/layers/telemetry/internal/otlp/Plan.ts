/** What is exported, where to and how: everything that OpenTelemetry's variables and `--trace-config` say. */
import { Result } from "effect"
import { int } from "../../../../schema/options/ValueTypes.ts"
import type { Signal } from "../../../../services/ExportCounts.ts"
import * as Bounds from "./Bounds.ts"
import { strange } from "./KnownVariables.ts"
import * as Resource from "./Resource.ts"
import * as Sampling from "./Sampling.ts"
import * as SignalVariables from "./SignalVariables.ts"
import { type Environment, Variables } from "./Variables.ts"

/** Where a signal goes: to a collector, as lines to the standard output, or both. @category models */
export interface Targets {
  readonly otlp: SignalVariables.SignalPlan | undefined
  readonly console: boolean
}

/** @category models */
export interface TracesPlan extends Targets {
  readonly sampling: Sampling.Sampling
  readonly queue: Bounds.QueuePlan
  readonly limits: Bounds.SpanLimits
  /** A span of another process may be the parent of a request's. */
  readonly remoteParents: boolean
}

/** @category models */
export interface LogsPlan extends Targets {
  readonly queue: Bounds.QueuePlan
  readonly limits: Bounds.ValueLimits
}

/** @category models */
export interface MetricsPlan extends Targets {
  readonly intervalMillis: number
  readonly timeoutMillis: number
  readonly temporality: "cumulative" | "delta" | "lowmemory"
  /** Traces of values are sent with them. */
  readonly exemplars: boolean
}

/** @category models */
export interface Plan {
  readonly resource: Resource.ResourceAttributes
  readonly traces: TracesPlan | undefined
  readonly metrics: MetricsPlan | undefined
  readonly logs: LogsPlan | undefined
  /** Sentences for the operator. */
  readonly warnings: ReadonlyArray<string>
}

/** Settings of `--trace-config opentelemetry,…`, as they were given. @category models */
export type TraceConfig = ReadonlyArray<readonly [name: string, value: string]>

const exporters = ["otlp", "console", "otlp/stdout", "none"] as const

/** Where a signal goes; `undefined`: nowhere. */
const targets = (
  signal: Signal,
  variables: Variables,
  asked: boolean,
  given: readonly [name: string, value: string] | undefined
): Result.Result<Targets | undefined, string> => {
  const name = `OTEL_${signal.toUpperCase()}_EXPORTER`
  const value = variables.text(name)
  const chosen = new Set<string>()
  for (const one of (value ?? "").toLowerCase().split(",").map((word) => word.trim()).filter((word) => word !== "")) {
    if (exporters.some((word) => word === one)) chosen.add(one)
    else if (signal === "metrics" && one === "prometheus") {
      // They are there anyway: the endpoint of metrics is Prometheus'.
    } else variables.warn(name, one, `${exporters.join(", ")}; it is left out`)
  }
  const isSet = value !== undefined
  const hasEndpoint = variables.first(SignalVariables.names(signal, "ENDPOINT")) !== undefined
  const otlp = chosen.has("otlp") || (asked && !chosen.has("console") && !chosen.has("otlp/stdout"))
    || (!isSet && hasEndpoint)
  const console = chosen.has("console") || chosen.has("otlp/stdout")
  if (!otlp) return Result.succeed(console ? { otlp: undefined, console } : undefined)
  return Result.map(SignalVariables.read(signal, variables, given), (otlp) => ({ otlp, console }))
}

/** Whether W3C trace context is among the ways to propagate, the only one that there is besides baggage, which is of no use here. */
const propagates = (variables: Variables): boolean => {
  const name = "OTEL_PROPAGATORS"
  const value = variables.text(name)
  if (value === undefined) return true
  const words = value.toLowerCase().split(",").map((word) => word.trim())
  for (const word of words) {
    if (!["tracecontext", "baggage", "none", ""].includes(word)) {
      variables.warn(name, word, "tracecontext, baggage, none; it is left out")
    }
  }
  return words.includes("tracecontext")
}

const metrics = (variables: Variables, targets: Targets): MetricsPlan => {
  const exemplars = variables.word(
    ["OTEL_METRICS_EXEMPLAR_FILTER"],
    ["trace_based", "always_on", "always_off"],
    "trace_based"
  )
  if (exemplars === "always_on") {
    variables.warnings.push(
      "OTEL_METRICS_EXEMPLAR_FILTER=always_on has no effect: only values with a trace have exemplars"
    )
  }
  // Others would be of no use beside those of `/metrics`.
  variables.word(
    ["OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"],
    ["explicit_bucket_histogram"],
    "explicit_bucket_histogram"
  )
  return {
    ...targets,
    exemplars: exemplars !== "always_off",
    intervalMillis: variables.count(["OTEL_METRIC_EXPORT_INTERVAL"], 60_000, 1),
    timeoutMillis: variables.count(["OTEL_METRIC_EXPORT_TIMEOUT"], 30_000, 1),
    temporality: variables.word(
      ["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"],
      ["cumulative", "delta", "lowmemory"],
      "cumulative"
    )
  }
}

const nothing: Plan = { resource: {}, traces: undefined, metrics: undefined, logs: undefined, warnings: [] }

/** `--trace-config` in the words of the variables whose place it takes. */
const withTraceConfig = (environment: Environment, config: TraceConfig): Environment => ({
  ...environment,
  ...Object.fromEntries(
    config.filter(([name]) => name.startsWith("bsp_")).map(([name, value]) => [`OTEL_${name.toUpperCase()}`, value])
  )
})

/** What the last `--trace-config opentelemetry,url=` says. */
const urlOf = (config: TraceConfig): readonly [name: string, value: string] | undefined => {
  const url = config.findLast(([name]) => name === "url")?.[1]
  return url === undefined ? undefined : ["--trace-config opentelemetry,url", url]
}

/** As Triton does, where its options ask for spans: a bad number is an error. */
const checkedQueue = (environment: Environment): Result.Result<void, string> => {
  for (const name of ["OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"]) {
    const value = (environment[name] ?? "").trim()
    if (value === "") continue
    const read = int({ min: 1 }).read(value)
    if (Result.isFailure(read)) return Result.fail(`Bad option: "${name}".\n${read.failure}`)
  }
  return Result.void
}

const resourceOf = (config: TraceConfig): TraceConfig =>
  config.filter(([name]) => name === "resource").map(([, pair]) => {
    const at = pair.indexOf("=")
    return [pair.slice(0, at), pair.slice(at + 1)]
  })

/**
 * What the environment says; `config` are the settings of `--trace-config` where its mode is `opentelemetry`: then traces can be
 * exported, whatever the environment says of that. `Failure`: a sentence for the operator.
 *
 * @category parsing
 */
export const read = (environment: Environment, config: TraceConfig | undefined): Result.Result<Plan, string> => {
  const variables = new Variables(withTraceConfig(environment, config ?? []))
  if (variables.flag("OTEL_SDK_DISABLED")) {
    return Result.succeed({
      ...nothing,
      warnings: config === undefined
        ? []
        : ["No spans are exported: OTEL_SDK_DISABLED=true beats --trace-config mode=opentelemetry"]
    })
  }
  return Result.gen(function*() {
    if (config !== undefined) yield* checkedQueue(environment)
    const toTraces = yield* targets("traces", variables, config !== undefined, urlOf(config ?? []))
    const toMetrics = yield* targets("metrics", variables, false, undefined)
    const toLogs = yield* targets("logs", variables, false, undefined)
    const isNothing = toTraces === undefined && toMetrics === undefined && toLogs === undefined
    const plan: Plan = {
      resource: isNothing ? {} : Resource.read(variables, resourceOf(config ?? [])),
      traces: toTraces === undefined ? undefined : {
        ...toTraces,
        sampling: Sampling.read(variables),
        queue: Bounds.queue("BSP", 5000, variables),
        limits: Bounds.spanLimits(variables),
        remoteParents: propagates(variables)
      },
      metrics: toMetrics === undefined ? undefined : metrics(variables, toMetrics),
      logs: toLogs === undefined ? undefined : {
        ...toLogs,
        queue: Bounds.queue("BLRP", 1000, variables),
        limits: Bounds.valueLimits("LOGRECORD", variables)
      },
      warnings: []
    }
    return { ...plan, warnings: [...new Set([...variables.warnings, ...isNothing ? [] : strange(environment)])] }
  })
}
