/** The program that has the server inside. */
import { Context, Effect, Result } from "effect"
import type { InvalidRequest, ModelNotFound, ModelNotReady } from "../../../src/schema/Errors.ts"
import * as ConfigJson from "../../../src/schema/proto/ConfigJson.ts"
import * as InferenceServer from "../../../src/services/InferenceServer.ts"
import { type NotResident, whenResident } from "../../../src/services/ModelRepository.ts"
import type { ModelStatistics } from "../../../src/services/Statistics.ts"
import { type DoorKind, own, refusal, type Statistics } from "../Door.ts"

const ask = <A>(find: () => Result.Result<A, Absent | NotResident>) => Effect.mapError(whenResident(find), refusal)

type Absent = ModelNotFound | ModelNotReady | InvalidRequest

const statistics = (version: ModelStatistics): Statistics => {
  const { cacheHit, cacheMiss, executionCount, inferenceCount, success } = version.counts()
  return {
    name: version.model,
    version: String(version.version),
    inferenceCount,
    executionCount,
    successes: success.count,
    cache: [cacheHit.count, cacheMiss.count]
  }
}

export const inProcess: DoorKind = {
  name: "in process",
  open: (services) => {
    const server = Context.get(services, InferenceServer.InferenceServer)
    const { repository } = server
    return Effect.succeed({
      live: server.live,
      ready: server.ready,
      serverMetadata: Effect.succeed(server.metadata),
      modelReady: (model, version) => Effect.map(ask(() => server.model(model, version)), (found) => found.healthy()),
      modelMetadata: (model, version) => ask(() => server.modelMetadata(model, version)),
      modelConfig: (model, version) =>
        Effect.map(ask(() => server.model(model, version)), ({ config }) => ConfigJson.toJson(config)),
      statistics: (model, version) =>
        Effect.gen(function*() {
          if (model !== "") return [statistics((yield* ask(() => server.model(model, version))).statistics)]
          return (yield* repository.index).flatMap(({ name, state, version = "" }) =>
            state === "READY" ? [statistics(Result.getOrThrow(server.model(name, version)).statistics)] : []
          )
        }),
      index: (readyOnly) =>
        Effect.map(repository.index, (rows) => readyOnly ? rows.filter(({ state }) => state === "READY") : rows),
      load: (model, parameters) => Effect.mapError(repository.load(model, parameters), refusal),
      unload: (model, options) => Effect.mapError(repository.unload(model, options), refusal),
      infer: (request) =>
        InferenceServer.infer(request).pipe(
          Effect.map((response) => ({ ...response, outputs: own(response.outputs) })),
          Effect.scoped,
          Effect.provideContext(services),
          Effect.mapError(({ reason }) => refusal(reason))
        )
    })
  }
}
