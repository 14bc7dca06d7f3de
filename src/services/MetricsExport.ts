/**
 * Sends metrics to where they are wanted, besides `/metrics`.
 *
 * Upstream: the server, which has the metrics. Downstream: OTLP.
 */
import { Context, type Effect, type Scope } from "effect"
import type { MetricFamily } from "../schema/MetricFamily.ts"

/** @category models */
export interface MetricsExporter {
  /**
   * Reads and sends all metrics now and then, and once more when the scope closes, which takes no longer than the exporter may
   * take for one push. `read` is called outside of the path of requests.
   */
  readonly start: (read: () => ReadonlyArray<MetricFamily>) => Effect.Effect<void, never, Scope.Scope>
}

/** Without a service of its own, metrics are only where `/metrics` shows them. @category services */
export const MetricsExport: Context.Reference<MetricsExporter | undefined> = Context.Reference<
  MetricsExporter | undefined
>("galatea/services/MetricsExport", { defaultValue: () => undefined })
