/** Metrics as values: what `/metrics` writes as text, and what is pushed by OTLP. */

/** A value that a trace can be looked up for. @category models */
export interface Exemplar {
  /** In the unit of its distribution. */
  readonly value: number
  /** Milliseconds since 1970. */
  readonly atMillis: number
  /** As in `TraceContext`. */
  readonly traceId: string
  readonly spanId: string
}

/** How many values fell between bounds. @category models */
export interface Distribution {
  /** Ascending. A value belongs to the first bound that it does not exceed. */
  readonly bounds: ReadonlyArray<number>
  /** One for each bound, and one more for the values beyond all of them. */
  readonly counts: ReadonlyArray<number>
  readonly count: number
  readonly sum: number
  /** The last one of each bucket, where there is any: as many as `counts`. Absent: no value had a trace. */
  readonly exemplars?: ReadonlyArray<Exemplar | undefined>
}

/** Quantiles of what was measured of late, with count and sum of everything. @category models */
export interface Summary {
  readonly count: number
  readonly sum: number
  /** Shares between 0 and 1; the value is NaN where nothing was measured of late. */
  readonly quantiles: ReadonlyArray<readonly [share: number, value: number]>
}

/** The labels of one series. @category models */
export interface MetricLabels {
  /** Bytewise by name. */
  readonly pairs: ReadonlyArray<readonly [name: string, value: string]>
  /** As Prometheus writes them, with braces; `""` for none. */
  readonly text: string
}

/** One series of a family, as it is now. @category models */
export interface MetricSeries<Value> {
  readonly labels: MetricLabels
  /** Milliseconds since 1970 from which on it counts. */
  readonly sinceMillis: number
  readonly value: Value
}

interface FamilyOf<Type extends string, Value> {
  readonly name: string
  readonly type: Type
  /** A sentence. */
  readonly help: string
  readonly series: ReadonlyArray<MetricSeries<Value>>
}

/** Every series of one name, at least one, at one moment. @category models */
export type MetricFamily =
  | FamilyOf<"counter" | "gauge", number>
  | FamilyOf<"histogram", Distribution>
  | FamilyOf<"summary", Summary>
