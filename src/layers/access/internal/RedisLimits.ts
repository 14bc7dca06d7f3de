/** What clients have left, on a Redis server that several servers share: Effect's rate limiter with its store on Redis. */
import { Cause, Duration, Effect, Option, type Scope } from "effect"
import * as RateLimiter from "effect/persistence/RateLimiter"
import * as Redis from "effect/persistence/Redis"
import { type RedisConnection, RedisLost } from "../../RedisConnection.ts"
import * as RedisLink from "../../RedisLink.ts"
import type { Allowance, Level, Policy, Taken } from "./Allowance.ts"

/** @internal */
export interface Options {
  readonly open: Effect.Effect<RedisConnection, RedisLost, Scope.Scope>
  /** For the log, such as `localhost:6379`. */
  readonly name: string
  /** What the names of all entries begin with. */
  readonly prefix: string
  /** Milliseconds that a request waits for an answer of Redis. */
  readonly timeout: number
  /** Milliseconds. */
  readonly maxRetryDelay: number
}

/** @internal */
export interface RedisLimits {
  /** `undefined`: Redis could not be asked. */
  readonly take: (client: string, allowance: Allowance) => Effect.Effect<Taken | undefined>
  readonly failures: () => number
}

/** Requests in a row that may wait in vain before the connection is given up. */
const maxTimeouts = 3

/** Texts of an answer, which come as bytes. */
const texts = (value: unknown): unknown =>
  Buffer.isBuffer(value) ? value.toString() : Array.isArray(value) ? value.map(texts) : value

const unused = Effect.fail(new Redis.RedisError({ cause: new Error("limits send single commands only") }))

/** @internal */
export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<RedisLimits, never, Scope.Scope> {
  const { timeout } = options
  let failures = 0
  let timeouts = 0
  const link = yield* RedisLink.make({
    open: options.open,
    name: options.name,
    user: "the limit of requests per client",
    maxRetryDelay: options.maxRetryDelay,
    onLost: () => {
      timeouts = 0
    }
  })
  const send = <A>(command: string, ...words: ReadonlyArray<string>): Effect.Effect<A, Redis.RedisError> =>
    Effect.suspend(() => {
      const connection = link.connection()
      if (connection === undefined) {
        return Effect.fail(new Redis.RedisError({ cause: new RedisLost({ message: "no connection" }) }))
      }
      return Effect.tryPromise({
        try: () => connection.command([command, ...words]),
        catch: (cause) => new Redis.RedisError({ cause })
      }).pipe(
        Effect.timeoutOrElse({
          duration: timeout,
          orElse: () => {
            const why = new RedisLost({ message: `no answer within ${timeout} ms, ${++timeouts} times in a row` })
            if (timeouts >= maxTimeouts) link.giveUp(connection, why)
            return Effect.fail(new Redis.RedisError({ cause: why }))
          }
        }),
        Effect.map((answer) => {
          timeouts = 0
          link.answered()
          return texts(answer) as A
        })
      )
    })
  const redis = yield* Redis.make({ send, subscribe: () => unused, connect: unused })
  const store = yield* RateLimiter.makeStoreRedis({ prefix: options.prefix }).pipe(
    Effect.provideService(Redis.Redis, redis)
  )
  const limiter = yield* Effect.provideService(RateLimiter.make, RateLimiter.RateLimiterStore, store)

  const takeOf = (client: string, { capacity, name, windowMillis }: Policy) =>
    limiter.consume({
      algorithm: "token-bucket",
      onExceeded: "fail",
      key: `${name}:${client}`,
      limit: capacity,
      window: Duration.millis(windowMillis)
    }).pipe(
      Effect.map(({ remaining, resetAfter }): Level & { readonly retryMillis: number } => ({
        remaining: Math.floor(remaining),
        fullMillis: Duration.toMillis(resetAfter),
        retryMillis: 0
      })),
      Effect.catch(({ reason }) =>
        reason._tag === "RateLimitExceeded"
          ? Effect.succeed({
            remaining: 0,
            fullMillis: windowMillis,
            retryMillis: Math.max(1, Duration.toMillis(reason.retryAfter))
          })
          : Effect.fail(reason)
      )
    )

  const take = Effect.fnUntraced(function*(client: string, { policies }: Allowance) {
    const levels: Array<Level> = []
    let retryMillis = 0
    for (const policy of policies) {
      const level = yield* takeOf(client, policy)
      retryMillis = Math.max(retryMillis, level.retryMillis)
      levels.push(level)
    }
    return { retryMillis, levels } satisfies Taken as Taken
  })

  return {
    take: (client, allowance) =>
      take(client, allowance).pipe(
        Effect.catchCause((cause) => {
          if (Cause.hasInterruptsOnly(cause) && Option.isNone(Cause.findErrorOption(cause))) return Effect.interrupt
          failures++
          return Effect.succeed(undefined)
        })
      ),
    failures: () => failures
  }
})
