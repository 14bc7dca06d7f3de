/**
 * What the server writes into its log, changeable while it runs.
 *
 * Upstream: the logging extension. Downstream: whoever writes the log.
 *
 * Source: protocol §3.8.
 */
import { Context, Result } from "effect"
import { type InvalidRequest, Unsupported } from "../schema/Errors.ts"
import type { LogChange, LogSetting } from "../schema/LogSetting.ts"

/** @category models */
export interface LogSettingsState {
  readonly current: () => LogSetting
  /** Changes them, and gives those in force then. */
  readonly change: (change: LogChange) => Result.Result<LogSetting, InvalidRequest | Unsupported>
  /**
   * The verbose level in force, as other threads see it, so that they need not send what nobody writes. Absent: the minimum level of
   * Effect's log says what they send.
   */
  readonly verbosity: Int32Array<SharedArrayBuffer> | undefined
}

/** Without a service of its own the log belongs to the program that the server is part of. @category services */
export const LogSettings: Context.Reference<LogSettingsState> = Context.Reference<LogSettingsState>(
  "galatea/services/LogSettings",
  {
    defaultValue: () => ({
      current: () => ({ file: "", info: true, warning: true, error: true, verboseLevel: 0, format: "default" }),
      change: () =>
        Result.fail(
          new Unsupported({
            message:
              "the log settings cannot be changed here: the log belongs to the program that this server is part of"
          })
        ),
      verbosity: undefined
    })
  }
)
