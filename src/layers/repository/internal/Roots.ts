/** The roots of the repository as they are now. What cannot be listed counts as it was when it last could. */
import { Effect, Result } from "effect"
import type { PollFailed } from "../../../schema/Errors.ts"
import type { RepositorySource } from "../../../services/RepositorySource.ts"
import * as Discovery from "./Discovery.ts"

/** @category models */
export interface Look {
  readonly discovery: Discovery.Discovery
  /** Why roots cannot be listed now. */
  readonly unlisted: ReadonlyArray<{ readonly root: string; readonly failure: PollFailed }>
}

/** @category models */
export interface Roots {
  readonly look: Effect.Effect<Look>
  /** Why a root cannot be listed that never could, as far as is known. */
  readonly neverListed: () => PollFailed | undefined
}

const nothing: Discovery.Root = { models: [], failures: [], warnings: [] }

/** @category constructors */
export const make = Effect.fnUntraced(function*(
  options: Discovery.Options
): Effect.fn.Return<Roots, never, RepositorySource> {
  const sources = yield* Effect.context<RepositorySource>()
  const last = new Map<string, Discovery.Root>()
  const never = new Map<string, PollFailed>()
  return {
    look: Effect.map(Effect.provideContext(Discovery.listRoots(options), sources), (listings) => {
      const unlisted: Array<Look["unlisted"][number]> = []
      const roots = listings.map(({ listing, root }) => {
        if (Result.isSuccess(listing)) {
          last.set(root, listing.success)
          never.delete(root)
          return listing.success
        }
        unlisted.push({ root, failure: listing.failure })
        if (!last.has(root)) never.set(root, listing.failure)
        return last.get(root) ?? nothing
      })
      return { discovery: Discovery.merge(roots, options), unlisted }
    }),
    neverListed: () => never.values().next().value
  }
})
