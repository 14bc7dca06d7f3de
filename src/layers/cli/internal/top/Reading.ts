/** What the metrics of a server say at one moment. What it does not tell is `undefined`: Triton has fewer metrics. */
import * as Samples from "./Samples.ts"

/** A histogram: how many values do not exceed each bound, the last of which is infinite. @internal */
export interface Buckets {
  readonly bounds: ReadonlyArray<number>
  readonly counts: ReadonlyArray<number>
}

/** What was counted of one version since it was loaded, and what waits and runs. @internal */
export interface VersionReading {
  readonly model: string
  readonly version: string
  readonly requests: number
  readonly failures: number
  readonly rejections: number
  readonly rows: number
  readonly executions: number
  readonly maxBatchSize: number | undefined
  readonly pending: number | undefined
  readonly queueAgeSeconds: number | undefined
  readonly executing: number | undefined
  readonly instances: number | undefined
  readonly sequences: number | undefined
  readonly waitingSequences: number | undefined
  /** Instances that were lost. */
  readonly losses: number
  /** Requests that were run once more, since their instance was lost. */
  readonly retries: number
  /** Too many instances were lost, and no more is started for a while. */
  readonly suspended: boolean
  readonly slots: number | undefined
  /** Seconds from arrival to answer. */
  readonly durations: Buckets | undefined
  /** Seconds in the queue. */
  readonly waits: Buckets | undefined
}

/** @internal */
export interface Reading {
  /** Nanoseconds by the monotonic clock. */
  readonly atNanos: number
  /** Seconds since 1970, by which a server that was started again is known. */
  readonly startSeconds: number | undefined
  readonly cpuSeconds: number | undefined
  readonly residentBytes: number | undefined
  /** By `keyOf`. */
  readonly versions: ReadonlyMap<string, VersionReading>
}

/** A version of a model, in the root that it lies in. @internal */
export const keyOf = (model: string, version: string, namespace = ""): string =>
  JSON.stringify([namespace, model, version])

const names = {
  requests: "nv_inference_request_success",
  failures: "nv_inference_request_failure",
  rejections: "galatea_rejected_requests_total",
  rows: "nv_inference_count",
  executions: "nv_inference_exec_count",
  pending: "nv_inference_pending_request_count",
  maxBatchSize: "galatea_max_batch_size",
  queueAgeSeconds: "galatea_queue_age_seconds",
  executing: "galatea_executing_instances",
  instances: "galatea_instances",
  sequences: "galatea_live_sequences",
  waitingSequences: "galatea_waiting_sequences",
  losses: "galatea_instance_losses_total",
  retries: "galatea_retried_requests_total",
  suspended: "galatea_instance_breaker_open",
  slots: "galatea_sequence_slots",
  durations: "galatea_request_duration_seconds_bucket",
  waits: "galatea_queue_duration_seconds_bucket",
  startSeconds: "process_start_time_seconds",
  cpuSeconds: "process_cpu_seconds_total",
  residentBytes: "process_resident_memory_bytes"
} as const

const wanted: ReadonlySet<string> = new Set(Object.values(names))

type Name = keyof typeof names

/** Of the metrics as text; `undefined` where there are none of a server for models. @internal */
export const read = (text: string, atNanos: number): Reading | undefined => {
  const samples = Samples.read(text, wanted)
  if (!/^# TYPE nv_/m.test(text)) return undefined
  const byVersion = new Map<string, Map<Name, Array<Samples.Sample>>>()
  for (const name of Object.keys(names) as Array<Name>) {
    for (const sample of samples.get(names[name]) ?? []) {
      const { model, namespace, version } = sample.labels
      if (model === undefined || version === undefined) continue
      const key = keyOf(model, version, namespace)
      const own = byVersion.get(key) ?? new Map<Name, Array<Samples.Sample>>()
      byVersion.set(key, own)
      const list = own.get(name) ?? []
      own.set(name, list)
      list.push(sample)
    }
  }
  const versions = new Map<string, VersionReading>()
  for (const [key, own] of byVersion) versions.set(key, versionOf(own))
  const server = (name: Name) => samples.get(names[name])?.[0]?.value
  return {
    atNanos,
    startSeconds: server("startSeconds"),
    cpuSeconds: server("cpuSeconds"),
    residentBytes: server("residentBytes"),
    versions
  }
}

const versionOf = (own: ReadonlyMap<Name, Samples.Samples>): VersionReading => {
  const gauge = (name: Name) => own.get(name)?.[0]?.value
  const sum = (name: Name) => (own.get(name) ?? []).reduce((total, { value }) => total + value, 0)
  const [first] = [...own.values()].flat()
  return {
    model: first!.labels["model"]!,
    version: first!.labels["version"]!,
    requests: sum("requests"),
    failures: sum("failures"),
    rejections: sum("rejections"),
    rows: sum("rows"),
    executions: sum("executions"),
    maxBatchSize: gauge("maxBatchSize"),
    pending: gauge("pending"),
    queueAgeSeconds: gauge("queueAgeSeconds"),
    executing: gauge("executing"),
    instances: gauge("instances"),
    sequences: gauge("sequences"),
    waitingSequences: gauge("waitingSequences"),
    losses: sum("losses"),
    retries: sum("retries"),
    suspended: gauge("suspended") === 1,
    slots: gauge("slots"),
    durations: bucketsOf(own.get("durations")),
    waits: bucketsOf(own.get("waits"))
  }
}

const bucketsOf = (samples: Samples.Samples | undefined): Buckets | undefined => {
  if (samples === undefined) return undefined
  const sorted = samples.map(({ labels, value }) => [boundOf(labels["le"]), value] as const)
    .toSorted(([a], [b]) => a - b)
  return { bounds: sorted.map(([bound]) => bound), counts: sorted.map(([, count]) => count) }
}

const boundOf = (le: string | undefined): number => le === undefined || le === "+Inf" ? Infinity : Number(le)
