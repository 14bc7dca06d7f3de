/** Decisions about requests, without a socket. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import * as ConfiguredAccess from "../../src/layers/access/ConfiguredAccess.ts"
import * as Operations from "../../src/schema/Operations.ts"
import { Access, type AccessState, type Asker, type Verdict } from "../../src/services/Access.ts"
import * as Keys from "../integration/access/Keys.ts"

const infer = Operations.ofProcedure("ModelInfer")

const asker = (more: Partial<Asker> = {}): Asker => ({
  authorization: undefined,
  apiKey: undefined,
  peer: "192.0.2.1",
  forwardedFor: undefined,
  ...more
})

const state = (options: ConfiguredAccess.Options) =>
  Effect.flatMap(
    Effect.provide(Access, ConfiguredAccess.layer(options)),
    (access) => access === undefined ? Effect.die("nothing is asked") : Effect.succeed(access)
  )

/** `Pass`, or the failure. */
const ask = (access: AccessState, key: string | undefined, model = "m"): string => {
  const apiKey = key === undefined ? undefined : Keys.textOf(key)
  const verdict = access.admit(infer, asker({ apiKey }), model) as Verdict
  return verdict._tag === "Pass" ? "Pass" : verdict.failure._tag
}

describe("access", () => {
  it.effect("asks nobody without keys and bounds", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Effect.provide(Access, ConfiguredAccess.layer({})), undefined)
    }))

  it.effect("ends with the moment at which a key expires", () =>
    Effect.gen(function*() {
      const keysFile = yield* Keys.fileOf([Keys.entry("a", ["*"], ["infer"], { expires: "1970-01-01T01:00:00+00:00" })])
      const access = yield* state({ keysFile })
      assert.strictEqual(ask(access, "a"), "Pass")
      yield* TestClock.adjust("59 minutes")
      assert.strictEqual(ask(access, "a"), "Pass")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(ask(access, "a"), "Unauthenticated")
    }))

  it.effect("gives bounds back with time, and not with the clock of the wall", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      let wall = 0
      const jumping: Clock.Clock = Object.assign(Object.create(clock) as Clock.Clock, {
        currentTimeMillisUnsafe: () => wall
      })
      const access = yield* Effect.provideService(
        state({ rate: { requestsPerSecond: 1, burst: 1 } }),
        Clock.Clock,
        jumping
      )
      assert.strictEqual(ask(access, undefined), "Pass")
      for (const jump of [1e12, -1e12]) {
        wall += jump
        assert.strictEqual(ask(access, undefined), "RateLimited")
      }
      yield* TestClock.adjust("1 second")
      assert.strictEqual(ask(access, undefined), "Pass")
    }))

  it.effect("counts what it decides, and keeps the bounds of a key whose file is read again", () =>
    Effect.gen(function*() {
      const keysFile = yield* Keys.fileOf()
      const access = yield* state({ keysFile, quota: { requests: 2, windowSeconds: 1_000_000 } })
      const said = [
        ask(access, undefined),
        ask(access, "nobody"),
        ask(access, "reader"),
        ask(access, "all"),
        ask(access, "all")
      ]
      assert.deepStrictEqual(said, ["Unauthenticated", "Unauthenticated", "Forbidden", "Pass", "Pass"])
      assert.deepStrictEqual([ask(access, "all"), ask(access, undefined)], ["RateLimited", "RateLimited"])
      assert.deepStrictEqual(access.usage(), {
        allowed: 2,
        refused: { unauthenticated: 2, forbidden: 1, rate_limited: 2, limiter_away: 0 },
        keys: { known: 4, reloads: 0, failures: 0 },
        clients: { remembered: 3, forgotten: 0, storeFailures: 0 }
      })
    }))

  it.effect("lets a key do to each model what its scopes say, and no verb stands for another", () =>
    Effect.gen(function*() {
      const keysFile = yield* Keys.fileOf([Keys.entry("a", ["a*"], ["infer"]), Keys.entry("b", ["*"], ["admin"])])
      const access = yield* state({ keysFile })
      assert.deepStrictEqual([ask(access, "a", "ab"), ask(access, "a", "b"), ask(access, "b", "b")], [
        "Pass",
        "Forbidden",
        "Forbidden"
      ])
      const verdict = access.identify(
        Operations.ofProcedure("TraceSetting"),
        asker({ apiKey: Keys.textOf("b") }),
        undefined
      )
      assert.strictEqual(verdict._tag, "Pass")
      if (verdict._tag !== "Pass") return
      assert.strictEqual(verdict.over("b")?.failure._tag, "Forbidden")
      assert.strictEqual(verdict.change("b"), undefined)
      assert.strictEqual(verdict.key, "b")
    }))
})
