/** What is traced, of all models or of one. Source: protocol §3.7. */
import { Result } from "effect"
import { InvalidRequest } from "../../../../../schema/Errors.ts"
import type { TraceChange, TraceSetting } from "../../../../../schema/TraceSetting.ts"
import { asArray, asString, attempt, type ReadFailure } from "../../json/JsonAccess.ts"
import { parse } from "../../json/JsonDocument.ts"
import { isObject, type JsonValue } from "../../json/JsonValue.ts"
import * as TraceSettings from "../../TraceSettings.ts"
import { quote } from "../Answer.ts"
import type { Call } from "../Call.ts"
import type { Route } from "../Router.ts"
import type { Door } from "./Door.ts"
import { withJsonBody } from "./JsonBody.ts"

/** @internal */
export const routes = (door: Door): ReadonlyArray<Route> => {
  const answer = (call: Call, found: ReturnType<Door["traceSettings"]["of"]>) => {
    if (Result.isFailure(found)) call.failure(found.failure)
    else call.text("application/json", settingJson(found.success))
  }
  const { traceSettings } = door
  return ["/v2/trace/setting", "/v2/models/{model}/trace/setting"].map((path) => ({
    category: "trace" as const,
    contentType: "application/json" as const,
    path,
    get: (call) => answer(call, traceSettings.of(call.captures.model)),
    post: (call) => {
      const { model } = call.captures
      const known = traceSettings.of(model)
      if (Result.isFailure(known)) return answer(call, known)
      withJsonBody(door, call, (body) => {
        const change = changeOf(body)
        if (Result.isFailure(change)) call.failure(change.failure)
        else answer(call, traceSettings.change(model, change.success))
      })
    }
  }))
}

const changeOf = (body: JsonValue | undefined): Result.Result<TraceChange, ReadFailure> =>
  attempt(() => {
    // An empty body is no JSON, and is refused in the words for that.
    const change = body === undefined ? parse(new Uint8Array(0)) : body
    if (!isObject(change)) throw new InvalidRequest({ message: "attempt to get members for non-object" })
    const given = <A>(name: string, read: (value: JsonValue) => A): A | null => {
      const value = change.get(name)!
      return value === null ? null : read(value)
    }
    return TraceSettings.changeOf({
      has: (name) => change.has(name),
      text: (name) => given(name, asString),
      texts: (name) => given(name, (value) => TraceSettings.fewLevels(asArray(value)).map(asString)),
      gap: ""
    })
  })

const settingJson = (setting: TraceSetting): string => {
  const members = TraceSettings.entries(setting).map(([name, values]) =>
    `${quote(name)}:${name === "trace_level" ? `[${values.map(quote).join(",")}]` : quote(values[0]!)}`
  )
  return `{${members.join(",")}}`
}
