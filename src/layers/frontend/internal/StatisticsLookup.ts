/** Finds the statistics that a client asks for. Source: protocol §3.5, §9.2. */
import { Effect, Result } from "effect"
import { InvalidRequest } from "../../../schema/Errors.ts"
import { type IndexEntry, isNotResident, type Lookup, type ModelRepository } from "../../../services/ModelRepository.ts"
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
  const find = (name: string, version: string) => statisticsOf(repository.lookup(name, version))
  const ready = (entries: ReadonlyArray<IndexEntry>) =>
    entries.flatMap(({ name, state, version }) => state === "READY" ? find(name, version ?? "") ?? [] : [])
  return {
    all: Effect.map(repository.index, ready),
    ofModel: (name, version) => {
      const versions = repository.readyVersions(name).flatMap((one) => {
        const found = find(name, String(one))
        return found === undefined ? [] : [found]
      })
      if (versions.length === 0) {
        return Result.fail(new InvalidRequest({ message: `requested model '${name}' is not available` }))
      }
      if (version === "") return Result.succeed(versions.flat())
      const one = repository.lookup(name, version)
      if (Result.isFailure(one) && one.failure._tag === "InvalidRequest") return Result.fail(one.failure)
      const found = statisticsOf(one)
      return found === undefined
        ? Result.fail(
          new InvalidRequest({ message: `requested model version is not available for model '${name}'` })
        )
        : Result.succeed(found)
    }
  }
}

/** `undefined`: there is no such version. One that was never loaded has no statistics. */
const statisticsOf = (found: Lookup): ReadonlyArray<ModelStatistics> | undefined => {
  if (Result.isSuccess(found)) return [found.success.statistics]
  if (!isNotResident(found.failure)) return undefined
  const statistics = found.failure.statistics()
  return statistics === undefined ? [] : [statistics]
}
