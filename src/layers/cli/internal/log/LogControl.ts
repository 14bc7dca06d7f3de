/** The settings of the log in force, as the options say at the start and as clients change them. */
import { Result } from "effect"
import { InvalidRequest } from "../../../../schema/Errors.ts"
import { type LogChange, logFormats, type LogSetting } from "../../../../schema/LogSetting.ts"
import type { ServerOptions } from "../../../../schema/ServerOptions.ts"
import type { LogSettingsState } from "../../../../services/LogSettings.ts"

/** Largest level that other threads can see. */
const maxLevel = 2147483647

/** @category constructors */
export const make = (
  options: Pick<ServerOptions, "logFile" | "logInfo" | "logWarning" | "logError" | "logVerbose" | "logFormat">
): LogSettingsState => {
  const verbosity = new Int32Array(new SharedArrayBuffer(4))
  verbosity[0] = options.logVerbose
  let setting: LogSetting = {
    file: options.logFile,
    info: options.logInfo,
    warning: options.logWarning,
    error: options.logError,
    verboseLevel: options.logVerbose,
    format: options.logFormat
  }
  return {
    current: () => setting,
    change: (change: LogChange) => {
      const { format, verboseLevel = setting.verboseLevel } = change
      if (!Number.isInteger(verboseLevel) || verboseLevel < 0 || verboseLevel > maxLevel) {
        return Result.fail(
          new InvalidRequest({
            message:
              `invalid value for log_verbose_level: expected a whole number from 0 to ${maxLevel}, got: ${verboseLevel}`
          })
        )
      }
      if (format !== undefined && !logFormats.includes(format)) {
        return Result.fail(
          new InvalidRequest({ message: `invalid argument for log_format, got: ${format}` })
        )
      }
      setting = { ...setting, ...change, file: setting.file }
      Atomics.store(verbosity, 0, verboseLevel)
      return Result.succeed(setting)
    },
    verbosity
  }
}
