/** What is written into the log, and changes of that. Source: protocol §3.8. */
import { Result } from "effect"
import { InvalidRequest, Unsupported } from "../../../../../schema/Errors.ts"
import { type LogChange, logFormat, type LogSetting } from "../../../../../schema/LogSetting.ts"
import { asBoolean, asString, asUnsigned, attempt, type ReadFailure } from "../../json/JsonAccess.ts"
import { parseDocument } from "../../json/JsonDocument.ts"
import { isObject, type JsonObject, type JsonValue } from "../../json/JsonValue.ts"
import { quote } from "../Answer.ts"
import type { Call } from "../Call.ts"
import type { Route } from "../Router.ts"
import type { Door } from "./Door.ts"
import { withJsonBody } from "./JsonBody.ts"

/** @internal */
export const routes = (door: Door): ReadonlyArray<Route> => {
  const settings = door.logSettings
  const answer = (call: Call): void => call.text("application/json", settingJson(settings.current()))

  /** In Triton's order; what was read before a mistake stays. */
  const change = (call: Call, body: JsonObject): void => {
    const file = body.get("log_file")
    if (file !== undefined && file !== null) {
      return call.failure(
        new Unsupported({ message: "log file location can not be updated through network protocol" })
      )
    }
    for (const [name, read] of members) {
      const value = body.get(name)
      if (value === undefined || value === null) continue
      const changed = Result.flatMap(attempt(() => read(value)), settings.change)
      if (Result.isFailure(changed)) return call.failure(changed.failure)
    }
    const format = body.get("log_format")
    if (format === undefined || format === null) return answer(call)
    const text = attempt(() => asString(format))
    if (Result.isFailure(text)) return call.failure(text.failure)
    const known = logFormat(text.success)
    if (known === undefined) return call.error(503, `invalid argument for --log_format, got: ${text.success}`)
    const changed = settings.change({ format: known })
    if (Result.isFailure(changed)) return call.failure(changed.failure)
    answer(call)
  }

  return [{
    category: "logging",
    contentType: "application/json",
    path: "/v2/logging",
    get: answer,
    post: (call) =>
      withJsonBody(door, call, (body) => {
        const document = body === undefined ? parseDocument(new Uint8Array(0)) : objectOf(body)
        if (Result.isFailure(document)) call.failure(document.failure)
        else if (isObject(document.success)) change(call, document.success)
      })
  }]
}

const members: ReadonlyArray<readonly [name: string, read: (value: JsonValue) => LogChange]> = [
  ["log_info", (value) => ({ info: asBoolean(value) })],
  ["log_warning", (value) => ({ warning: asBoolean(value) })],
  ["log_error", (value) => ({ error: asBoolean(value) })],
  ["log_verbose_level", (value) => ({ verboseLevel: Number(asUnsigned(value)) })]
]

const objectOf = (body: JsonValue): Result.Result<JsonValue, ReadFailure> =>
  isObject(body)
    ? Result.succeed(body)
    : Result.fail(new InvalidRequest({ message: "attempt to get members for non-object" }))

const settingJson = (setting: LogSetting): string =>
  `{"log_file":${quote(setting.file)},"log_info":${setting.info},"log_warning":${setting.warning},` +
  `"log_error":${setting.error},"log_verbose_level":${setting.verboseLevel},"log_format":${quote(setting.format)}}`
