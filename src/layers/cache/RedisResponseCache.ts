/**
 * A response cache on a Redis server, which several servers share and which outlives them; with a cache in the memory of this process
 * before it, if wanted.
 *
 * It survives Redis going away: no request fails by it, and none waits longer than a bound.
 */
import { Duration, Effect, Layer, Redacted, type Scope } from "effect"
import { type Cache, ResponseCache } from "../../services/ResponseCache.ts"
import * as RedisConnection from "../RedisConnection.ts"
import * as CachedScheduler from "./internal/CachedScheduler.ts"
import type { CacheStore, Insertion } from "./internal/CacheStore.ts"
import { LocalStore } from "./internal/LocalStore.ts"
import * as RedisStore from "./internal/RedisStore.ts"

/** @category models */
export interface Options {
  readonly host: string
  /** Default: 6379. */
  readonly port?: number
  /** Default: Redis' default user. */
  readonly user?: string
  /** Default: none. */
  readonly password?: Redacted.Redacted
  /** Number of the database. Default: 0. */
  readonly db?: number
  /** Default: `false`. */
  readonly tls?: boolean
  /** Files in PEM: authorities, and the client's certificate and its key. Default: the system's authorities, no certificate. */
  readonly caCert?: string
  readonly cert?: string
  readonly key?: string
  /** Name that the certificate of Redis must have. Default: the host. */
  readonly serverName?: string
  /** Default: 2 seconds. */
  readonly connectTimeout?: Duration.Input
  /** How long a request waits for an answer of Redis before it runs. Default: 50 milliseconds. */
  readonly socketTimeout?: Duration.Input
  /** Requests in a row that may wait in vain before the connection is given up. Default: 3. */
  readonly maxTimeouts?: number
  /** Longest pause between two tries to connect. Default: 5 seconds. */
  readonly maxRetryDelay?: Duration.Input
  /** When Redis forgets an entry; infinite: never. Default: a day. */
  readonly ttl?: Duration.Input
  /** What the names of all entries begin with. Default: `galatea:`. */
  readonly keyPrefix?: string
  /** Bytes of the largest entry, which holds the request as well. Default: 8 MiB. */
  readonly maxValueSize?: number
  /** Bytes of entries that may be on their way to Redis at a time; those beyond are left out. Default: 64 MiB. */
  readonly maxPendingSize?: number
  /** Commands that Redis may owe an answer to at a time; beyond them it is not asked. Default: 1024. */
  readonly maxPending?: number
  /** The cache in memory that is asked first. Default: none. */
  readonly local?: {
    /** Bytes, see `LocalResponseCache`. */
    readonly size: number
    /** Counts from when the answer was made, by whichever server. Default: infinite. */
    readonly ttl?: Duration.Input
  }
  /** Requests of one version that may wait for the same request of another caller; beyond it they run. Default: 16384. */
  readonly maxFollowers?: number
}

const day = Duration.days(1)

const redisOptions = (options: Options): RedisStore.Options => {
  const { host, port = 6379 } = options
  const ttl = Duration.toMillis(options.ttl ?? day)
  return {
    open: RedisConnection.open({
      host,
      port,
      user: options.user ?? "",
      password: options.password ?? Redacted.make(""),
      db: options.db ?? 0,
      tls: options.tls ?? false,
      caCert: options.caCert ?? "",
      cert: options.cert ?? "",
      key: options.key ?? "",
      serverName: options.serverName ?? "",
      connectTimeout: Duration.toMillis(options.connectTimeout ?? "2 seconds")
    }),
    name: `${host.includes(":") ? `[${host}]` : host}:${port}`,
    keyPrefix: options.keyPrefix ?? "galatea:",
    ttl: Number.isFinite(ttl) ? Math.max(1, Math.round(ttl)) : 0,
    socketTimeout: Duration.toMillis(options.socketTimeout ?? "50 millis"),
    maxTimeouts: options.maxTimeouts ?? 3,
    maxRetryDelay: Duration.toMillis(options.maxRetryDelay ?? "5 seconds"),
    maxValueSize: options.maxValueSize ?? 8 * 1024 ** 2,
    maxPendingSize: options.maxPendingSize ?? 64 * 1024 ** 2,
    maxPending: options.maxPending ?? 1024
  }
}

/** Both outcomes in one: what failed is worth telling, wherever it was. */
const worse = (one: Insertion, other: Insertion): Insertion => one._tag === "Inserted" ? other : one

/** Memory first, then Redis. */
const twoTiers = (local: LocalStore, redis: RedisStore.RedisStore): CacheStore => ({
  lookup: (key, now) => local.lookup(key, now),
  fetch: (key, now) =>
    Effect.map(redis.fetch(key), (found) => {
      if (found === undefined) return undefined
      local.insert(key, found.outputs, now(), found.age)
      return found.outputs
    }),
  insert: (key, outputs, now) => {
    const kept = local.insert(key, outputs, now)
    return kept._tag === "Exists" ? kept : worse(kept, redis.insert(key, outputs))
  },
  usage: () => ({ local: local.usage(), redis: redis.usage() })
})

const redisAlone = (redis: RedisStore.RedisStore): CacheStore => ({
  lookup: () => undefined,
  fetch: (key) => Effect.map(redis.fetch(key), (found) => found?.outputs),
  insert: (key, outputs) => redis.insert(key, outputs),
  usage: () => ({ local: undefined, redis: redis.usage() })
})

/** A cache of its own, for embedding without layers. The scope ends the connection. @category constructors */
export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Cache, never, Scope.Scope> {
  const redis = yield* RedisStore.make(redisOptions(options))
  const local = options.local === undefined ? undefined : new LocalStore({
    capacity: options.local.size,
    ttlNanos: Duration.toMillis(options.local.ttl ?? Duration.infinity) * 1e6
  })
  const store = local === undefined ? redisAlone(redis) : twoTiers(local, redis)
  let shared = 0
  return {
    open: (version) =>
      CachedScheduler.open(version, {
        store,
        maxFollowers: options.maxFollowers ?? 16_384,
        onTimes: (lookup, insertion) => local?.took(lookup, insertion),
        onShared: (requests) => void (shared += requests)
      }),
    usage: () => ({ ...store.usage(), shared })
  }
})

/** @category layers */
export const layerWith = (options: Options): Layer.Layer<never> => Layer.effect(ResponseCache, make(options))
