/** Routes of the protocol whose features this server does not have: they answer 501 and say which feature it is. Source: protocol §2.1. */
import type { RestrictedCategory } from "../../../../../schema/options/ValueTypes.ts"
import type { Handler, Route } from "../Router.ts"

const refuse = (feature: string): Handler => (call) =>
  call.error(501, `This server does not implement the ${feature} extension.`)

const post = (category: RestrictedCategory, feature: string, paths: ReadonlyArray<string>): ReadonlyArray<Route> =>
  paths.map((path) => ({ category, contentType: "application/json", path, post: refuse(feature) }))

/** @internal */
export const routes = (): ReadonlyArray<Route> => [
  ...post("inference", "generate", [
    "/v2/models/{model}[/versions/{version}]/generate",
    "/v2/models/{model}[/versions/{version}]/generate_stream"
  ])
]
