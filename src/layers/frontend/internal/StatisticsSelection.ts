/** Which versions a question for statistics means. Source: protocol §3.5. */
import { Effect, Option, Result } from "effect"
import { InvalidRequest } from "../../../schema/Errors.ts"
import type { ModelRepository } from "../../../services/ModelRepository.ts"
import type { ModelStatistics } from "../../../services/Statistics.ts"

const find = (
  repository: ModelRepository["Service"],
  name: string,
  version: string
): ReadonlyArray<ModelStatistics> =>
  Option.toArray(Option.map(Result.getSuccess(repository.lookup(name, version)), ({ statistics }) => statistics))

/** Every ready version of every model, in the order of the index. @internal */
export const all = (repository: ModelRepository["Service"]): Effect.Effect<ReadonlyArray<ModelStatistics>> =>
  Effect.map(
    repository.index,
    (entries) =>
      entries.flatMap(({ name, state, version }) => state === "READY" ? find(repository, name, version ?? "") : [])
  )

/** The ready versions of a model, or the one that is named. @internal */
export const ofModel = (
  repository: ModelRepository["Service"],
  name: string,
  version: string
): Result.Result<ReadonlyArray<ModelStatistics>, InvalidRequest> => {
  const versions = repository.readyVersions(name).flatMap((ready) => find(repository, name, String(ready)))
  if (versions.length === 0) {
    return Result.fail(new InvalidRequest({ message: `requested model '${name}' is not available` }))
  }
  if (version === "") return Result.succeed(versions)
  const found = find(repository, name, version)
  return found.length > 0
    ? Result.succeed(found)
    : Result.fail(
      new InvalidRequest({ message: `requested model version is not available for model '${name}'` })
    )
}
