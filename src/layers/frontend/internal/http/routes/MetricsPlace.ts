/** Where the metrics of this server are, and by what they are known. This server's own. */
import type { MetricsPlace } from "../../../../../schema/MetricsPlace.ts"
import type { Route } from "../Router.ts"

/** @internal */
export const routes = (place: MetricsPlace): ReadonlyArray<Route> => {
  const text = JSON.stringify(place)
  return [{
    category: "metadata",
    contentType: "application/json",
    path: "/v2/metrics/place",
    get: (call) => call.text("application/json", text)
  }]
}
