/**
 * Where the server shows its metrics.
 *
 * Upstream: the HTTP front end, which tells it. Downstream: nothing.
 */
import { Context } from "effect"

/** `undefined`: this server has no port for metrics. @category services */
export const MetricsPort: Context.Reference<number | undefined> = Context.Reference<number | undefined>(
  "galatea/services/MetricsPort",
  { defaultValue: () => undefined }
)
