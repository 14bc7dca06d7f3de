/** Liveness and readiness of the server and of models. Source: protocol §3.1, §7.2. */
import { Result } from "effect"
import * as Status from "../../../../../schema/proto/StatusFields.ts"
import { isHealthy } from "../../../../../services/ModelRepository.ts"
import type { Door } from "./Door.ts"
import { unary } from "./Rpc.ts"

const common = { category: "health", counted: false } as const

/** @internal */
export const rpcs = ({ server }: Door) => ({
  ServerLive: unary({
    ...common,
    request: Status.ServerLiveRequest,
    response: Status.ServerLiveResponse,
    answer: (_, call) => call.answerWith(server.live, (live) => call.reply({ live }))
  }),
  ServerReady: unary({
    ...common,
    request: Status.ServerReadyRequest,
    response: Status.ServerReadyResponse,
    answer: (_, call) => call.answerWith(server.ready, (ready) => call.reply({ ready }))
  }),
  ModelReady: unary({
    ...common,
    request: Status.ModelReadyRequest,
    response: Status.ModelReadyResponse,
    model: ({ name }) => name,
    answer: ({ name, version }, call) => {
      const healthy = isHealthy(server.model(name, version))
      if (Result.isSuccess(healthy)) call.reply({ ready: healthy.success })
      // A model that is not there is not ready; only a version that is no number is an error.
      else if (healthy.failure._tag === "InvalidRequest") call.failure(healthy.failure)
      else call.reply({ ready: false })
    }
  })
})
