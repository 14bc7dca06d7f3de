/** What RPC says of tracing: the settings in force, and a change of them. Source: Triton's trace extension. */
import { Schema } from "effect"

/** As in Triton, which reads them as integers of 32 bits. */
const most = 2147483647

/** As over HTTP and gRPC, where words that are no levels are passed over. */
const maxLevels = 64

const Level = Schema.Array(Schema.Literals(["OFF", "TIMESTAMPS", "TENSORS"])).check(Schema.isMaxLength(maxLevels))
const Count = Schema.Int.check(Schema.isBetween({ minimum: -1, maximum: most }))
const Natural = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: most }))

/** As `TraceSetting` of the server. @category schemas */
export const TraceSetting = Schema.Struct({
  level: Level,
  rate: Natural,
  count: Count,
  logFrequency: Natural,
  file: Schema.String,
  mode: Schema.Literals(["triton", "opentelemetry"]),
  opentelemetry: Schema.Array(Schema.Tuple([Schema.String, Schema.String]))
})

/** Absent: it stays; `null`: as if it had never been set. @category schemas */
export const TraceChange = Schema.Struct({
  level: Schema.optionalKey(Schema.NullOr(Level)),
  rate: Schema.optionalKey(Schema.NullOr(Natural)),
  count: Schema.optionalKey(Schema.NullOr(Count)),
  logFrequency: Schema.optionalKey(Schema.NullOr(Natural))
})
