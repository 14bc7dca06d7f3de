/** A response cache in the memory of this process, shared by all models that ask for one. */
import { Duration, Effect, Layer } from "effect"
import { type Cache, ResponseCache } from "../../services/ResponseCache.ts"
import * as CachedScheduler from "./internal/CachedScheduler.ts"
import { LocalStore } from "./internal/LocalStore.ts"

/** @category models */
export interface Options {
  /** Bytes that entries may take together, with what they cost beside their tensors. The least recently used make room. */
  readonly size: number
  /** How long an entry is used; infinite: for as long as there is room. Default: infinite. */
  readonly ttl?: Duration.Input
  /** Requests of one version that may wait for the same request of another caller; beyond it they run. Default: 16384. */
  readonly maxFollowers?: number
}

/** A cache of its own, for embedding without layers. @category constructors */
export const make = (options: Options): Cache => {
  const store = new LocalStore({
    capacity: options.size,
    ttlNanos: Duration.toMillis(options.ttl ?? Duration.infinity) * 1e6
  })
  let shared = 0
  return {
    open: (version) =>
      CachedScheduler.open(version, {
        store: {
          lookup: (key, now) => store.lookup(key, now),
          insert: (key, outputs, now) => store.insert(key, outputs, now),
          usage: () => ({ local: store.usage(), redis: undefined })
        },
        maxFollowers: options.maxFollowers ?? 16_384,
        onTimes: (lookup, insertion) => store.took(lookup, insertion),
        onShared: (requests) => void (shared += requests)
      }),
    usage: () => ({ local: store.usage(), redis: undefined, shared })
  }
}

/** @category layers */
export const layerWith = (options: Options): Layer.Layer<never> =>
  Layer.effect(ResponseCache, Effect.sync(() => make(options)))
