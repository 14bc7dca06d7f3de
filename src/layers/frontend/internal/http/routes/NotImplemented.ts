/** Routes of the protocol whose features this server does not have: they answer 501 and say which feature it is. Source: protocol §2.1. */
import type { RestrictedCategory } from "../../../../../schema/options/ValueTypes.ts"
import type { Handler, Route } from "../Router.ts"

const refuse = (feature: string): Handler => (call) =>
  call.error(501, `This server does not implement the ${feature} extension.`)

const get = (category: RestrictedCategory, feature: string, paths: ReadonlyArray<string>): ReadonlyArray<Route> =>
  paths.map((path) => ({ category, contentType: "application/json", path, get: refuse(feature) }))

const post = (category: RestrictedCategory, feature: string, paths: ReadonlyArray<string>): ReadonlyArray<Route> =>
  paths.map((path) => ({ category, contentType: "application/json", path, post: refuse(feature) }))

const sharedMemory = (kind: "system" | "cuda"): ReadonlyArray<Route> => {
  const feature = `${kind} shared memory`
  const path = (verb: string) => `/v2/${kind}sharedmemory[/region/{region}]/${verb}`
  return [
    ...get("shared-memory", feature, [path("status")]),
    ...post("shared-memory", feature, [path("register"), path("unregister")])
  ]
}

/** @internal */
export const routes = (): ReadonlyArray<Route> => [
  ...post("inference", "generate", [
    "/v2/models/{model}[/versions/{version}]/generate",
    "/v2/models/{model}[/versions/{version}]/generate_stream"
  ]),
  ...sharedMemory("system"),
  ...sharedMemory("cuda")
]
