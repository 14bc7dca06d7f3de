/** What the HTTP front end says of the metrics of its server, so that nobody takes those of another server for them. */
import { Schema } from "effect"

/** Answer to `GET /v2/metrics/place`. @category models */
export interface MetricsPlace {
  /** Port that the metrics are on. Absent: the server has none. */
  readonly port?: number | undefined
  /** The metrics have the same number as `process_start_time_seconds`: seconds since 1970, to the microsecond. */
  readonly processStartSeconds: number
}

/** @category schemas */
export const MetricsPlace: Schema.Codec<MetricsPlace> = Schema.Struct({
  port: Schema.optional(Schema.Int),
  processStartSeconds: Schema.Finite
})
