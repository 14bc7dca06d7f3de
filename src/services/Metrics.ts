/**
 * What the server tells a monitoring system about itself.
 *
 * Upstream: the metrics front end, and whoever pushes metrics. Downstream: `Statistics`, and the process.
 */
import { Context, type Effect } from "effect"
import type { Distribution } from "./Statistics.ts"

/** The labels of one series. @category models */
export interface MetricLabels {
  /** Bytewise by name. */
  readonly pairs: ReadonlyArray<readonly [name: string, value: string]>
  /** As Prometheus writes them, with braces; `""` for none. */
  readonly text: string
}

/** Quantiles of what was measured of late, with count and sum of everything. @category models */
export interface Summary {
  readonly count: number
  readonly sum: number
  /** Shares between 0 and 1; the value is NaN where nothing was measured of late. */
  readonly quantiles: ReadonlyArray<readonly [share: number, value: number]>
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

/** All series of one name; at least one. @category models */
export type MetricFamily =
  | FamilyOf<"counter" | "gauge", number>
  | FamilyOf<"histogram", Distribution>
  | FamilyOf<"summary", Summary>

/** @category services */
export class Metrics extends Context.Service<Metrics, {
  /** Every series and its value now. */
  readonly families: () => ReadonlyArray<MetricFamily>
  /** The same in Prometheus' text format 0.0.4. */
  readonly exposition: Effect.Effect<string>
  /** The same in the text format of OpenMetrics 1.0.0, with exemplars. */
  readonly openMetrics: Effect.Effect<string>
}>()("galatea/services/Metrics") {}
