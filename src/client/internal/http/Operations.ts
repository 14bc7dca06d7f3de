/** Everything but inference that a server can be asked over HTTP. Source: protocol §3. */
import type { LogChange, LogSetting } from "../../../schema/LogSetting.ts"
import type { ModelMetadata, ServerMetadata } from "../../../schema/Metadata.ts"
import type { TraceChange, TraceSetting } from "../../../schema/TraceSetting.ts"
import type { LoadOptions, UnloadOptions } from "../../InferenceClient.ts"
import type { IndexEntry, ModelConfigJson, VersionStatistics } from "../../Reports.ts"
import type { Bytes } from "../Elements.ts"
import * as LogValues from "../LogValues.ts"
import * as TraceValues from "../TraceValues.ts"
import { versionParameter } from "../WireRequest.ts"
import { unexpected } from "../WireResponse.ts"
import { errorOf } from "./ErrorAnswer.ts"
import { type Answer, isRecord, nameOf, type Operation, readJson, readObject } from "./Operation.ts"
import { modelPath } from "./Paths.ts"

const get = <A>(path: string, read: (request: string, answer: Answer) => A, repeatable = true): Operation<A> => ({
  method: "GET",
  path,
  headers: {},
  body: undefined,
  inference: false,
  repeatable,
  read: (answer) => read(nameOf({ method: "GET", path }), answer)
})

const post = <A>(
  path: string,
  json: string,
  repeatable: boolean,
  read: (request: string, answer: Answer) => A
): Operation<A> => ({
  method: "POST",
  path,
  headers: { "Content-Type": "application/json" },
  body: new TextEncoder().encode(json) as Bytes,
  inference: false,
  repeatable,
  read: (answer) => read(nameOf({ method: "POST", path }), answer)
})

/** Statuses by which a server says no; any other than these and 200 is an error. */
const negative: ReadonlySet<number> = new Set([400, 404, 503])

const health = (path: string): Operation<boolean> =>
  get(path, (request, answer) => {
    if (answer.status === 200) return true
    if (negative.has(answer.status)) return false
    throw errorOf(request, answer)
  }, false)

/** @internal */
export const serverLive = health("/v2/health/live")

/** @internal */
export const serverReady = health("/v2/health/ready")

/** @internal */
export const modelReady = (model: string, version: string): Operation<boolean> =>
  health(`${modelPath(model, version)}/ready`)

/** @internal */
export const serverMetadata: Operation<ServerMetadata> = get("/v2", (request, answer) => {
  const json = readObject(request, answer)
  return {
    name: String(json["name"] ?? ""),
    version: String(json["version"] ?? ""),
    extensions: Array.isArray(json["extensions"]) ? json["extensions"].map(String) : []
  }
})

/** @internal */
export const modelMetadata = (model: string, version: string): Operation<ModelMetadata> =>
  get(modelPath(model, version), (request, answer) => {
    const json = readObject(request, answer)
    const tensors = (member: string) => {
      const list = json[member]
      if (!Array.isArray(list)) throw unexpected(request, `${request} was answered without a list of ${member}`)
      return list.map((entry: unknown) => {
        if (!isRecord(entry) || !Array.isArray(entry["shape"])) {
          throw unexpected(request, `${request} was answered with ${member} without shapes`)
        }
        // Other servers write dimensions as strings, as protobuf's JSON does with 64-bit integers.
        return {
          name: String(entry["name"]),
          datatype: String(entry["datatype"]),
          shape: entry["shape"].map(Number)
        }
      })
    }
    return {
      name: String(json["name"] ?? ""),
      versions: Array.isArray(json["versions"]) ? json["versions"].map(String) : [],
      platform: String(json["platform"] ?? ""),
      inputs: tensors("inputs"),
      outputs: tensors("outputs")
    }
  })

/** @internal */
export const modelConfig = (model: string, version: string): Operation<ModelConfigJson> =>
  get(`${modelPath(model, version)}/config`, readObject)

/** `""`: all models. @internal */
export const statistics = (model: string, version: string): Operation<ReadonlyArray<VersionStatistics>> =>
  get(model === "" ? "/v2/models/stats" : `${modelPath(model, version)}/stats`, (request, answer) => {
    const list = readObject(request, answer)["model_stats"]
    if (Array.isArray(list)) return list
    throw unexpected(request, `${request} was answered without model_stats`)
  })

const tracePath = (model: string): string =>
  model === "" ? "/v2/trace/setting" : `${modelPath(model, "")}/trace/setting`

const traceSetting = (request: string, answer: Answer): TraceSetting => {
  const values: Record<string, ReadonlyArray<string>> = {}
  for (const [name, value] of Object.entries(readObject(request, answer))) {
    values[name] = Array.isArray(value) ? value.map(String) : [String(value)]
  }
  return TraceValues.toSetting(values)
}

/** `""`: of all models. @internal */
export const traceSettings = (model: string): Operation<TraceSetting> => get(tracePath(model), traceSetting)

/** `""`: of all models. @internal */
export const changeTraceSettings = (change: TraceChange, model: string): Operation<TraceSetting> => {
  const members = TraceValues.ofChange(change).map(([name, values]) => [
    name,
    values === null || name === "trace_level" ? values : values[0]
  ])
  return post(tracePath(model), JSON.stringify(Object.fromEntries(members)), false, traceSetting)
}

const logSetting = (request: string, answer: Answer): LogSetting => LogValues.toSetting(readObject(request, answer))

/** @internal */
export const logSettings: Operation<LogSetting> = get("/v2/logging", logSetting)

/** @internal */
export const changeLogSettings = (change: LogChange): Operation<LogSetting> =>
  post("/v2/logging", JSON.stringify(LogValues.ofChange(change)), true, logSetting)

/** @internal */
export const repositoryIndex = (readyOnly: boolean): Operation<ReadonlyArray<IndexEntry>> =>
  post("/v2/repository/index", readyOnly ? "{\"ready\":true}" : "{}", true, (request, answer) => {
    const list = readJson(request, answer)
    if (Array.isArray(list)) return list
    throw unexpected(request, `${request} was answered with JSON that is no list`)
  })

const done = (request: string, answer: Answer): void => {
  if (answer.status !== 200) throw errorOf(request, answer)
}

/** @internal */
export const loadModel = (model: string, { config, files = {}, version }: LoadOptions): Operation<void> => {
  const parameters: Record<string, string> = { ...versionParameter(version, model) }
  if (config !== undefined) parameters["config"] = JSON.stringify(config)
  for (const [path, content] of Object.entries(files)) parameters[`file:${path}`] = base64(content)
  const path = `/v2/repository/models/${encodeURIComponent(model)}/load`
  return post(path, Object.keys(parameters).length === 0 ? "{}" : JSON.stringify({ parameters }), false, done)
}

/** @internal */
export const unloadModel = (model: string, { unloadDependents = false, version }: UnloadOptions): Operation<void> =>
  post(
    `/v2/repository/models/${encodeURIComponent(model)}/unload`,
    JSON.stringify({ parameters: { unload_dependents: unloadDependents, ...versionParameter(version, model) } }),
    false,
    done
  )

/** In pieces, because a call takes only so many arguments. */
const base64 = (bytes: Uint8Array): string => {
  const piece = 0x6000
  let text = ""
  for (let at = 0; at < bytes.byteLength; at += piece) {
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + piece)))
  }
  return text
}
