/** The OpenAPI document of the server and of the models that take requests. This server's own. */
import { Result } from "effect"
import * as OpenApiDocument from "../../../../../schema/openapi/OpenApiDocument.ts"
import type { IndexEntry } from "../../../../../services/ModelRepository.ts"
import { whenResident } from "../../Resident.ts"
import * as Visible from "../../Visible.ts"
import type { Call } from "../Call.ts"
import type { Route } from "../Router.ts"
import type { Door } from "./Door.ts"

/** Models in one document; all others are described one by one. */
const maxModels = 256

/** @internal */
export const routes = ({ server }: Door): ReadonlyArray<Route> => {
  const describe = (names: Iterable<string>): ReadonlyArray<OpenApiDocument.DescribedModel> => {
    const models: Array<OpenApiDocument.DescribedModel> = []
    for (const name of names) {
      const found = server.model(name, "")
      if (Result.isSuccess(found)) models.push({ name, signature: found.success.signature })
    }
    return models
  }
  const answer = (call: Call, models: ReadonlyArray<OpenApiDocument.DescribedModel>, more = 0) =>
    call.text("application/json", JSON.stringify(OpenApiDocument.make(server.metadata, models, more)))

  return [{
    category: "metadata",
    contentType: "application/json",
    path: "/v2/docs/openapi.json",
    get: (call) => {
      const name = modelOf(call.request.url!)
      if (name !== undefined) {
        const refused = call.pass?.over(name)
        if (refused !== undefined) return call.failure(refused.failure, call.contentType, refused.headers)
        return whenResident(
          call,
          () => server.model(name, ""),
          ({ signature }) => answer(call, [{ name, signature }])
        )
      }
      call.answerWith(server.repository.index, (entries) => {
        const ready = readyModels(Visible.of(call.pass, entries))
        answer(call, describe(ready.slice(0, maxModels)), Math.max(0, ready.length - maxModels))
      })
    }
  }]
}

const readyModels = (entries: ReadonlyArray<IndexEntry>): ReadonlyArray<string> => [
  ...new Set(entries.flatMap(({ name, state }) => state === "READY" ? [name] : []))
]

/** The model that the query asks for alone. */
const modelOf = (target: string): string | undefined => {
  const query = target.indexOf("?")
  return query === -1 ? undefined : new URLSearchParams(target.slice(query + 1)).get("model") ?? undefined
}
