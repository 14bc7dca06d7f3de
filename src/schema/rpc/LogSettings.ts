/** What RPC says of the log: the settings in force, and a change of them. Source: Triton's logging extension. */
import { Schema } from "effect"
import { logFormats } from "../LogSetting.ts"

const Level = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2147483647 }))
const Format = Schema.Literals(logFormats)

/** As `LogSetting` of the server. @category schemas */
export const LogSetting = Schema.Struct({
  file: Schema.String,
  info: Schema.Boolean,
  warning: Schema.Boolean,
  error: Schema.Boolean,
  verboseLevel: Level,
  format: Format
})

/** Absent: it stays. @category schemas */
export const LogChange = Schema.Struct({
  info: Schema.optionalKey(Schema.Boolean),
  warning: Schema.optionalKey(Schema.Boolean),
  error: Schema.optionalKey(Schema.Boolean),
  verboseLevel: Schema.optionalKey(Level),
  format: Schema.optionalKey(Format)
})
