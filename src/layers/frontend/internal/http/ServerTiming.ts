/** Where the time of a request went, as the header `Server-Timing` tells it. Source: https://www.w3.org/TR/server-timing/ */
import type { Timing } from "../../../../schema/Inference.ts"

/** Milliseconds with three digits after the point at most. */
const millis = (nanos: number): string => String(Math.round(nanos / 1000) / 1000)

/** The time on the wall stands beside the work where that is not the same, see `Timing.wallNanos`. @internal */
export const serverTiming = (timing: Timing): string =>
  `queue;dur=${millis(timing.queueNanos)}, compute_input;dur=${millis(timing.computeInputNanos)}, ` +
  `compute_infer;dur=${millis(timing.computeInferNanos)}, compute_output;dur=${millis(timing.computeOutputNanos)}, ` +
  `batch;desc="${timing.batchRows}"` + (timing.wallNanos === undefined ? "" : `, wall;dur=${millis(timing.wallNanos)}`)
