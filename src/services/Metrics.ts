/**
 * What the server tells a monitoring system about itself.
 *
 * Upstream: the metrics front end. Downstream: `Statistics`, and the process.
 */
import { Context, type Effect } from "effect"

/** @category services */
export class Metrics extends Context.Service<Metrics, {
  /** Every series and its value now, in Prometheus' text format 0.0.4. */
  readonly exposition: Effect.Effect<string>
}>()("galatea/services/Metrics") {}
