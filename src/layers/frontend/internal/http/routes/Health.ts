/** Liveness and readiness of the server and of models. Source: protocol §3.1. */
import { Result } from "effect"
import { isHealthy } from "../../../../../services/ModelRepository.ts"
import type { Call } from "../Call.ts"
import type { Route } from "../Router.ts"
import type { Door } from "./Door.ts"

const common = { category: "health", contentType: "text/plain" } as const

/** @internal */
export const routes = ({ server }: Door): ReadonlyArray<Route> => [
  {
    ...common,
    path: "/v2/health/live",
    get: (call) => call.answerWith(server.live, (live) => call.empty(live ? 200 : 400))
  },
  {
    ...common,
    path: "/v2/health/ready",
    get: (call) => call.answerWith(server.ready, (ready) => call.empty(ready ? 200 : 400))
  },
  {
    ...common,
    path: "/v2/models/{model}[/versions/{version}]/ready",
    get: (call: Call) => {
      const healthy = isHealthy(server.model(call.captures.model, call.captures.version))
      if (Result.isFailure(healthy)) return call.failure(healthy.failure)
      if (healthy.success) return call.empty(200)
      call.error(400, "Model version not ready")
    }
  }
]
