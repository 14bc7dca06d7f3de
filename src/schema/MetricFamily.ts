/** Metrics as values: what `/metrics` writes as text, and what is pushed by OTLP. */
import type { TraceContext } from "./RequestTrace.ts"

/** @category models */
export type MetricKind = "counter" | "gauge" | "histogram" | "summary"

/** An observation that was traced. @category models */
export interface Exemplar {
  readonly value: number
  /** Milliseconds since 1970. */
  readonly atMillis: number
  readonly trace: TraceContext
}

/** How values are spread. @category models */
export interface DistributionValue {
  readonly count: number
  readonly sum: number
  /** Upper bounds of the buckets, inclusive and ascending, without infinity. */
  readonly bounds: ReadonlyArray<number>
  /** Values in each bucket alone; the one more than bounds holds what is above the last of them. */
  readonly counts: ReadonlyArray<number>
  /** By bucket, the last one that was traced. */
  readonly exemplars: ReadonlyArray<Exemplar | undefined>
}

/** @category models */
export interface SummaryValue {
  readonly count: number
  readonly sum: number
  readonly quantiles: ReadonlyArray<readonly [share: number, value: number]>
}

/** One series of a family. @category models */
export interface MetricPoint {
  readonly labels: ReadonlyArray<readonly [name: string, value: string]>
  /** A number for counters and gauges. */
  readonly value: number | DistributionValue | SummaryValue
}

/** Every series of one name, at one moment. @category models */
export interface MetricFamily {
  readonly name: string
  readonly kind: MetricKind
  readonly help: string
  readonly points: ReadonlyArray<MetricPoint>
}
