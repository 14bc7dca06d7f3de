import { assert, describe, it } from "@effect/vitest"
import { Effect, Random, Result } from "effect"
import * as Lifecycle from "../../../src/layers/repository/internal/Lifecycle.ts"
import type { OnDemand } from "../../../src/layers/repository/internal/LifecycleState.ts"
import { Books } from "../../../src/layers/telemetry/internal/Books.ts"
import { LoadFailed } from "../../../src/schema/Errors.ts"
import type { InferenceRequest, Parameter, SequenceStep } from "../../../src/schema/Inference.ts"
import * as ModelConfig from "../../../src/schema/ModelConfig.ts"
import * as ModelSignature from "../../../src/schema/ModelSignature.ts"
import * as Rollout from "../../../src/schema/Rollout.ts"
import type { Model } from "../../../src/services/ModelRepository.ts"

const model = (version: number): Model => ({
  name: "m",
  version,
  config: ModelConfig.make({ name: "m" }),
  signature: ModelSignature.make(ModelConfig.make({ name: "m" })),
  scheduler: { submit: () => Effect.die("no run expected"), depth: () => ({ waiting: 0, running: 0 }) },
  statistics: new Books("m", version, () => 0),
  healthy: () => true
})

const m = { id: "m", name: "m" }

const make = Lifecycle.make({ loadThreadCount: 4, loadRetryCount: 0, onEvent: () => Effect.void })

const plans = (...versions: Array<number>): ReadonlyArray<Lifecycle.VersionPlan> =>
  versions.map((version) => ({ version, open: Effect.sync(() => model(version)) }))

/** Changes the rollout alone. */
const rollOut = (lifecycle: Lifecycle.Lifecycle, rollout: Rollout.Rollout | undefined) =>
  lifecycle.load(m, [], rollout, { keep: () => true })

const rollout = (json: unknown): Rollout.Rollout => Result.getOrThrow(Rollout.fromJson(json))

const found = (lifecycle: Lifecycle.Lifecycle, version: string): string => {
  const result = lifecycle.lookup("m", version)
  return Result.isFailure(result)
    ? `${result.failure._tag}: ${result.failure.message}`
    : `${result.success.version}${result.success.route === undefined ? "" : " routed"}`
}

const request = (parameters: Readonly<Record<string, Parameter>> = {}, sequence?: SequenceStep): InferenceRequest => ({
  id: "",
  inputs: [],
  outputs: [],
  parameters: new Map(Object.entries(parameters)),
  priority: 0,
  timeoutMicros: 0,
  deadlineMicros: 0,
  sequence
})

const routed = (lifecycle: Lifecycle.Lifecycle, asked: InferenceRequest): number => {
  const model = Result.getOrThrow(lifecycle.lookup("m", ""))
  return model.route === undefined ? model.version : Result.getOrThrow(model.route(asked)()).version
}

describe("Lifecycle with a rollout", () => {
  it.effect("finds labels as it finds versions", () =>
    Effect.gen(function*() {
      const lifecycle = yield* make
      const labels = { stable: 1, canary: "latest", before: "previous" }
      yield* lifecycle.load(m, plans(1, 2, 5), rollout({ labels }))
      assert.strictEqual(found(lifecycle, "stable"), "1")
      assert.strictEqual(found(lifecycle, "canary"), "5")
      assert.strictEqual(found(lifecycle, "before"), "2")
      assert.strictEqual(found(lifecycle, "latest"), "5")
      assert.strictEqual(found(lifecycle, "previous"), "2")
      assert.strictEqual(found(lifecycle, ""), "5")
      assert.deepStrictEqual(lifecycle.readyVersions("m"), [1, 2, 5])
      assert.strictEqual(
        found(lifecycle, "other"),
        "InvalidRequest: failed to get model version from specified version string 'other' (details: stol), " +
          "version should be an integral value > 0"
      )
    }))

  it.effect("says which label stands for which version where that is not ready", () =>
    Effect.gen(function*() {
      const lifecycle = yield* make
      const labels = { stable: 1, canary: "latest", before: "previous" }
      yield* lifecycle.load(m, plans(1), rollout({ labels, traffic: { before: 1 } }))
      assert.strictEqual(
        found(lifecycle, "before"),
        "ModelNotReady: Request for unknown model: 'm' label 'before' is the previous ready version, and there is none"
      )
      assert.strictEqual(
        found(lifecycle, ""),
        "ModelNotReady: Request for unknown model: none of the versions that requests for 'm' go to is at ready state: " +
          "'before'"
      )
      yield* lifecycle.unload("m")
      assert.strictEqual(
        found(lifecycle, "stable"),
        "ModelNotReady: Request for unknown model: 'm' label 'stable' is version 1, which is not at ready state"
      )
      assert.strictEqual(
        found(lifecycle, "canary"),
        "ModelNotReady: Request for unknown model: 'm' label 'canary' is the latest ready version, and there is none"
      )
      assert.strictEqual(
        found(lifecycle, ""),
        "ModelNotFound: Request for unknown model: 'm' has no available versions"
      )
    }))

  it.effect("changes labels and versions in one step, or neither", () =>
    Effect.gen(function*() {
      const lifecycle = yield* make
      yield* lifecycle.load(m, plans(1), rollout({ labels: { stable: 1 } }))
      const broken = { version: 2, open: new LoadFailed({ model: "m", code: "INTERNAL", message: "no" }) }
      yield* Effect.flip(lifecycle.load(m, [...plans(1), broken], rollout({ labels: { stable: 2, canary: 2 } })))
      assert.strictEqual(found(lifecycle, "stable"), "1")
      assert.match(found(lifecycle, "canary"), /stol/)
      yield* lifecycle.load(m, plans(2), rollout({ labels: { stable: 2 } }))
      assert.strictEqual(found(lifecycle, "stable"), "2")
      yield* lifecycle.load(m, plans(2))
      assert.match(found(lifecycle, "stable"), /stol/)
    }))

  it.effect("changes the rollout without touching the versions", () =>
    Effect.gen(function*() {
      const lifecycle = yield* make
      yield* lifecycle.load(m, plans(1, 2), rollout({ labels: { stable: 1 } }))
      const before = Result.getOrThrow(lifecycle.lookup("m", "2"))
      yield* rollOut(lifecycle, rollout({ labels: { stable: 2 } }))
      assert.strictEqual(Result.getOrThrow(lifecycle.lookup("m", "stable")).scheduler, before.scheduler)
      yield* rollOut(lifecycle, undefined)
      assert.match(found(lifecycle, "stable"), /stol/)
    }))

  it.effect("sends requests without a version to the only target, or divides them among several", () =>
    Effect.gen(function*() {
      const lifecycle = yield* make
      const labels = { stable: 1, canary: 2, same: 1 }
      yield* lifecycle.load(m, plans(1, 2, 3), rollout({ labels, traffic: { stable: 1 } }))
      assert.strictEqual(found(lifecycle, ""), "1")
      yield* rollOut(lifecycle, rollout({ labels, traffic: { stable: 1, same: 7, 3: 0 } }))
      assert.strictEqual(found(lifecycle, ""), "1")
      yield* rollOut(lifecycle, rollout({ labels, traffic: { canary: 5, stable: 95 } }))
      assert.strictEqual(found(lifecycle, ""), "1 routed")
      assert.strictEqual(found(lifecycle, "1"), "1")
    }))

  it.effect("divides by chance, which a seed decides", () =>
    Effect.gen(function*() {
      const lifecycle = yield* make
      yield* lifecycle.load(m, plans(1, 2), rollout({ traffic: { 1: 3, 2: 1 } }))
      const first = Array.from({ length: 4000 }, () => routed(lifecycle, request()))
      const ofSecond = first.filter((version) => version === 2).length
      // The seed is fixed: this is what it draws, within six standard deviations of the quarter.
      assert.isAtMost(Math.abs(ofSecond - 1000), 6 * Math.sqrt(4000 * 0.25 * 0.75))
      const again = yield* Effect.provideService(make, Random.Random, yield* Random.withSeed(Random.Random, "seed"))
      yield* again.load(m, plans(1, 2), rollout({ traffic: { 1: 3, 2: 1 } }))
      assert.deepStrictEqual(Array.from({ length: 4000 }, () => routed(again, request())), first)
    }).pipe(Random.withSeed("seed")))

  it.effect("keeps the value of the sticky parameter with its version", () =>
    Effect.gen(function*() {
      const lifecycle = yield* make
      yield* lifecycle.load(m, plans(1, 2), rollout({ traffic: { 1: 1, 2: 1 }, sticky: "user" }))
      const seen = new Set<number>()
      for (let user = 0; user < 64; user++) {
        const version = routed(lifecycle, request({ user }))
        seen.add(version)
        for (const same of [user, String(user), BigInt(user)]) {
          assert.strictEqual(routed(lifecycle, request({ other: 1, user: same })), version)
        }
      }
      assert.deepStrictEqual([...seen].sort(), [1, 2])
    }))

  it.effect("keeps the requests of a sequence with one version, unless the sticky parameter says which", () =>
    Effect.gen(function*() {
      const lifecycle = yield* make
      yield* lifecycle.load(m, plans(1, 2), rollout({ traffic: { 1: 1, 2: 1 }, sticky: "user" }))
      for (let id = 1n; id < 64n; id++) {
        const step = (parameters = {}) => request(parameters, { id, start: id === 1n, end: false })
        const version = routed(lifecycle, step())
        for (let i = 0; i < 8; i++) assert.strictEqual(routed(lifecycle, step()), version)
        assert.strictEqual(routed(lifecycle, step({ user: "u" })), routed(lifecycle, request({ user: "u" })))
      }
    }))

  it.effect("gives the weight of a target that is not ready to the others, and takes it back", () =>
    Effect.gen(function*() {
      const lifecycle = yield* make
      const split = rollout({ traffic: { 1: 1, 2: 1, 3: 1 }, sticky: "user" })
      const assigned = () => Array.from({ length: 300 }, (_, user) => routed(lifecycle, request({ user })))
      yield* lifecycle.load(m, plans(1, 2, 3), split)
      const before = assigned()
      yield* lifecycle.load(m, plans(1, 3), split)
      const without = assigned()
      assert.isFalse(without.includes(2))
      // Whoever met another version still meets it.
      assert.isTrue(without.every((version, user) => before[user] === 2 || before[user] === version))
      yield* lifecycle.load(m, plans(1, 2, 3), split)
      assert.deepStrictEqual(assigned(), before)
    }))

  it.effect("finds versions that load when they are asked for under labels and in splits", () =>
    Effect.gen(function*() {
      const lifecycle = yield* make
      let resident = false
      let tell = () => {}
      const first = model(1)
      const onDemand: OnDemand = {
        name: "m",
        version: 1,
        found: () =>
          resident ? Result.succeed(first) : Result.fail({
            _tag: "NotResident",
            message: "m 1",
            name: "m",
            version: 1,
            load: Effect.void,
            healthy: () => true,
            statistics: () => first.statistics
          }),
        status: () => ({ state: "READY", reason: "" }),
        observe: (listener) => {
          tell = listener
        }
      }
      yield* lifecycle.load(
        m,
        [{ version: 1, open: Effect.succeed(onDemand) }, ...plans(2)],
        rollout({ labels: { stable: 1 }, traffic: { stable: 9, 2: 1 }, shadow: { to: "stable", share: 1 } })
      )
      first.statistics.shadowed("dropped")
      assert.strictEqual(found(lifecycle, "stable"), "NotResident: m 1")
      assert.strictEqual(found(lifecycle, ""), "NotResident: m 1")
      assert.strictEqual(lifecycle.rollout("m")?.shadow?.requests.dropped, 1)
      resident = true
      tell()
      assert.strictEqual(found(lifecycle, "stable"), "1")
      assert.strictEqual(found(lifecycle, ""), "1 routed")
      assert.strictEqual(lifecycle.rollout("m")?.shadow?.requests.dropped, 1)
    }))

  it.effect("lets a share of the requests run in the shadow, by chance", () =>
    Effect.gen(function*() {
      const lifecycle = yield* make
      const chosen = (share: number) =>
        Effect.gen(function*() {
          yield* lifecycle.load(m, plans(1, 2), rollout({ shadow: { to: 2, share, tolerance: { relative: 0.5 } } }))
          const { shadow } = Result.getOrThrow(lifecycle.lookup("m", "1"))
          if (shadow === undefined) return 0
          assert.strictEqual(Result.getOrThrow(shadow.lookup()).version, 2)
          assert.deepStrictEqual(shadow.tolerance, { absolute: 0, relative: 0.5 })
          return Array.from({ length: 4000 }, shadow.chosen).filter(Boolean).length
        })
      assert.strictEqual(yield* chosen(0), 0)
      assert.strictEqual(yield* chosen(1), 4000)
      assert.isAtMost(Math.abs((yield* chosen(0.1)) - 400), 6 * Math.sqrt(4000 * 0.1 * 0.9))
    }).pipe(Random.withSeed("share")))

  it.effect("shows what it comes to", () =>
    Effect.gen(function*() {
      const lifecycle = yield* make
      assert.isUndefined(lifecycle.rollout("m"))
      yield* lifecycle.load(m, plans(1, 3))
      assert.deepStrictEqual(lifecycle.rollout("m"), { labels: [], traffic: [], sticky: undefined, shadow: undefined })
      yield* rollOut(
        lifecycle,
        rollout({
          labels: { old: 2, before: "previous" },
          traffic: { old: 2, before: 1, 3: 3, 1: 0 },
          sticky: "user",
          shadow: { to: "old", share: 0.5 }
        })
      )
      const target = (name: string, version: number | undefined, ready: boolean) => ({ name, version, ready })
      assert.deepStrictEqual(lifecycle.rollout("m"), {
        labels: [target("old", 2, false), target("before", 1, true)],
        traffic: [
          { ...target("1", 1, true), weight: 0, share: 0 },
          { ...target("3", 3, true), weight: 3, share: 0.75 },
          { ...target("old", 2, false), weight: 2, share: 0 },
          { ...target("before", 1, true), weight: 1, share: 0.25 }
        ],
        sticky: "user",
        shadow: {
          ...target("old", 2, false),
          share: 0.5,
          tolerance: { absolute: 0, relative: 0 },
          requests: { same: 0, different: 0, failed: 0, dropped: 0 }
        }
      })
    }))
})
