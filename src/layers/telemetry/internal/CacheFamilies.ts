/** Metrics of the response cache as a whole: Triton's of the cache in this process, and more. Source: scheduling §9.3. */
import { type CacheUsage, type LocalUsage, redisFailures, type RedisUsage } from "../../../services/ResponseCache.ts"
import type { Family, Series } from "./Families.ts"

const local = (name: string, help: string, value: (usage: LocalUsage) => number): Family<CacheUsage> => ({
  name,
  type: "gauge",
  help,
  write: (series, { local }) => {
    if (local !== undefined) series.value(value(local))
  }
})

const redis = (
  name: string,
  type: "counter" | "gauge",
  help: string,
  write: (series: Series, usage: RedisUsage) => void
): Family<CacheUsage> => ({
  name,
  type,
  help,
  write: (series, { redis }) => {
    if (redis !== undefined) write(series, redis)
  }
})

const micros = (nanos: number): number => Math.floor(nanos / 1000)

/** @category constructors */
export const families: ReadonlyArray<Family<CacheUsage>> = [
  local("nv_cache_num_entries", "Number of responses stored in response cache", ({ entries }) => entries),
  local("nv_cache_num_lookups", "Number of cache lookups in response cache", ({ lookups }) => lookups),
  local("nv_cache_num_hits", "Number of cache hits in response cache", ({ hits }) => hits),
  local("nv_cache_num_misses", "Number of cache misses in response cache", ({ hits, lookups }) => lookups - hits),
  local("nv_cache_num_evictions", "Number of cache evictions in response cache", ({ evictions }) => evictions),
  local("nv_cache_util", "Cache utilization [0.0 - 1.0]", ({ bytes, capacity }) => bytes / capacity),
  local(
    "nv_cache_lookup_duration",
    "Total cache lookup duration (hit and miss), in microseconds",
    ({ lookupNanos }) => micros(lookupNanos)
  ),
  local(
    "nv_cache_insertion_duration",
    "Total cache insertion duration, in microseconds",
    ({ insertionNanos }) => micros(insertionNanos)
  ),
  local(
    "galatea_cache_used_bytes",
    "Memory that the entries of the response cache take, in bytes.",
    ({ bytes }) => bytes
  ),
  local(
    "galatea_cache_capacity_bytes",
    "Memory that the entries of the response cache may take, in bytes.",
    ({ capacity }) => capacity
  ),
  {
    name: "galatea_cache_shared_requests_total",
    type: "counter",
    help: "Requests that got the answer of the same request, which ran at the time.",
    write: (series, { shared }) => series.value(shared)
  },
  redis(
    "galatea_cache_redis_up",
    "gauge",
    "1 while the response cache is connected to Redis.",
    (series, { up }) => series.value(up ? 1 : 0)
  ),
  redis(
    "galatea_cache_redis_lookups_total",
    "counter",
    "Look-ups that the response cache on Redis was to answer.",
    (series, { hits, misses, skipped }) => {
      series.valueWith("outcome", "hit", hits)
      series.valueWith("outcome", "miss", misses)
      series.valueWith("outcome", "skipped", skipped)
    }
  ),
  redis(
    "galatea_cache_redis_insertions_total",
    "counter",
    "Entries that the response cache on Redis was to take.",
    (series, { dropped, insertions }) => {
      series.valueWith("outcome", "inserted", insertions)
      series.valueWith("outcome", "dropped", dropped)
    }
  ),
  redis(
    "galatea_cache_redis_errors_total",
    "counter",
    "What the response cache on Redis failed at.",
    (series, { failures }) => {
      for (const reason of redisFailures) series.valueWith("reason", reason, failures[reason])
    }
  )
]
