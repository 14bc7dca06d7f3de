/** Log settings as the logging extension writes them, by names. Source: protocol §3.8. */
import type { LogChange, LogFormat, LogSetting } from "../../schema/LogSetting.ts"

/** What a change says, by names. @internal */
export const ofChange = (
  { error, format, info, verboseLevel, warning }: LogChange
): Readonly<Record<string, boolean | number | string>> => ({
  ...(info === undefined ? {} : { log_info: info }),
  ...(warning === undefined ? {} : { log_warning: warning }),
  ...(error === undefined ? {} : { log_error: error }),
  ...(verboseLevel === undefined ? {} : { log_verbose_level: verboseLevel }),
  ...(format === undefined ? {} : { log_format: format })
})

/** @internal */
export const toSetting = (values: Readonly<Record<string, unknown>>): LogSetting => ({
  file: String(values["log_file"] ?? ""),
  info: values["log_info"] === true,
  warning: values["log_warning"] === true,
  error: values["log_error"] === true,
  verboseLevel: Number(values["log_verbose_level"] ?? 0),
  format: String(values["log_format"] ?? "default") as LogFormat
})
