/**
 * What became of the telemetry that was to be sent to others.
 *
 * Upstream: metrics. Downstream: the exporters.
 */
import { Context } from "effect"

/** @category models */
export type Signal = "traces" | "metrics" | "logs"

/** Since the start, in spans, data points or log records. @category models */
export interface SignalCounts {
  readonly signal: Signal
  /** The collector has taken them. */
  readonly exported: number
  /** The collector has answered that it does not want them. */
  readonly rejected: number
  /** They did not get to the collector, and are not tried again. */
  readonly failed: number
  /** There was no room for them in the queue. */
  readonly dropped: number
  /** They wait to be sent, or for an answer, now. */
  readonly queued: number
}

/** @category models */
export interface ExportCountsState {
  /** One for each signal that is exported. */
  readonly read: () => ReadonlyArray<SignalCounts>
}

/** Without a service of its own, nothing is exported by the server itself. @category services */
export const ExportCounts: Context.Reference<ExportCountsState> = Context.Reference<ExportCountsState>(
  "galatea/services/ExportCounts",
  { defaultValue: () => ({ read: () => [] }) }
)
