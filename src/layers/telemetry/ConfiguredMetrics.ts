/** Metrics as the options say. */
import { Duration, type Layer } from "effect"
import * as MetricsSettings from "../../schema/options/MetricsSettings.ts"
import type { ServerOptions } from "../../schema/ServerOptions.ts"
import type { Metrics } from "../../services/Metrics.ts"
import type { Statistics } from "../../services/Statistics.ts"
import * as PrometheusMetrics from "./PrometheusMetrics.ts"

/** Summaries are wanted, for which the books have to keep quantiles. @category getters */
export const keepsQuantiles = (options: ServerOptions): boolean =>
  MetricsSettings.read(options.metricsConfig).summaryLatencies

/** The metrics of a server with these options. @category layers */
export const layer = (options: ServerOptions): Layer.Layer<Metrics, never, Statistics> => {
  const settings = MetricsSettings.read(options.metricsConfig)
  return PrometheusMetrics.layerWith({
    counterLatencies: settings.counterLatencies,
    histogramLatencies: settings.histogramLatencies,
    quantiles: settings.summaryLatencies ? settings.summaryQuantiles.map(({ share }) => share) : undefined,
    cpu: options.allowCpuMetrics,
    gpu: options.allowGpuMetrics,
    interval: Duration.millis(options.metricsIntervalMs),
    pinnedMemoryPoolBytes: options.pinnedMemoryPoolByteSize
  })
}
