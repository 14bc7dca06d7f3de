/** Bounds of clients that several servers share, on a real Redis. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as RedisServer from "../cache/RedisServer.ts"
import * as Child from "../cli/Child.ts"
import { eventually } from "../http/Wire.ts"

const models = { simple: { "config.pbtxt": "max_batch_size: 8\n", 1: { "model.onnx": Models.simple() } } }

const serve = Effect.fnUntraced(function*(port: number, words: ReadonlyArray<string>) {
  const folder = yield* Child.folder(models)
  return yield* Child.serve([folder, `--client-limit-redis=redis://127.0.0.1:${port}/0`, ...words])
})

const status = (url: string) => Effect.map(Child.ask(`${url}/v2`), ({ status }) => status)

const counted = (url: string, name: string): Effect.Effect<number> =>
  Effect.map(Child.ask(url), ({ text }) => Number(new RegExp(`^${name} (\\d+)`, "m").exec(text)?.[1]))

const scoped = <E>(effect: Effect.Effect<void, E, Scope.Scope>) => Effect.scoped(effect)

describe.skipIf(RedisServer.program === undefined)("bounds of clients on Redis", () => {
  it.live("hold for servers together", () =>
    scoped(Effect.gen(function*() {
      const port = yield* Child.freePort
      yield* RedisServer.start(port)
      const words = ["--client-limit-redis-timeout-ms=5000", "--client-quota=6", "--client-quota-window-secs=1000000"]
      const [one, two] = yield* Effect.all([serve(port, words), serve(port, words)], { concurrency: 2 })
      yield* eventually(() => `${one.out()}${two.out()}`.match(/uses Redis/g)?.length ?? 0, (seen) => seen >= 2)
      const seen: Array<number> = []
      for (let i = 0; i < 4; i++) seen.push(yield* status(one.url), yield* status(two.url))
      assert.deepStrictEqual(seen, [200, 200, 200, 200, 200, 200, 429, 429])
      const refused = yield* Child.ask(`${two.url}/v2`)
      assert.include(refused.text, "6 requests within 1000000 s")
    })))

  it.live("let all through while Redis is away, or none, and are told of it", () =>
    scoped(Effect.gen(function*() {
      const port = yield* Child.freePort
      const redis = yield* RedisServer.start(port)
      const words = [
        "--client-limit-redis-timeout-ms=5000",
        "--client-quota=1000",
        "--client-quota-window-secs=1000000"
      ]
      const open = yield* serve(port, words)
      const closed = yield* serve(port, [...words, "--client-limit-redis-away=closed"])
      for (const { out, url } of [open, closed]) {
        yield* eventually(() => out().includes("uses Redis"), (seen) => seen)
        assert.strictEqual(yield* status(url), 200)
      }
      yield* RedisServer.kill(redis)
      yield* eventually(() => closed.err().includes("does without Redis"), (seen) => seen)
      assert.strictEqual(yield* status(open.url), 200)
      const refused = yield* Child.ask(`${closed.url}/v2`)
      assert.deepStrictEqual([refused.status, refused.text.includes("cannot be asked")], [503, true])
      assert.strictEqual((yield* Child.ask(`${closed.url}/v2/health/ready`)).status, 200)
      const [, metrics] = yield* closed.printed(/metrics at (\S+)/)
      assert.isAbove(yield* counted(metrics!, "galatea_client_limit_store_failures_total"), 0)
      yield* RedisServer.start(port)
      yield* eventually(() => closed.out().includes("uses Redis at 127.0.0.1:" + port + " again"), (seen) => seen)
      assert.strictEqual(yield* status(closed.url), 200)
    })))
})
