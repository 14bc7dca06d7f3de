/** Finds the statistics that a client asks for. Source: protocol §3.5, §9.2. */
import { Effect, Option, Result } from "effect"
import { InvalidRequest } from "../../../schema/Errors.ts"
import type { IndexEntry, ModelRepository } from "../../../services/ModelRepository.ts"
import type { ModelStatistics } from "../../../services/Statistics.ts"

/** @internal */
export interface StatisticsLookup {
  /** Those of every version that is ready. */
  readonly all: Effect.Effect<ReadonlyArray<ModelStatistics>>
  /** Those of the ready versions of a model, or of one version where it is not `""`. */
  readonly ofModel: (name: string, version: string) => Result.Result<ReadonlyArray<ModelStatistics>, InvalidRequest>
}

/** @internal */
export const make = (repository: ModelRepository["Service"]): StatisticsLookup => {
  const find = (name: string, version: string): ReadonlyArray<ModelStatistics> =>
    Option.toArray(Option.map(Result.getSuccess(repository.lookup(name, version)), ({ statistics }) => statistics))
  const ready = (entries: ReadonlyArray<IndexEntry>) =>
    entries.flatMap(({ name, state, version }) => state === "READY" ? find(name, version ?? "") : [])
  return {
    all: Effect.map(repository.index, ready),
    ofModel: (name, version) => {
      const versions = repository.readyVersions(name).flatMap((one) => find(name, String(one)))
      if (versions.length === 0) {
        return Result.fail(new InvalidRequest({ message: `requested model '${name}' is not available` }))
      }
      if (version === "") return Result.succeed(versions)
      const found = repository.lookup(name, version)
      if (Result.isSuccess(found)) return Result.succeed([found.success.statistics])
      return Result.fail(
        found.failure._tag === "InvalidRequest"
          ? found.failure
          : new InvalidRequest({ message: `requested model version is not available for model '${name}'` })
      )
    }
  }
}
