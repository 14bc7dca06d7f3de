/** Sees the effect of every option of access on a started server. */
import { assert, describe } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { writeFileSync } from "node:fs"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as Keys from "../access/Keys.ts"
import * as RedisServer from "../cache/RedisServer.ts"
import { eventually } from "../http/Wire.ts"
import * as Child from "./Child.ts"
import type { Test } from "./GrpcOptions.ts"

const models = { simple: { "config.pbtxt": "max_batch_size: 8\n", 1: { "model.onnx": Models.simple() } } }

const serve = Effect.fnUntraced(function*(...words: ReadonlyArray<string>) {
  return yield* Child.serve([yield* Child.folder(models), ...words])
})

const status = ({ url }: { readonly url: string }, headers: Record<string, string> = {}, path = "/v2") =>
  Effect.map(Child.ask(`${url}${path}`, { headers }), ({ status }) => status)

/** Statuses of so many requests, one after the other. */
const several = (server: { readonly url: string }, count: number, headers: Record<string, string> = {}) =>
  Effect.forEach(Array.from({ length: count }), () => status(server, headers))

/** Registers the tests. */
export const accessOptions = (test: Test): void => {
  describe("options of access", () => {
    const within = <E>(effect: Effect.Effect<void, E, Scope.Scope>) => () => Effect.scoped(Effect.orDie(effect))

    test(
      "want keys of a file, which is looked at again, also of probes",
      ["api-keys-file", "api-keys-poll-ms", "api-keys-guard-health"],
      within(Effect.gen(function*() {
        const file = yield* Keys.fileOf()
        const server = yield* serve(`--api-keys-file=${file}`, "--api-keys-poll-ms=10", "--api-keys-guard-health=true")
        assert.strictEqual(yield* status(server, Keys.apiKey("all")), 200)
        assert.strictEqual(yield* status(server, {}, "/v2/health/live"), 401)
        writeFileSync(file, JSON.stringify({ keys: [] }))
        yield* eventually(() => server.out().includes("has changed: 0 keys"), (seen) => seen)
        assert.strictEqual(yield* status(server, Keys.apiKey("all")), 401)
        const unguarded = yield* serve(`--api-keys-file=${file}`)
        assert.strictEqual(yield* status(unguarded, {}, "/v2/health/live"), 200)
      }))
    )

    test(
      "bound the rate of each client",
      ["client-rate-limit", "client-rate-burst"],
      within(Effect.gen(function*() {
        const server = yield* serve("--client-rate-limit=1", "--client-rate-burst=3")
        const { headers } = yield* Effect.promise(() => fetch(`${server.url}/v2`))
        assert.strictEqual(headers.get("ratelimit-policy"), "\"rate\";q=3;w=3")
        assert.include(yield* several(server, 10), 429)
      }))
    )

    test(
      "bound what each client sends in the long run, and how many of them are kept",
      ["client-quota", "client-quota-window-secs", "client-limit-max-clients", "trusted-proxy"],
      within(Effect.gen(function*() {
        const server = yield* serve(
          "--client-quota=1",
          "--client-quota-window-secs=1000000",
          "--client-limit-max-clients=2",
          "--trusted-proxy=127.0.0.0/8"
        )
        const from = (address: string) => status(server, { "X-Forwarded-For": address })
        const addresses = ["192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.1", "192.0.2.3"]
        assert.deepStrictEqual(yield* Effect.forEach(addresses, from), [200, 429, 200, 200, 200, 429])
        const refused = yield* Child.run(["serve", "--trusted-proxy=10.0.0.0/33"])
        assert.include(refused.err, "Expected an address or a range such as 10.0.0.0/8")
      }))
    )

    test(
      "count clients on Redis",
      ["client-limit-redis", "client-limit-redis-timeout-ms", "client-limit-redis-away"],
      within(Effect.gen(function*() {
        const secret = yield* Child.run(["serve", "--client-limit-redis=redis://user:s3cret@host"])
        assert.include(secret.err, "GALATEA_LIMIT_REDIS_PASSWORD")
        assert.notInclude(secret.err, "s3cret")
        const port = yield* Child.freePort
        const words = ["--client-quota=1", `--client-limit-redis=redis://127.0.0.1:${port}`]
        const away = yield* serve(...words, "--client-limit-redis-away=closed")
        assert.strictEqual(yield* status(away), 503)
        if (RedisServer.program === undefined) return
        yield* RedisServer.start(port)
        const server = yield* serve(...words, "--client-limit-redis-timeout-ms=10000")
        yield* eventually(() => server.out().includes("uses Redis"), (seen) => seen)
        assert.deepStrictEqual(yield* several(server, 2), [200, 429])
      }))
    )
  })
}
