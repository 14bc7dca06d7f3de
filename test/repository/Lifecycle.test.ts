import { assert, describe, it, vi } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Result, Scope } from "effect"
import * as fc from "fast-check"
import * as Lifecycle from "../../src/layers/repository/internal/Lifecycle.ts"
import { Books } from "../../src/layers/telemetry/internal/Books.ts"
import { LoadFailed } from "../../src/schema/Errors.ts"
import * as ModelConfig from "../../src/schema/ModelConfig.ts"
import * as ModelSignature from "../../src/schema/ModelSignature.ts"
import type { LoadEvent, Model } from "../../src/services/ModelRepository.ts"

const model = (name: string, version: number, healthy: () => boolean = () => true): Model => ({
  name,
  version,
  config: ModelConfig.make({ name }),
  signature: ModelSignature.make(ModelConfig.make({ name })),
  scheduler: { submit: () => Effect.die("no run expected"), depth: () => ({ waiting: 0, running: 0 }) },
  statistics: new Books(name, version, () => 0),
  healthy
})

const id = (name: string) => ({ id: name, name })

const broken = (name: string, message = "no such thing") => new LoadFailed({ model: name, code: "INTERNAL", message })

const make = (options: Partial<Lifecycle.Options> = {}) =>
  Lifecycle.make({ loadThreadCount: 4, loadRetryCount: 0, onEvent: () => Effect.void, ...options })

const plan = (name: string, version: number, log: Array<string> = []): Lifecycle.VersionPlan => ({
  version,
  open: Effect.acquireRelease(
    Effect.sync(() => {
      log.push(`open ${version}`)
      return model(name, version)
    }),
    () => Effect.sync(() => log.push(`close ${version}`))
  )
})

const failing = (name: string, version: number): Lifecycle.VersionPlan => ({ version, open: Effect.fail(broken(name)) })

const message = (found: ReturnType<Lifecycle.Lifecycle["lookup"]>) =>
  Result.isFailure(found) ? `${found.failure._tag}: ${found.failure.message}` : `found ${found.success.version}`

const states = (lifecycle: Lifecycle.Lifecycle, name: string) =>
  lifecycle.states().get(name)?.map(({ reason, state, version }) => [version, state, reason])

describe("Lifecycle", () => {
  it.effect("lends the version asked for, or the greatest ready one", () =>
    Effect.gen(function*() {
      const lifecycle = yield* make()
      yield* lifecycle.load(id("m"), [plan("m", 10), plan("m", 9), plan("m", 0)])
      assert.strictEqual(message(lifecycle.lookup("m", "")), "found 10")
      assert.strictEqual(message(lifecycle.lookup("m", "9")), "found 9")
      assert.strictEqual(message(lifecycle.lookup("m", "0")), "found 0")
      assert.deepStrictEqual(lifecycle.readyVersions("m"), [0, 9, 10])
      assert.deepStrictEqual(lifecycle.readyVersions("other"), [])
    }))

  it.effect("reads a version by its prefix and says what is missing with Triton's texts", () =>
    Effect.gen(function*() {
      const lifecycle = yield* make()
      yield* lifecycle.load(id("m"), [plan("m", 2)])
      lifecycle.register(id("none"))
      const cases: ReadonlyArray<readonly [name: string, version: string, expected: string]> = [
        ["m", "2abc", "found 2"],
        ["m", " +02", "found 2"],
        ["m", "3", "ModelNotFound: Request for unknown model: 'm' version 3 is not found"],
        [
          "m",
          "9007199254740993",
          "ModelNotFound: Request for unknown model: 'm' version 9007199254740993 is not found"
        ],
        ["x", "", "ModelNotFound: Request for unknown model: 'x' is not found"],
        ["none", "", "ModelNotFound: Request for unknown model: 'none' has no available versions"],
        [
          "m",
          "-1",
          "InvalidRequest: invalid model version specified '-1' , version should be an integral value > 0"
        ],
        ...["abc", "-", "9223372036854775808"].map((text) =>
          [
            "m",
            text,
            `InvalidRequest: failed to get model version from specified version string '${text}' (details: stol), ` +
            "version should be an integral value > 0"
          ] as const
        )
      ]
      for (const [name, version, expected] of cases) {
        assert.strictEqual(message(lifecycle.lookup(name, version)), expected)
      }
    }))

  it.effect("makes all versions ready together or none", () =>
    Effect.gen(function*() {
      const events: Array<LoadEvent> = []
      const log: Array<string> = []
      const lifecycle = yield* make({ onEvent: (event) => Effect.sync(() => events.push(event)) })
      const error = yield* Effect.flip(lifecycle.load(id("m"), [plan("m", 1, log), failing("m", 2)]))
      assert.strictEqual(
        error.message,
        "load failed for model 'm': version 2 is at UNAVAILABLE state: Internal: no such thing;\n"
      )
      assert.strictEqual(error.code, "INVALID_ARG")
      assert.deepStrictEqual(log, ["open 1", "close 1"])
      assert.deepStrictEqual(states(lifecycle, "m"), [
        [1, "UNAVAILABLE", "unloaded"],
        [2, "UNAVAILABLE", "Internal: no such thing"]
      ])
      assert.strictEqual(
        message(lifecycle.lookup("m", "2")),
        "ModelNotReady: Request for unknown model: 'm' version 2 is not at ready state"
      )
      assert.isFalse(lifecycle.allReady())
      assert.deepStrictEqual(events.map(({ _tag }) => _tag).sort(), ["Failed", "Loading", "Loading"])
    }))

  it.effect("takes what breaks a load for a failure of that version", () =>
    Effect.gen(function*() {
      const lifecycle = yield* make()
      yield* Effect.flip(lifecycle.load(id("m"), [{ version: 1, open: Effect.die("no way") }]))
      assert.deepStrictEqual(states(lifecycle, "m"), [
        [
          1,
          "UNAVAILABLE",
          "Internal: the server failed on this model because of a bug in it; its log says more"
        ]
      ])
      yield* lifecycle.load(id("m"), [plan("m", 1)])
      assert.strictEqual(message(lifecycle.lookup("m", "")), "found 1")
    }))

  it.effect("keeps serving what was ready when a reload fails", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const lifecycle = yield* make()
      yield* lifecycle.load(id("m"), [plan("m", 1, log)])
      yield* Effect.flip(lifecycle.load(id("m"), [plan("m", 1, log), failing("m", 2)]))
      assert.strictEqual(message(lifecycle.lookup("m", "1")), "found 1")
      assert.deepStrictEqual(log, ["open 1", "open 1", "close 1"])
      assert.deepStrictEqual(states(lifecycle, "m")?.[0], [1, "READY", ""])
    }))

  it.effect("replaces versions in one step and unloads those that are no longer chosen", () =>
    Effect.gen(function*() {
      const lifecycle = yield* make()
      const first = model("m", 1)
      yield* lifecycle.load(id("m"), [{ version: 1, open: Effect.succeed(first) }, plan("m", 2)])
      const second = model("m", 1)
      yield* lifecycle.load(id("m"), [{ version: 1, open: Effect.succeed(second) }])
      const found = lifecycle.lookup("m", "")
      assert.isTrue(Result.isSuccess(found) && found.success.scheduler === second.scheduler)
      assert.deepStrictEqual(states(lifecycle, "m"), [[1, "READY", ""], [2, "UNAVAILABLE", "unloaded"]])
      assert.isTrue(lifecycle.allReady())
    }))

  it.effect("takes a model out of the look-up before it closes it, and shows it as unloading until then", () =>
    Effect.gen(function*() {
      const drained = yield* Deferred.make<void>()
      const lifecycle = yield* make()
      yield* lifecycle.load(id("m"), [{
        version: 1,
        open: Effect.acquireRelease(Effect.succeed(model("m", 1)), () => Deferred.await(drained))
      }])
      yield* lifecycle.unload("m")
      assert.strictEqual(
        message(lifecycle.lookup("m", "")),
        "ModelNotFound: Request for unknown model: 'm' has no available versions"
      )
      assert.deepStrictEqual(states(lifecycle, "m"), [[1, "UNLOADING", ""]])
      yield* lifecycle.unload("m")
      yield* Deferred.succeed(drained, undefined)
      yield* Effect.yieldNow
      assert.deepStrictEqual(states(lifecycle, "m"), [[1, "UNAVAILABLE", "unloaded"]])
      assert.isTrue(lifecycle.allReady())
    }))

  it.effect("stays ready when a model is loaded again while its predecessor still closes", () =>
    Effect.gen(function*() {
      const drained = yield* Deferred.make<void>()
      const lifecycle = yield* make()
      yield* lifecycle.load(id("m"), [{
        version: 1,
        open: Effect.acquireRelease(Effect.succeed(model("m", 1)), () => Deferred.await(drained))
      }])
      yield* lifecycle.unload("m")
      yield* lifecycle.load(id("m"), [plan("m", 1)])
      yield* Deferred.succeed(drained, undefined)
      yield* Effect.yieldNow
      assert.deepStrictEqual(states(lifecycle, "m"), [[1, "READY", ""]])
      assert.strictEqual(message(lifecycle.lookup("m", "")), "found 1")
    }))

  it.effect("clears the reason of a failed load when the model is unloaded", () =>
    Effect.gen(function*() {
      const lifecycle = yield* make()
      yield* Effect.flip(lifecycle.load(id("m"), [failing("m", 1)]))
      yield* lifecycle.unload("m")
      assert.deepStrictEqual(states(lifecycle, "m"), [[1, "UNAVAILABLE", "unloaded"]])
      assert.isTrue(lifecycle.allReady())
    }))

  it.effect("waits for what still closes when its own scope closes", () =>
    Effect.gen(function*() {
      const drained = yield* Deferred.make<void>()
      const log: Array<string> = []
      const scope = yield* Scope.make()
      const lifecycle = yield* Scope.provide(make(), scope)
      yield* lifecycle.load(id("m"), [
        plan("m", 2, log),
        {
          version: 1,
          open: Effect.acquireRelease(
            Effect.succeed(model("m", 1)),
            () => Effect.andThen(Deferred.await(drained), Effect.sync(() => log.push("close 1")))
          )
        }
      ])
      yield* lifecycle.unload("m")
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      assert.isUndefined(closing.pollUnsafe())
      yield* Deferred.succeed(drained, undefined)
      yield* Fiber.join(closing)
      assert.deepStrictEqual(log, ["open 2", "close 2", "close 1"])
    }))

  it.effect("loads no more versions at once than it may", () =>
    Effect.gen(function*() {
      let running = 0
      let most = 0
      const lifecycle = yield* make({ loadThreadCount: 2 })
      const slow = (version: number): Lifecycle.VersionPlan => ({
        version,
        open: Effect.gen(function*() {
          most = Math.max(most, ++running)
          yield* Effect.yieldNow
          running--
          return model("m", version)
        })
      })
      yield* Effect.all([
        lifecycle.load(id("a"), [1, 2, 3].map(slow)),
        lifecycle.load(id("b"), [1, 2, 3].map(slow))
      ], { concurrency: "unbounded" })
      assert.strictEqual(most, 2)
    }))

  it.effect("tries a failing version again as often as it may", () =>
    Effect.gen(function*() {
      let attempts = 0
      const log: Array<string> = []
      const lifecycle = yield* make({ loadRetryCount: 2 })
      const flaky: Lifecycle.VersionPlan = {
        version: 1,
        open: Effect.gen(function*() {
          yield* Effect.addFinalizer(() => Effect.sync(() => log.push(`close ${attempts}`)))
          if (++attempts < 3) return yield* broken("m")
          return model("m", 1)
        })
      }
      yield* lifecycle.load(id("m"), [flaky])
      assert.strictEqual(attempts, 3)
      assert.deepStrictEqual(log, ["close 1", "close 2"])
    }))

  it.effect("closes what it opened when the load is interrupted", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const lifecycle = yield* make()
      const fiber = yield* Effect.forkChild(
        lifecycle.load(id("m"), [plan("m", 1, log), { version: 2, open: Effect.never }]),
        { startImmediately: true }
      )
      yield* Effect.yieldNow
      assert.deepStrictEqual(states(lifecycle, "m"), [[1, "LOADING", ""], [2, "LOADING", ""]])
      assert.isFalse(lifecycle.allReady())
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(log, ["open 1", "close 1"])
      assert.deepStrictEqual(states(lifecycle, "m"), [[1, "UNAVAILABLE", "unloaded"], [2, "UNAVAILABLE", "unloaded"]])
    }))

  it.effect("is not ready while an instance is down or a known model has no version", () =>
    Effect.gen(function*() {
      let up = true
      const lifecycle = yield* make()
      yield* lifecycle.load(id("m"), [{ version: 1, open: Effect.succeed(model("m", 1, () => up)) }])
      assert.isTrue(lifecycle.allReady())
      up = false
      assert.isFalse(lifecycle.allReady())
      up = true
      lifecycle.register(id("empty"))
      assert.isFalse(lifecycle.allReady())
    }))

  it.effect("refuses a bare name that several roots hold", () =>
    Effect.gen(function*() {
      const lifecycle = yield* make()
      yield* lifecycle.load({ id: "/a::m", name: "m" }, [plan("m", 1)])
      assert.strictEqual(message(lifecycle.lookup("m", "")), "found 1")
      yield* lifecycle.load({ id: "/b::m", name: "m" }, [plan("m", 1)])
      assert.strictEqual(
        message(lifecycle.lookup("m", "")),
        "InvalidRequest: There are 2 identifiers of model 'm' in global map, model namespace must be provided to " +
          "resolve ambiguity."
      )
    }))

  it.effect("answers a version of very many digits at once", () =>
    Effect.gen(function*() {
      const lifecycle = yield* make()
      yield* lifecycle.load(id("m"), [plan("m", 7)])
      const read = vi.spyOn(globalThis, "BigInt")
      assert.match(message(lifecycle.lookup("m", "9".repeat(100_000))), /^InvalidRequest: .*\(details: stol\)/)
      assert.strictEqual(message(lifecycle.lookup("m", `${"0".repeat(100_000)}7`)), "found 7")
      const lengths = read.mock.calls.map(([text]) => String(text).length)
      read.mockRestore()
      assert.isBelow(Math.max(...lengths), 21, "millions of digits would take seconds")
    }))

  it.effect("answers any text for a version, by the number that it begins with", () =>
    Effect.gen(function*() {
      const lifecycle = yield* make()
      yield* lifecycle.load(id("m"), [plan("m", 0), plan("m", 7), plan("m", 123)])
      const texts = fc.oneof(
        fc.string({ unit: "binary" }),
        fc.tuple(fc.constantFrom("", " ", "+", "-", "00"), fc.bigInt(0n, 2n ** 70n).map(String), fc.string()).map((
          parts
        ) => parts.join("")),
        fc.tuple(fc.constantFrom("0", "7", "123"), fc.string()).map((parts) => parts.join(""))
      )
      fc.assert(fc.property(texts, (text) => {
        const found = message(lifecycle.lookup("m", text))
        const [, sign, digits] = /^[ \t\n\v\f\r]*([+-]?)(\d+)/.exec(text) ?? []
        const value = digits === undefined ? undefined : BigInt(`${sign === "-" ? "-" : ""}${digits}`)
        const number = text === "" ? "123" : value?.toString()
        if (number !== undefined && ["0", "7", "123"].includes(number)) assert.strictEqual(found, `found ${number}`)
        else assert.match(found, /^(ModelNotFound|InvalidRequest): /)
      }))
    }))
})
