/**
 * The roots of the repository as they are now: what they hold, and what the files of a model are. All reading of roots after
 * start-up goes through here.
 */
import { Effect, Result } from "effect"
import type { PollFailed } from "../../../schema/Errors.ts"
import type * as Directory from "./Directory.ts"
import * as Discovery from "./Discovery.ts"
import * as Fingerprints from "./Fingerprints.ts"

/** @category models */
export interface Look {
  /** What the roots hold; a root that cannot be listed counts as it was when it last could. */
  readonly discovery: Discovery.Discovery
  /** Why roots cannot be listed now. */
  readonly unlisted: ReadonlyArray<{ readonly root: string; readonly failure: PollFailed }>
}

/** @category models */
export interface Roots {
  readonly look: Effect.Effect<Look, never, Directory.Services>
  readonly fingerprint: (
    found: Discovery.Discovered
  ) => Effect.Effect<Fingerprints.Fingerprint, PollFailed, Directory.Services>
  /** Why a root cannot be listed that never could, as far as is known. */
  readonly neverListed: () => PollFailed | undefined
  /** Drops what is remembered of a model that is gone. */
  readonly forget: (id: string) => void
}

const nothing: Discovery.Root = { models: [], failures: [], warnings: [] }

/** @category constructors */
export const make = (options: Discovery.Options): Roots => {
  const last = new Map<string, Discovery.Root>()
  const never = new Map<string, PollFailed>()
  const fingerprints = Fingerprints.make()
  return {
    look: Effect.map(Discovery.listRoots(options), (listings) => {
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
    fingerprint: fingerprints.of,
    neverListed: () => never.values().next().value,
    forget: fingerprints.forget
  }
}
