/** A version of the repository that loads when it is asked for. */
import { Context, Effect, type Scope } from "effect"
import type { LoadFailed } from "../../../../schema/Errors.ts"
import type { Model } from "../../../../services/ModelRepository.ts"
import { Statistics } from "../../../../services/Statistics.ts"
import type { Discovered } from "../Discovery.ts"
import * as OpenVersion from "../OpenVersion.ts"
import * as FileBytes from "./FileBytes.ts"
import * as KeptBooks from "./KeptBooks.ts"
import type { Residency } from "./Residency.ts"
import type { ResidentVersion } from "./ResidentVersion.ts"

/** @category models */
export interface Options {
  readonly place: Discovered
  readonly version: number
  /** Loads the version. */
  readonly open: Effect.Effect<Model, LoadFailed, OpenVersion.Services | Scope.Scope>
  /** Load it at once: somebody has asked for it, or uses the one whose place it takes. */
  readonly now: boolean
}

/**
 * Makes the version known, and loads it where that is not to wait. Its books stay open as long as it is known.
 *
 * Errors: `LoadFailed` of a load that was not to wait.
 *
 * @category constructors
 */
export const open = Effect.fnUntraced(function*(
  residency: Residency,
  { now, open, place, version }: Options
): Effect.fn.Return<ResidentVersion, LoadFailed, OpenVersion.Services | Scope.Scope> {
  const services = yield* OpenVersion.services
  const books = KeptBooks.make(Context.get(services, Statistics), yield* Effect.scope)
  const within = Context.add(services, Statistics, books.statistics)
  const resident = yield* residency.add({
    name: place.name,
    version,
    fileBytes: Effect.provideContext(FileBytes.of(place, version), services),
    open: Effect.provideContext(open, within),
    statistics: books.current
  })
  if (now) yield* residency.bring(resident)
  return resident
})
