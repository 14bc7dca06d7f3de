/**
 * What the server tells a monitoring system about itself.
 *
 * Upstream: the metrics front end, and whoever pushes metrics. Downstream: `Statistics`, and the process.
 */
import { Context, type Effect } from "effect"
import type { MetricFamily } from "../schema/MetricFamily.ts"

/** @category services */
export class Metrics extends Context.Service<Metrics, {
  /** Every series and its value now. */
  readonly families: () => ReadonlyArray<MetricFamily>
  /** The same in Prometheus' text format 0.0.4. */
  readonly exposition: Effect.Effect<string>
  /** The same in the text format of OpenMetrics 1.0.0, with exemplars. */
  readonly openMetrics: Effect.Effect<string>
}>()("galatea/services/Metrics") {}
