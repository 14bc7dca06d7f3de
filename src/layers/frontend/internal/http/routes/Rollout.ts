/** How the versions of a model are rolled out; this server's own. */
import { ModelNotFound } from "../../../../../schema/Errors.ts"
import type { Route } from "../Router.ts"
import type { Door } from "./Door.ts"

/** @internal */
export const routes = ({ server }: Door): ReadonlyArray<Route> => [{
  category: "metadata",
  contentType: "application/json",
  path: "/v2/models/{model}/rollout",
  get: (call) => {
    const { model } = call.captures
    const status = server.repository.rollout?.(model)
    if (status === undefined) {
      call.failure(new ModelNotFound({ message: `Request for unknown model: '${model}' is not found` }))
    } else call.text("application/json", JSON.stringify({ name: model, ...status }))
  }
}]
