/** The books of a version that comes and goes: opened when it is first loaded, and kept until it is unloaded for good. */
import { Effect, Scope } from "effect"
import type { Statistics, VersionBooks } from "../../../../services/Statistics.ts"

/** @category models */
export interface KeptBooks {
  /** Opens books once; whoever opens them again gets the same. */
  readonly statistics: Statistics["Service"]
  /** `undefined` before the first load. */
  readonly current: () => VersionBooks | undefined
}

/** Of one version; `scope` closes the books. @category constructors */
export const make = (statistics: Statistics["Service"], scope: Scope.Scope): KeptBooks => {
  let books: VersionBooks | undefined
  return {
    statistics: {
      ...statistics,
      open: (options) =>
        books === undefined
          ? Effect.tap(Scope.provide(statistics.open(options), scope), (opened) =>
            Effect.sync(() => {
              books = opened
            }))
          : Effect.succeed(books)
    },
    current: () => books
  }
}
