/** The response cache on a real Redis server, which is killed, stopped, filled and locked. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as Certificates from "../../fixtures/Certificates.ts"
import * as Child from "../cli/Child.ts"
import { eventually } from "../http/Wire.ts"
import * as CachedServer from "./CachedServer.ts"
import * as RedisServer from "./RedisServer.ts"

/** With time enough for an answer on machines that have much else to do. */
const settings = (port: number, more = "") => [`redis,host=127.0.0.1,port=${port},socket-timeout=10000${more}`]

const connected = (server: CachedServer.Started) => eventually(() => server.usage().redis?.up, (up) => up === true)

/** Asks for a few values again and again from several fibers until it is interrupted; any failure ends it. */
const traffic = (server: CachedServer.Started) => {
  let asked = 0
  let value = 0
  const loop = Effect.forever(Effect.suspend(() => {
    asked++
    return server.ask(value++ % 20)
  }))
  return Effect.map(
    Effect.forkScoped(Effect.all(Array.from({ length: 4 }, () => loop), { concurrency: "unbounded", discard: true })),
    (fiber) => ({
      asked: () => asked,
      /** It goes on: so many more are answered. */
      goesOn: (more: number) => {
        const before = asked
        return eventually(() => [asked, fiber.pollUnsafe()], () => asked > before + more)
      },
      stop: Effect.suspend(() => {
        assert.isUndefined(fiber.pollUnsafe(), "no request has failed")
        return Fiber.interrupt(fiber)
      })
    })
  )
}

describe.skipIf(RedisServer.program === undefined)("a response cache on Redis", () => {
  it.live("answers a server with what another has answered", () =>
    Effect.gen(function*() {
      const port = yield* Child.freePort
      yield* RedisServer.start(port)
      const one = yield* CachedServer.start(settings(port))
      const two = yield* CachedServer.start(settings(port))
      yield* Effect.all([connected(one), connected(two)])
      yield* one.ask(1)
      yield* eventually(() => one.usage().redis?.insertions, (insertions) => insertions === 1)
      yield* two.ask(1)
      yield* one.ask(1)
      for (const [server, hits, misses] of [[one, 1, 1], [two, 1, 0]] as const) {
        const { cacheHit, cacheMiss, executionCount, success } = server.counts()
        assert.deepStrictEqual([cacheHit.count, cacheMiss.count], [hits, misses])
        assert.deepStrictEqual([executionCount, success.count], [misses, hits + misses])
      }
      assert.deepStrictEqual(one.usage().local, undefined)
    }))

  it.live("outlives the server, and does not answer for other contents", () =>
    Effect.gen(function*() {
      const port = yield* Child.freePort
      yield* RedisServer.start(port)
      const run = (root: string) =>
        Effect.scoped(Effect.gen(function*() {
          const server = yield* CachedServer.start(settings(port), root)
          yield* connected(server)
          yield* server.ask(7)
          const { insertions } = server.usage().redis!
          if (server.counts().executionCount > insertions) {
            yield* eventually(() => server.usage().redis!.insertions, (now) => now > insertions)
          }
          return server.counts().executionCount
        }))
      const same = yield* CachedServer.repository()
      assert.strictEqual(yield* run(same), 1)
      assert.strictEqual(yield* run(same), 0)
      assert.strictEqual(yield* run(yield* CachedServer.repository("max_batch_size: 4\n")), 1)
    }))

  it.live("asks the memory of the server first, and goes on with it alone", () =>
    Effect.gen(function*() {
      const port = yield* Child.freePort
      const redis = yield* RedisServer.start(port)
      const one = yield* CachedServer.start(settings(port, ",local-size=1000000"))
      const two = yield* CachedServer.start(settings(port, ",local-size=1000000"))
      yield* Effect.all([connected(one), connected(two)])
      yield* one.ask(1)
      yield* eventually(() => one.usage().redis?.insertions, (insertions) => insertions === 1)
      yield* two.ask(1)
      yield* two.ask(1)
      assert.deepStrictEqual([two.usage().redis?.hits, two.usage().local?.hits], [1, 1])
      assert.deepStrictEqual([two.counts().executionCount, two.counts().cacheHit.count], [0, 2])
      yield* RedisServer.kill(redis)
      yield* two.ask(1)
      assert.strictEqual(two.counts().executionCount, 0)
    }))

  it.live("fails no request when Redis is killed under load, and uses it when it is back", () =>
    Effect.gen(function*() {
      const port = yield* Child.freePort
      const first = yield* RedisServer.start(port)
      const server = yield* CachedServer.start(settings(port, ",max-retry-delay=200"))
      yield* connected(server)
      const load = yield* traffic(server)
      yield* eventually(() => server.usage().redis!.hits, (hits) => hits > 100)
      yield* RedisServer.kill(first)
      yield* eventually(() => server.usage().redis!.up, (up) => !up)
      yield* load.goesOn(100)
      const { hits } = server.usage().redis!
      yield* RedisServer.start(port)
      yield* eventually(() => server.usage().redis!.hits, (now) => now > hits + 100)
      yield* load.stop
      const { failures, skipped } = server.usage().redis!
      assert.isAbove(failures.connection, 0)
      assert.isAbove(skipped, 0)
      assert.strictEqual(server.lines.filter((line) => line.includes("does without Redis")).length, 1)
      assert.strictEqual(server.lines.filter((line) => line.includes("again")).length, 1)
    }))

  it.live("fails no request when Redis stops to answer, and uses it when it goes on", () =>
    Effect.gen(function*() {
      const port = yield* Child.freePort
      const redis = yield* RedisServer.start(port)
      const server = yield* CachedServer.start(
        [`redis,host=127.0.0.1,port=${port},socket-timeout=20,connect-timeout=100,max-retry-delay=200`]
      )
      yield* connected(server)
      const load = yield* traffic(server)
      yield* eventually(() => server.usage().redis!.hits, (hits) => hits > 100)
      redis.process.kill("SIGSTOP")
      yield* eventually(() => server.usage().redis!.up, (up) => !up)
      yield* load.goesOn(100)
      assert.isAtLeast(server.usage().redis!.failures.timeout, 3)
      const { hits } = server.usage().redis!
      redis.process.kill("SIGCONT")
      yield* eventually(() => server.usage().redis!.hits, (now) => now > hits + 100)
      yield* load.stop
    }))

  it.live("fails no request when Redis is full", () =>
    Effect.gen(function*() {
      const port = yield* Child.freePort
      yield* RedisServer.start(port, ["--maxmemory", "1", "--maxmemory-policy", "noeviction"])
      const server = yield* CachedServer.start(settings(port))
      yield* connected(server)
      for (let value = 0; value < 10; value++) yield* server.ask(value)
      yield* eventually(() => server.usage().redis!.failures.reply, (replies) => replies > 5)
      assert.strictEqual(server.lines.filter((line) => line.includes("OOM")).length, 1)
      assert.isTrue(server.usage().redis!.up)
    }))

  it.live("gives its password, and does without Redis where that is wrong", () =>
    Effect.gen(function*() {
      const port = yield* Child.freePort
      yield* RedisServer.start(port, ["--requirepass", "let,me=in"])
      const right = yield* CachedServer.start(settings(port, ",password=let,me=in"))
      yield* connected(right)
      const wrong = yield* CachedServer.start(settings(port, ",password=nothing"))
      yield* eventually(() => wrong.usage().redis!.failures.connection, (failures) => failures > 0)
      yield* wrong.ask(1)
      assert.isTrue(wrong.lines.some((line) => line.includes("WRONGPASS")), wrong.lines.join("\n"))
      assert.isFalse(wrong.lines.some((line) => line.includes("nothing")))
    }))

  it.live("speaks TLS, and only with whom it trusts", () =>
    Effect.gen(function*() {
      const authority = Certificates.authority("Cache Authority")
      const { cert, key } = Certificates.signed("localhost", "Cache Authority", authority)
      const files = yield* Child.folder({ "ca.pem": authority.cert, "cert.pem": cert, "key.pem": key })
      const port = yield* Child.freePort
      yield* RedisServer.start(0, [
        "--tls-port",
        String(port),
        "--tls-cert-file",
        `${files}/cert.pem`,
        "--tls-key-file",
        `${files}/key.pem`,
        "--tls-ca-cert-file",
        `${files}/ca.pem`
      ])
      const mutual = `,cert=${files}/cert.pem,key=${files}/key.pem`
      const trusting = yield* CachedServer.start(settings(port, `,tls=yes,cacert=${files}/ca.pem${mutual}`))
      yield* connected(trusting)
      const doubting = yield* CachedServer.start(settings(port, `,tls=yes${mutual}`))
      yield* eventually(() => doubting.usage().redis!.failures.connection, (failures) => failures > 0)
      assert.isFalse(doubting.usage().redis!.up)
      yield* doubting.ask(1)
    }))
})
