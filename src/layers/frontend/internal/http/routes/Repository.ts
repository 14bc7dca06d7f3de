/** Index, load and unload. Source: protocol §3.6. */
import { Result } from "effect"
import { InvalidRequest, MalformedRequest } from "../../../../../schema/Errors.ts"
import type { IndexEntry, LoadParameters } from "../../../../../services/ModelRepository.ts"
import { asString, attempt, type ReadFailure } from "../../json/JsonAccess.ts"
import { isObject, type JsonValue } from "../../json/JsonValue.ts"
import * as Visible from "../../Visible.ts"
import { quote } from "../Answer.ts"
import type { Call } from "../Call.ts"
import type { Route } from "../Router.ts"
import type { Door } from "./Door.ts"
import { withJsonBody } from "./JsonBody.ts"

const common = { category: "model-repository", contentType: "application/json" } as const

/** @internal */
export const routes = (door: Door): ReadonlyArray<Route> => {
  const { repository } = door.server
  return [
    {
      ...common,
      path: "/v2/repository[/{repository}]/index",
      post: (call) =>
        withJsonBody(door, call, (body) => {
          const ready = isObject(body) ? body.get("ready") : undefined
          if (ready !== undefined && typeof ready !== "boolean") {
            return call.error(400, "Invalid value for 'ready': expected a boolean")
          }
          call.answerWith(repository.index, (entries) =>
            call.text("application/json", indexJson(Visible.of(call.pass, entries), ready === true)))
        })
    },
    {
      ...common,
      path: "/v2/repository[/{repository}]/models/{model}/load",
      post: (call) =>
        withJsonBody(door, call, (body) => {
          if (refuseRepository(call)) return
          const parameters = loadParameters(body)
          if (Result.isFailure(parameters)) return call.failure(parameters.failure)
          call.answerWith(repository.load(call.captures.model, parameters.success), () => call.empty(200))
        })
    },
    {
      ...common,
      path: "/v2/repository[/{repository}]/models/{model}/unload",
      post: (call) =>
        withJsonBody(door, call, (body) => {
          if (refuseRepository(call)) return
          const parameters = isObject(body) ? body.get("parameters") : undefined
          if (parameters !== undefined && !isObject(parameters)) return call.failure(notMembers())
          const unloadDependents = parameters?.get("unload_dependents") === true
          const version = attempt(() => versionOf(parameters?.get("version")))
          if (Result.isFailure(version)) return call.failure(version.failure)
          const options = { unloadDependents, ...version.success }
          call.answerWith(repository.unload(call.captures.model, options), () => call.empty(200))
        })
    }
  ]
}

const refuseRepository = (call: Call): boolean => {
  if (call.captures.repository === "") return false
  call.error(501, "'repository_name' specification is not supported")
  return true
}

const notMembers = (): InvalidRequest => new InvalidRequest({ message: "attempt to get members for non-object" })

const filePrefix = "file:"

/** The version to load or unload alone: this server's own parameter, a string or a number. */
const versionOf = (value: JsonValue | undefined): { readonly version?: string } => {
  if (value === undefined) return {}
  return { version: typeof value === "number" || typeof value === "bigint" ? String(value) : asString(value) }
}

/** The config and the files that a load brings, and the version that it is about; files are keyed by their path. */
const loadParameters = (body: JsonValue | undefined): Result.Result<LoadParameters, ReadFailure> =>
  attempt(() => {
    const parameters = isObject(body) ? body.get("parameters") : undefined
    if (parameters === undefined) return {}
    if (!isObject(parameters)) throw notMembers()
    let config: string | undefined
    const files = new Map<string, Uint8Array>()
    const version = versionOf(parameters.get("version"))
    for (let i = 0; i < parameters.keys.length; i++) {
      const name = parameters.keys[i]!
      if (name === "version") continue
      const value = asString(parameters.values[i]!)
      if (name === "config") config ??= value
      else if (name.startsWith(filePrefix)) files.set(name.slice(filePrefix.length), fromBase64(name, value))
      else throw new MalformedRequest({ message: "unexpected error on creating Triton parameter" })
    }
    return { ...version, ...(config === undefined ? {} : { config }), ...(files.size === 0 ? {} : { files }) }
  })

const fromBase64 = (name: string, text: string): Uint8Array => {
  // No two parts of it take the same characters: what does not match is found out in one pass.
  if (!/^[A-Za-z0-9+/\s]*(?:=\s*){0,2}$/.test(text)) {
    throw new InvalidRequest({
      message: `'${name}' is not base64: only A-Z, a-z, 0-9, + and / with = at the end are expected`
    })
  }
  return Buffer.from(text, "base64")
}

const indexJson = (entries: ReadonlyArray<IndexEntry>, readyOnly: boolean): string =>
  `[${entries.filter((entry) => !readyOnly || entry.state === "READY").map(entryJson).join(",")}]`

const entryJson = ({ name, reason, state, version }: IndexEntry): string => {
  let json = `{"name":${quote(name)}`
  if (version !== undefined) json += `,"version":${quote(version)}`
  if (state !== undefined) json += `,"state":"${state}"`
  if (reason !== undefined && reason !== "") json += `,"reason":${quote(reason)}`
  return json + "}"
}
