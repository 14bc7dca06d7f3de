/** Configuration of models. Source: protocol §3.4, §8.3. */
import * as ConfigJson from "../../../../../schema/proto/ConfigJson.ts"
import type { Model } from "../../../../../services/ModelRepository.ts"
import { whenResident } from "../../Resident.ts"
import type { Route } from "../Router.ts"
import type { Door } from "./Door.ts"

/** @internal */
export const routes = ({ server }: Door): ReadonlyArray<Route> => {
  const texts = new WeakMap<Model, string>()
  const text = (model: Model): string => {
    let json = texts.get(model)
    if (json === undefined) texts.set(model, json = ConfigJson.toJson(model.config))
    return json
  }
  return [{
    category: "model-config",
    contentType: "application/json",
    path: "/v2/models/{model}[/versions/{version}]/config",
    get: (call) =>
      whenResident(
        call,
        () => server.model(call.captures.model, call.captures.version),
        (model) => call.text("application/json", text(model))
      )
  }]
}
