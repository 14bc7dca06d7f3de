/** Who needs a model has to go before it does: what stands between a change and its taking effect. */
import { Effect } from "effect"
import type { Lookup } from "../../../services/ModelRepository.ts"

/** A change of which versions of a model are ready, before it takes effect. @category models */
export interface Change {
  readonly id: string
  readonly name: string
  /** What requests will find. */
  readonly after: (version: string) => Lookup
}

/** A version that has to go first, and why. @category models */
export interface Affected {
  readonly id: string
  readonly version: number
  readonly reason: string
}

/** Knows who needs which models. Both are asked in one step with the change. @category models */
export interface Watcher {
  /** Versions that requests find and that could not go on after the change. None: it may take effect. */
  readonly affected: (change: Change) => ReadonlyArray<Affected>
  /** What needs the ready versions that leave keeps hold of them; done when nothing does any more. */
  readonly release: (change: Change) => Effect.Effect<void>
}

/** Nobody needs anything. @category constants */
export const nobody: Watcher = { affected: () => [], release: () => Effect.void }

/**
 * Takes out of the look-up what the change would leave without what it needs, then lets the change take effect. `act` gets what has to
 * be over before what leaves may close.
 *
 * @category combinators
 */
export const before = <A, E>(
  watcher: () => Watcher,
  change: Change,
  withdraw: (affected: Affected) => Effect.Effect<void>,
  act: (released: Effect.Effect<void>) => Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    const affected = watcher().affected(change)
    if (affected.length === 0) return act(watcher().release(change))
    return Effect.andThen(
      Effect.forEach(affected, withdraw, { discard: true }),
      before(watcher, change, withdraw, act)
    )
  })
