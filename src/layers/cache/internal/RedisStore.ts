/**
 * Answers on a Redis server.
 *
 * Redis is a help and never a need: whatever it does, a request waits for it no longer than a bound, and runs then.
 */
import { Clock, Effect, FiberSet, type Scope } from "effect"
import type { RedisFailure, RedisUsage } from "../../../services/ResponseCache.ts"
import { type RedisConnection, RedisLost } from "../../RedisConnection.ts"
import * as RedisLink from "../../RedisLink.ts"
import * as CacheKey from "./CacheKey.ts"
import { type Answer, inserted, type Insertion } from "./CacheStore.ts"
import * as DueTimes from "./DueTimes.ts"
import * as RedisValue from "./RedisValue.ts"

/** @category models */
export interface Options {
  readonly open: Effect.Effect<RedisConnection, RedisLost, Scope.Scope>
  /** For the log, such as `localhost:6379`. */
  readonly name: string
  /** What the names of all entries begin with. */
  readonly keyPrefix: string
  /** Milliseconds until Redis forgets an entry; 0: never. */
  readonly ttl: number
  /** Milliseconds that a request waits for an answer of Redis. */
  readonly socketTimeout: number
  /** Requests in a row that may wait in vain before the connection is given up. */
  readonly maxTimeouts: number
  readonly maxRetryDelay: number
  readonly maxValueSize: number
  readonly maxPendingSize: number
  readonly maxPending: number
}

/** @category models */
export interface Fetched {
  readonly outputs: Answer
  /** Nanoseconds since it was written. */
  readonly age: number
}

/** @category models */
export interface RedisStore {
  readonly fetch: (key: CacheKey.CacheKey) => Effect.Effect<Fetched | undefined>
  /** Sends a copy on its way. */
  readonly insert: (key: CacheKey.CacheKey, outputs: Answer) => Insertion
  readonly usage: () => RedisUsage
}

/** Redis answered an error; its first word says which. */
const isReply = (error: unknown): error is Error => error instanceof Error && /^[A-Z]+( |$)/.test(error.message)

/** @category constructors */
export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<RedisStore, never, Scope.Scope> {
  const { keyPrefix, maxPending, maxPendingSize, maxTimeouts, maxValueSize, socketTimeout, ttl } = options
  const clock = yield* Clock.Clock
  const run = yield* FiberSet.makeRuntime()
  const dueTimes = yield* DueTimes.make
  const failures: Record<RedisFailure, number> = { connection: 0, timeout: 0, reply: 0, value: 0 }
  const counted = { hits: 0, misses: 0, skipped: 0, insertions: 0, dropped: 0 }
  /** Kinds of errors that were told, each once. */
  const told = new Set<string>()
  /** Commands that Redis owes an answer to, also those that nobody waits for any more. */
  let pending = 0
  let pendingSize = 0
  let timeouts = 0

  const link = yield* RedisLink.make({
    open: options.open,
    name: options.name,
    user: "the response cache",
    maxRetryDelay: options.maxRetryDelay,
    onLost: () => {
      failures.connection++
      timeouts = 0
    }
  })

  /** An error of a command: an answer of Redis', or else the loss of the connection, which is told of by the link. */
  const failed = (error: unknown, what: string) => {
    if (!isReply(error)) return
    failures.reply++
    link.answered()
    const kind = error.message.split(" ", 1)[0]!
    if (told.has(kind)) return
    told.add(kind)
    run(
      Effect.logWarning(
        `Redis at ${options.name} could not ${what} a cached response: ${error.message} (not told again for ${kind})`
      )
    )
  }

  const nameOf = (key: CacheKey.CacheKey): string => keyPrefix + CacheKey.digest(key)

  const read = (value: Buffer, key: CacheKey.CacheKey): Fetched | undefined => {
    if (value.byteLength === 0) {
      counted.misses++
      return undefined
    }
    const decoded = RedisValue.decode(value, key)
    if (decoded === undefined) {
      counted.misses++
      failures.value++
      return undefined
    }
    counted.hits++
    const age = Math.max(0, clock.currentTimeMillisUnsafe() - decoded.writtenAt) * 1e6
    return { outputs: decoded.outputs, age }
  }

  const fetch = (key: CacheKey.CacheKey): Effect.Effect<Fetched | undefined> =>
    Effect.callback((resume) => {
      const connection = link.connection()
      if (connection === undefined || pending >= maxPending) {
        counted.skipped++
        return resume(Effect.succeed(undefined))
      }
      let waits = true
      const waiting: DueTimes.Waiting = {
        dueAt: Number(clock.monotonicTimeNanosUnsafe()) + socketTimeout * 1e6,
        duePlace: -1,
        expired: () => {
          waits = false
          failures.timeout++
          counted.misses++
          resume(Effect.succeed(undefined))
          if (++timeouts >= maxTimeouts) {
            link.giveUp(
              connection,
              new RedisLost({ message: `${timeouts} requests in a row had no answer within ${socketTimeout} ms` })
            )
          }
        }
      }
      /** Whatever comes after that concerns nobody. */
      const stop = () => {
        if (!waits) return false
        waits = false
        dueTimes.remove(waiting)
        return true
      }
      pending++
      dueTimes.add(waiting)
      connection.get(nameOf(key), maxValueSize + 1).then(
        (value) => {
          pending--
          timeouts = 0
          link.answered()
          if (stop()) resume(Effect.sync(() => read(value, key)))
        },
        (error: unknown) => {
          pending--
          failed(error, "read")
          if (stop()) {
            counted.misses++
            resume(Effect.succeed(undefined))
          }
        }
      )
      return Effect.sync(stop)
    })

  const insert = (key: CacheKey.CacheKey, outputs: Answer): Insertion => {
    const bytes = RedisValue.sizeOf(key, outputs)
    if (bytes > maxValueSize) {
      return {
        _tag: "Failed",
        reason: "larger than values on Redis",
        message: `Requested byte_size: ${bytes} is greater than the largest value on Redis: ${maxValueSize}`
      }
    }
    const connection = link.connection()
    if (connection === undefined || pending >= maxPending || pendingSize + bytes > maxPendingSize) {
      counted.dropped++
      return inserted
    }
    pending++
    pendingSize += bytes
    const settle = () => {
      pending--
      pendingSize -= bytes
    }
    connection.set(nameOf(key), RedisValue.encode(key, outputs, clock.currentTimeMillisUnsafe()), ttl).then(
      () => {
        settle()
        counted.insertions++
      },
      (error: unknown) => {
        settle()
        counted.dropped++
        failed(error, "keep")
      }
    )
    return inserted
  }

  return {
    fetch,
    insert,
    usage: () => ({ up: link.connection() !== undefined, ...counted, failures: { ...failures } })
  }
})
