/**
 * Remembers answers: the same request to the same version of a model need not run twice.
 *
 * Upstream: `ModelRepository` puts it before the queue of each version that asks for it. Downstream: that queue.
 */
import { Context, type Effect, type Scope } from "effect"
import type { ModelScheduler } from "./Scheduler.ts"
import type { ModelStatistics } from "./Statistics.ts"

/** A version whose answers are remembered. @category models */
export interface CachedVersion {
  readonly model: string
  readonly version: number
  /** Says what the version does: equal means equal answers to equal requests, also in another process. Printable ASCII. */
  readonly identity: string
  readonly scheduler: ModelScheduler
  readonly statistics: ModelStatistics
}

/** What the cache in this process did and holds. @category models */
export interface LocalUsage {
  /** Bytes in use, with what entries cost beside their tensors. */
  readonly bytes: number
  /** Bytes that it may use. */
  readonly capacity: number
  readonly entries: number
  readonly lookups: number
  readonly hits: number
  /** Entries that made room for others. */
  readonly evictions: number
  /** Nanoseconds, of hits and misses. */
  readonly lookupNanos: number
  readonly insertionNanos: number
}

/** Why Redis did not do what it was asked for. @category models */
export const redisFailures = ["connection", "timeout", "reply", "value"] as const
/**
 * `connection`: it could not be reached, or was lost. `timeout`: it did not answer in time. `reply`: it answered with an error, such as
 * being full. `value`: what it holds is not what this server puts there.
 *
 * @category models
 */
export type RedisFailure = (typeof redisFailures)[number]

/** What the cache on Redis did. @category models */
export interface RedisUsage {
  /** It is connected. */
  readonly up: boolean
  readonly hits: number
  readonly misses: number
  /** Look-ups that it was not asked for, because it was away or had too much to do. */
  readonly skipped: number
  readonly insertions: number
  /** Insertions that were left out, because it was away or had too much to do. */
  readonly dropped: number
  readonly failures: Readonly<Record<RedisFailure, number>>
}

/** @category models */
export interface CacheUsage {
  /** `undefined`: nothing is kept in this process. */
  readonly local: LocalUsage | undefined
  /** `undefined`: Redis is not used. */
  readonly redis: RedisUsage | undefined
  /** Requests that got the answer of another one that was running at the time. */
  readonly shared: number
}

/** @category models */
export interface Cache {
  /**
   * Stands before the queue of a version. The scope waits for the requests that are in it, and ends before the queue does.
   *
   * Outputs that come from it are views of what it holds: whoever gets them may read them for as long as he likes, and writes to
   * them never.
   */
  readonly open: (version: CachedVersion) => Effect.Effect<ModelScheduler, never, Scope.Scope>
  readonly usage: () => CacheUsage
}

/** `undefined`, which is the default: the server has none, and every request runs. @category services */
export class ResponseCache extends Context.Reference<Cache | undefined>("galatea/services/ResponseCache", {
  defaultValue: () => undefined
}) {}
