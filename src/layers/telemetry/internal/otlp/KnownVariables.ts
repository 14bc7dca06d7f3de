/** The variables of OpenTelemetry that this server reads, and what it says of others. */
import { nearest } from "../../../../schema/proto/Suggestion.ts"
import type { Environment } from "./Variables.ts"

/** Variables that this server does not read, and that would change something elsewhere. */
const unsupported: ReadonlyArray<readonly [name: string, advice: string]> = [
  ["OTEL_CONFIG_FILE", "set the variables instead"],
  ["OTEL_EXPERIMENTAL_CONFIG_FILE", "set the variables instead"],
  ["OTEL_EXPORTER_ZIPKIN_ENDPOINT", "send OTLP to a collector, which can send to Zipkin"],
  ["OTEL_EXPORTER_PROMETHEUS_PORT", "--metrics-port says where Prometheus finds the metrics"],
  ["OTEL_EXPORTER_PROMETHEUS_HOST", "--metrics-address says where Prometheus finds the metrics"]
]

const known: ReadonlyArray<string> = [
  "SDK_DISABLED",
  "RESOURCE_ATTRIBUTES",
  "SERVICE_NAME",
  "PROPAGATORS",
  "TRACES_SAMPLER",
  "TRACES_SAMPLER_ARG",
  ...["BSP", "BLRP"].flatMap((prefix) =>
    ["SCHEDULE_DELAY", "EXPORT_TIMEOUT", "MAX_QUEUE_SIZE", "MAX_EXPORT_BATCH_SIZE"].map((name) => `${prefix}_${name}`)
  ),
  ...["", "SPAN_", "LOGRECORD_"].flatMap((prefix) =>
    ["ATTRIBUTE_VALUE_LENGTH_LIMIT", "ATTRIBUTE_COUNT_LIMIT"].map((name) => `${prefix}${name}`)
  ),
  "SPAN_EVENT_COUNT_LIMIT",
  "SPAN_LINK_COUNT_LIMIT",
  "EVENT_ATTRIBUTE_COUNT_LIMIT",
  "LINK_ATTRIBUTE_COUNT_LIMIT",
  ...["TRACES", "METRICS", "LOGS"].map((signal) => `${signal}_EXPORTER`),
  "METRICS_EXEMPLAR_FILTER",
  "METRIC_EXPORT_INTERVAL",
  "METRIC_EXPORT_TIMEOUT",
  "EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
  "EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
  ...["", "TRACES_", "METRICS_", "LOGS_"].flatMap((signal) =>
    [
      "ENDPOINT",
      "INSECURE",
      "CERTIFICATE",
      "CLIENT_KEY",
      "CLIENT_CERTIFICATE",
      "HEADERS",
      "COMPRESSION",
      "TIMEOUT",
      "PROTOCOL"
    ]
      .map((name) => `EXPORTER_OTLP_${signal}${name}`)
  )
].map((name) => `OTEL_${name}`)

/** A warning for each variable that has no effect here, and for each that looks like a misspelt one. @category parsing */
export const strange = (environment: Environment): ReadonlyArray<string> =>
  Object.keys(environment).flatMap((name) => {
    if (!name.startsWith("OTEL_") || known.includes(name) || (environment[name] ?? "").trim() === "") return []
    const advice = unsupported.find(([one]) => one === name)?.[1]
    if (advice !== undefined) return [`${name} has no effect: ${advice}`]
    const meant = nearest(name, known)
    return meant === undefined ? [] : [`${name} is not read. Did you mean ${meant}?`]
  })
