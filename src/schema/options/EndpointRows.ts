/**
 * Options of metrics, and of endpoints that this server does not have: cloud platforms. Their values are checked, so that a start
 * script that works here keeps working when the endpoint comes. Source: model-config §7.2, protocol §6.
 */
import * as MetricsSettings from "./MetricsSettings.ts"
import { repeated, single } from "./OptionRow.ts"
import { bool, int, port, scopedSetting, string } from "./ValueTypes.ts"

const metrics = { group: "Metrics" } as const
const malformed = (text: string) => `--metrics-config option format is <setting>=<value>. Got ${text}`

/** @category models */
export const metricsRows = [
  single({ ...metrics, name: "allow-metrics", type: bool, default: true, doc: "Offer metrics in Prometheus' format." }),
  single({
    ...metrics,
    name: "allow-gpu-metrics",
    type: bool,
    default: true,
    doc: "Offer metrics of NVIDIA's GPUs, where the machine has the program nvidia-smi."
  }),
  single({
    ...metrics,
    name: "allow-cpu-metrics",
    type: bool,
    default: true,
    doc: "Offer metrics of the machine's CPU and memory."
  }),
  single({
    ...metrics,
    name: "metrics-address",
    type: string,
    default: "",
    defaultText: "that of --http-address",
    doc: "Address to listen on."
  }),
  single({ ...metrics, name: "metrics-port", type: port, default: 8002, doc: "Port to listen on." }),
  single({
    ...metrics,
    name: "metrics-interval-ms",
    type: int({ min: 1 }),
    default: 2000,
    unit: "milliseconds",
    doc: "How often the CPU, the memory, the GPUs and the event loop are looked at."
  }),
  repeated({
    ...metrics,
    name: "metrics-config",
    type: scopedSetting({ label: "setting=value", scope: "optional", malformed, emptyScope: malformed }),
    doc: "counter_latencies, histogram_latencies, summary_latencies (bool), summary_quantiles (quantile:error,…).",
    refuse: MetricsSettings.refuse,
    warn: MetricsSettings.warn
  })
] as const

const cloud = { group: "Cloud platforms" } as const
const noSagemaker = { ...cloud, ignored: "this server has no SageMaker endpoint." } as const
const noVertex = { ...cloud, ignored: "this server has no Vertex AI endpoint." } as const

/** @category models */
export const cloudRows = [
  single({
    ...cloud,
    name: "allow-sagemaker",
    type: bool,
    default: false,
    doc: "Listen for requests of Amazon SageMaker.",
    warn: (allow) => allow ? `has no effect: ${noSagemaker.ignored}` : undefined
  }),
  single({ ...noSagemaker, name: "sagemaker-port", type: port, default: 8080, doc: "Port to listen on." }),
  single({
    ...noSagemaker,
    name: "sagemaker-safe-port-range",
    type: string,
    default: "",
    defaultText: "unset",
    doc: "Ports that other endpoints may use, as low-high.",
    refuse: (range) =>
      /^\d+-\d+$/.test(range) ? undefined : `Invalid option value. Got ${range}\nExpected low-high, such as 8000-9000.`
  }),
  single({
    ...noSagemaker,
    name: "sagemaker-thread-count",
    type: int({ min: 1 }),
    default: 8,
    doc: "Threads of the endpoint."
  }),
  single({
    ...cloud,
    name: "allow-vertex-ai",
    type: bool,
    default: false,
    doc: "Listen for requests of Vertex AI.",
    warn: (allow) => allow ? `has no effect: ${noVertex.ignored}` : undefined
  }),
  single({ ...noVertex, name: "vertex-ai-port", type: port, default: 8080, doc: "Port to listen on." }),
  single({
    ...noVertex,
    name: "vertex-ai-thread-count",
    type: int({ min: 1 }),
    default: 8,
    doc: "Threads of the endpoint."
  }),
  single({
    ...noVertex,
    name: "vertex-ai-default-model",
    type: string,
    default: "",
    defaultText: "unset",
    doc: "Model of requests that name none."
  })
] as const
