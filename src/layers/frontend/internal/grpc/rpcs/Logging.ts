/** What is written into the log, and changes of that. Source: protocol §3.8, §7.7. */
import { Result } from "effect"
import { InvalidRequest, Unsupported } from "../../../../../schema/Errors.ts"
import { type LogChange, logFormat, type LogSetting } from "../../../../../schema/LogSetting.ts"
import type { DraftOf, TypeOf } from "../../../../../schema/proto/Descriptor.ts"
import * as Fields from "../../../../../schema/proto/SettingsFields.ts"
import type { Door } from "./Door.ts"
import { unary } from "./Rpc.ts"

/** @internal */
export const rpcs = ({ logSettings }: Door) => ({
  LogSettings: unary({
    category: "logging",
    request: Fields.LogSettingsRequest,
    response: Fields.LogSettingsResponse,
    model: () => "",
    changes: ({ settings }) => Object.keys(settings).length > 0,
    answer: ({ settings }, call) => {
      if (settings["log_file"] !== undefined) {
        return call.failure(
          new Unsupported({ message: "log file location can not be updated through network protocol" })
        )
      }
      // In Triton's order; what was read before a mistake stays.
      for (const [name, read] of members) {
        const value = settings[name]
        if (value === undefined) continue
        const changed = Result.flatMap(read(value, name), logSettings.change)
        if (Result.isFailure(changed)) return call.failure(changed.failure)
      }
      call.reply(message(logSettings.current()))
    }
  })
})

type Value = TypeOf<typeof Fields.LogSettingsRequestValue>
type Read = (value: Value, name: string) => Result.Result<LogChange, InvalidRequest>

const expected = (type: string, name: string) =>
  Result.fail(new InvalidRequest({ message: `expect ${type} for '${name}'` }))

const flag = (change: (value: boolean) => LogChange): Read => ({ bool_param }, name) =>
  bool_param === undefined ? expected("boolean", name) : Result.succeed(change(bool_param))

const level: Read = ({ uint32_param }, name) =>
  uint32_param === undefined ? expected("int32", name) : Result.succeed({ verboseLevel: uint32_param })

const format: Read = ({ string_param }, name) => {
  if (string_param === undefined) return expected("string", name)
  const known = logFormat(string_param)
  return known === undefined
    ? Result.fail(new InvalidRequest({ message: `invalid argument for log_format, got: ${string_param}` }))
    : Result.succeed({ format: known })
}

const members: ReadonlyArray<readonly [name: string, read: Read]> = [
  ["log_info", flag((info) => ({ info }))],
  ["log_warning", flag((warning) => ({ warning }))],
  ["log_error", flag((error) => ({ error }))],
  ["log_verbose_level", level],
  ["log_format", format]
]

const message = (setting: LogSetting): DraftOf<typeof Fields.LogSettingsResponse> => ({
  settings: {
    log_file: { string_param: setting.file },
    log_info: { bool_param: setting.info },
    log_warning: { bool_param: setting.warning },
    log_error: { bool_param: setting.error },
    log_verbose_level: { uint32_param: setting.verboseLevel },
    log_format: { string_param: setting.format }
  }
})
