/** The roots of the repository as they are now. What cannot be listed counts as it was when it last could. */
import { Context, Effect, Result } from "effect"
import type { PollFailed } from "../../../schema/Errors.ts"
import type { LoadEvent } from "../../../services/ModelRepository.ts"
import { RepositorySource } from "../../../services/RepositorySource.ts"
import * as Discovery from "./Discovery.ts"

/** @category models */
export interface Look {
  readonly discovery: Discovery.Discovery
  /** Why roots cannot be listed now. */
  readonly unlisted: ReadonlyArray<{ readonly root: string; readonly failure: PollFailed }>
}

/** @category models */
export interface Roots {
  /** Looks, and tells what changed about which roots can be listed. */
  readonly look: Effect.Effect<Look>
  /** Looks, and tells nothing. */
  readonly peek: Effect.Effect<Look>
  /** Looks, and waits no longer than a moment: where a root takes its time, what they held when they were last listed. */
  readonly glance: Effect.Effect<Look>
  /** What was seen when they were last looked at. */
  readonly latest: () => Look
  readonly tell: (look: Look) => Effect.Effect<void>
  /** Why a root cannot be listed that never could, as far as is known. */
  readonly neverListed: () => PollFailed | undefined
}

/** How long a glance waits: a root on another machine may answer late, or never. */
const moment = "2 seconds"

const nothing: Discovery.Root = { models: [], failures: [], warnings: [] }

/** @category constructors */
export const make = Effect.fnUntraced(function*(
  options: Discovery.Options & { readonly onEvent: (event: LoadEvent) => Effect.Effect<void> }
): Effect.fn.Return<Roots, never, RepositorySource> {
  const sources = Context.make(RepositorySource, yield* RepositorySource)
  const last = new Map<string, Discovery.Root>()
  const never = new Map<string, PollFailed>()
  const told = new Map<string, string>()
  let latest: Look = { discovery: Discovery.merge([], options), unlisted: [] }
  const tell = Effect.fnUntraced(function*({ unlisted }: Look) {
    const now = new Map(unlisted.map(({ failure, root }) => [root, failure.message]))
    const news = [...now].filter(([root, message]) => told.get(root) !== message)
    const listed = [...told.keys()].filter((root) => !now.has(root))
    for (const [root, message] of news) told.set(root, message)
    for (const root of listed) told.delete(root)
    for (const [, message] of news) {
      yield* options.onEvent({ _tag: "Warning", model: undefined, message: `${message}\nIts models stay as they are.` })
    }
    for (const root of listed) yield* Effect.logInfo(`model repository '${root}' can be listed again`)
  })

  const peek = Effect.map(Effect.provideContext(Discovery.listRoots(options), sources), (listings) => {
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
    latest = { discovery: Discovery.merge(roots, options), unlisted }
    return latest
  })
  const look = Effect.tap(peek, tell)
  const glance = Effect.timeoutOrElse(look, { duration: moment, orElse: () => Effect.sync(() => latest) })

  return { peek, tell, look, glance, latest: () => latest, neverListed: () => never.values().next().value }
})
