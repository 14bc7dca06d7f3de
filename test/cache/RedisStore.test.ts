import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Logger, type Scope } from "effect"
import { TestClock } from "effect/testing"
import * as CacheKey from "../../src/layers/cache/internal/CacheKey.ts"
import * as RedisStore from "../../src/layers/cache/internal/RedisStore.ts"
import { type RedisConnection, RedisLost } from "../../src/layers/RedisConnection.ts"
import { settle } from "../execution/FakeInstances.ts"
import * as ProgramLogger from "../ProgramLogger.ts"
import { job, tensor } from "./FakeScheduler.ts"

const scheme = CacheKey.scheme({ model: "m", version: 1, identity: "i" })
const keyOf = (...values: ReadonlyArray<number>) => scheme.keyOf(job(values))
const out = (...values: ReadonlyArray<number>) => [tensor("OUT", values)]

/** A Redis server of the test's making. */
class FakeRedis {
  readonly values = new Map<string, Buffer>()
  readonly lines: Array<string> = []
  readonly lifetimes: Array<number> = []
  up = true
  /** Answers nothing. */
  stopped = false
  error: string | undefined = undefined
  connections = 0
  asked = 0
  private readonly losses = new Set<(lost: RedisLost) => void>()

  readonly open: Effect.Effect<RedisConnection, RedisLost, Scope.Scope> = Effect.suspend(() => {
    if (!this.up) return Effect.fail(new RedisLost({ message: "connect ECONNREFUSED" }))
    this.connections++
    const answer = <A>(value: () => A): Promise<A> => {
      this.asked++
      if (this.stopped) return new Promise(() => {})
      return this.error === undefined ? Promise.resolve(value()) : Promise.reject(new Error(this.error))
    }
    return Effect.succeed({
      get: (name, limit) => answer(() => this.values.get(name)?.subarray(0, limit) ?? Buffer.alloc(0)),
      set: (name, value, ttl) =>
        answer(() => {
          this.values.set(name, value)
          this.lifetimes.push(ttl)
        }),
      command: () => answer(() => undefined),
      lost: Effect.callback((resume) => {
        const onLost = (lost: RedisLost) => resume(Effect.fail(lost))
        this.losses.add(onLost)
        return Effect.sync(() => this.losses.delete(onLost))
      })
    })
  })

  die() {
    this.up = false
    for (const onLost of this.losses) onLost(new RedisLost({ message: "Socket closed unexpectedly" }))
  }
}

const make = Effect.fnUntraced(function*(redis: FakeRedis, options: Partial<RedisStore.Options> = {}) {
  const logger = ProgramLogger.make(({ message }) => void redis.lines.push(String(message)))
  const store = yield* Effect.provide(
    RedisStore.make({
      open: redis.open,
      name: "host:6379",
      keyPrefix: "p:",
      ttl: 5000,
      socketTimeout: 50,
      maxTimeouts: 3,
      maxRetryDelay: 1000,
      maxValueSize: 10_000,
      maxPendingSize: 10_000,
      maxPending: 100,
      ...options
    }),
    Logger.layer([logger])
  )
  yield* settle
  return store
})

const start = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(effect, { startImmediately: true })
const turn = Effect.andThen(Effect.promise(() => new Promise((resolve) => setImmediate(resolve))), settle)
/** What is found, without any time going by. */
const found = Effect.fnUntraced(function*(store: RedisStore.RedisStore, ...values: ReadonlyArray<number>) {
  const fiber = yield* start(store.fetch(keyOf(...values)))
  yield* turn
  const exit = fiber.pollUnsafe()
  assert.isDefined(exit, "it waits")
  const answer = yield* Fiber.join(fiber)
  return answer?.outputs.map(({ data }) => [...data])
})

describe("RedisStore", () => {
  it.effect(
    "keeps answers under the name of their key for a time, and knows their age",
    Effect.fnUntraced(function*() {
      const redis = new FakeRedis()
      const store = yield* make(redis)
      assert.isUndefined(yield* found(store, 1))
      assert.strictEqual(store.insert(keyOf(1), out(2))._tag, "Inserted")
      yield* turn
      assert.match([...redis.values.keys()].join(), /^p:[0-9a-f]{64}$/)
      assert.deepStrictEqual(redis.lifetimes, [5000])
      assert.deepStrictEqual(yield* found(store, 1), [[2]])
      yield* TestClock.adjust("3 seconds")
      const fiber = yield* start(store.fetch(keyOf(1)))
      yield* turn
      assert.strictEqual((yield* Fiber.join(fiber))?.age, 3e9)
      const { failures: _, ...usage } = store.usage()
      assert.deepStrictEqual(usage, { up: true, hits: 2, misses: 1, skipped: 0, insertions: 1, dropped: 0 })
    }, Effect.scoped)
  )

  it.effect(
    "takes what is no answer for none",
    Effect.fnUntraced(function*() {
      const redis = new FakeRedis()
      const store = yield* make(redis)
      store.insert(keyOf(1), out(2))
      yield* turn
      const [name] = redis.values.keys()
      redis.values.set(name!, Buffer.alloc(20_000))
      assert.isUndefined(yield* found(store, 1))
      assert.strictEqual(store.usage().failures.value, 1)
    }, Effect.scoped)
  )

  it.effect(
    "never waits for a server that is away, tells it once, and comes back by itself",
    Effect.fnUntraced(function*() {
      const redis = new FakeRedis()
      redis.up = false
      const store = yield* make(redis)
      assert.isUndefined(yield* found(store, 1))
      assert.strictEqual(store.insert(keyOf(1), out(2))._tag, "Inserted")
      yield* TestClock.adjust("1 minute")
      const { dropped, failures, skipped, up } = store.usage()
      assert.deepStrictEqual([up, skipped, dropped], [false, 1, 1])
      assert.isAbove(failures.connection, 50)
      assert.isBelow(failures.connection, 130, "pauses grow up to a second")
      assert.deepStrictEqual(redis.lines, [
        "the response cache does without Redis at host:6379 until it is back: connect ECONNREFUSED"
      ])
      redis.up = true
      yield* TestClock.adjust("1 second")
      assert.isTrue(store.usage().up)
      assert.strictEqual(redis.lines.at(-1), "the response cache uses Redis at host:6379 again")
      store.insert(keyOf(1), out(2))
      yield* turn
      assert.deepStrictEqual(yield* found(store, 1), [[2]])
      redis.die()
      yield* settle
      assert.isUndefined(yield* found(store, 1))
      assert.strictEqual(redis.lines.length, 3)
    }, Effect.scoped)
  )

  it.effect(
    "waits for an answer no longer than its bound, and gives up a server that answers nothing",
    Effect.fnUntraced(function*() {
      const redis = new FakeRedis()
      const store = yield* make(redis)
      redis.stopped = true
      for (let i = 1; i <= 3; i++) {
        assert.isTrue(store.usage().up)
        const fiber = yield* start(store.fetch(keyOf(1)))
        yield* TestClock.adjust("49 millis")
        assert.isUndefined(fiber.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        assert.isUndefined(yield* Fiber.join(fiber))
        assert.strictEqual(store.usage().failures.timeout, i)
      }
      yield* settle
      assert.isFalse(store.usage().up)
      assert.isUndefined(yield* found(store, 1))
      assert.match(redis.lines.at(-1)!, /3 requests in a row had no answer within 50 ms/)
      redis.up = false
      yield* TestClock.adjust("1 second")
      assert.strictEqual(redis.connections, 1)
    }, Effect.scoped)
  )

  it.effect(
    "does not ask more at a time than it may, also not those whose requests have gone",
    Effect.fnUntraced(function*() {
      const redis = new FakeRedis()
      const store = yield* make(redis, { maxPending: 2 })
      redis.stopped = true
      const one = yield* start(store.fetch(keyOf(1)))
      yield* start(store.fetch(keyOf(2)))
      yield* Fiber.interrupt(one)
      assert.isUndefined(yield* found(store, 3))
      assert.deepStrictEqual([redis.asked, store.usage().skipped], [2, 1])
    }, Effect.scoped)
  )

  it.effect(
    "leaves out what is too large, or too much on its way",
    Effect.fnUntraced(function*() {
      const redis = new FakeRedis()
      const store = yield* make(redis, { maxPendingSize: 1000 })
      const large = (bytes: number) => out(...Array.from({ length: bytes }, () => 1))
      const refused = store.insert(keyOf(1), large(10_000))
      assert.match(refused._tag === "Failed" ? refused.message : "", /greater than the largest value on Redis: 10000$/)
      redis.stopped = true
      store.insert(keyOf(1), large(500))
      store.insert(keyOf(2), large(500))
      assert.deepStrictEqual([redis.asked, store.usage().dropped], [1, 1])
    }, Effect.scoped)
  )

  it.effect(
    "goes on where Redis is full, and tells it once",
    Effect.fnUntraced(function*() {
      const redis = new FakeRedis()
      const store = yield* make(redis)
      store.insert(keyOf(1), out(2))
      yield* turn
      redis.error = "OOM command not allowed when used memory > 'maxmemory'."
      for (let i = 0; i < 5; i++) store.insert(keyOf(2), out(3))
      yield* turn
      redis.error = undefined
      assert.deepStrictEqual(yield* found(store, 1), [[2]])
      const { dropped, failures, up } = store.usage()
      assert.deepStrictEqual([up, dropped, failures.reply], [true, 5, 5])
      assert.strictEqual(redis.lines.filter((line) => line.includes("OOM")).length, 1)
    }, Effect.scoped)
  )
})
