/**
 * Keeps a connection to Redis: makes it, notices that it is lost, and makes it anew in the background, for as long as the scope is
 * open. Nobody ever waits for it.
 */
import { Deferred, Effect, Random, type Scope } from "effect"
import type { RedisConnection, RedisLost } from "./RedisConnection.ts"

/** @category models */
export interface RedisLink {
  /** `undefined` while Redis is away. */
  readonly connection: () => RedisConnection | undefined
  /** Gives a connection up that does not answer, for a while. */
  readonly giveUp: (connection: RedisConnection, why: RedisLost) => void
  /** It has answered: the next loss is the first of its kind again. */
  readonly answered: () => void
}

/** @category models */
export interface Options {
  readonly open: Effect.Effect<RedisConnection, RedisLost, Scope.Scope>
  /** For the log, such as `localhost:6379`. */
  readonly name: string
  /** Who uses it, as the subject of a sentence of the log. */
  readonly user: string
  /** Milliseconds: the longest pause between two tries. */
  readonly maxRetryDelay: number
  /** Told of each connection that could not be made, or was lost. */
  readonly onLost: () => void
}

/** Milliseconds: the first pause; each further one is twice as long. */
const firstDelay = 100

/** Begins to connect, without waiting. @category constructors */
export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<RedisLink, never, Scope.Scope> {
  const { maxRetryDelay, name, onLost, user } = options
  let current: RedisConnection | undefined = undefined
  let given: Deferred.Deferred<never, RedisLost> | undefined = undefined
  let failures = 0
  /** The log was told that Redis is away. */
  let told = false

  const session = Effect.scoped(Effect.gen(function*() {
    const connection = yield* options.open
    const up = yield* Deferred.make<never, RedisLost>()
    given = up
    current = connection
    yield* Effect.logInfo(`${user} uses Redis at ${name}${told ? " again" : ""}`)
    told = false
    return yield* Effect.raceFirst(connection.lost, Deferred.await(up))
  })).pipe(Effect.onExit(() =>
    Effect.sync(() => {
      current = undefined
      given = undefined
    })
  ))

  const away = Effect.fnUntraced(function*({ message }: RedisLost) {
    onLost()
    if (!told) {
      told = true
      yield* Effect.logWarning(
        `${user} does without Redis at ${name} until it is back: ${message === "" ? "no connection" : message}`
      )
    }
    const pause = Math.min(maxRetryDelay, firstDelay * 2 ** Math.min(failures++, 20))
    // Servers that lost it together should not come back together.
    yield* Effect.sleep(pause * (0.5 + (yield* Random.next) / 2))
  })

  yield* Effect.forkScoped(Effect.forever(Effect.catch(session, away)))
  return {
    connection: () => current,
    giveUp: (connection, why) => {
      if (connection !== current || given === undefined) return
      current = undefined
      Deferred.doneUnsafe(given, Effect.fail(why))
    },
    answered: () => {
      failures = 0
    }
  }
})
