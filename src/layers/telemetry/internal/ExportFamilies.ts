/** Metrics of the telemetry that the server sends itself. */
import type { SignalCounts } from "../../../services/ExportCounts.ts"
import type { Family, Reporter } from "./Families.ts"
import { SeriesLabels } from "./SeriesLabels.ts"

const outcomes = ["exported", "rejected", "failed", "dropped"] as const

/** @category constructors */
export const families: ReadonlyArray<Family<SignalCounts>> = [
  {
    name: "galatea_telemetry_items_total",
    type: "counter",
    help: "Spans, data points and log records that were to be sent by OTLP, by what became of them.",
    write: (series, counts) => {
      for (const outcome of outcomes) series.valueWith("outcome", outcome, counts[outcome])
    }
  },
  {
    name: "galatea_telemetry_queued_items",
    type: "gauge",
    help: "Spans, data points and log records that wait to be sent by OTLP, or for the answer.",
    write: (series, { queued }) => series.value(queued)
  }
]

/** One for each signal. @category getters */
export const reporters = (
  counts: ReadonlyArray<SignalCounts>,
  sinceMillis: number
): ReadonlyArray<Reporter<SignalCounts>> =>
  counts.map((source) => ({ labels: new SeriesLabels({ signal: source.signal }), sinceMillis, source }))
