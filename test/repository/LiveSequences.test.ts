/** Steps of sequences while their model is loaded again, unloaded, or rolled out. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Result, type Scope } from "effect"
import * as LocalInferenceServer from "../../src/layers/inference/LocalInferenceServer.ts"
import * as Lifecycle from "../../src/layers/repository/internal/Lifecycle.ts"
import { Books } from "../../src/layers/telemetry/internal/Books.ts"
import { InvalidRequest, Stopping } from "../../src/schema/Errors.ts"
import type { SequenceStep } from "../../src/schema/Inference.ts"
import * as ModelConfig from "../../src/schema/ModelConfig.ts"
import * as ModelSignature from "../../src/schema/ModelSignature.ts"
import * as Rollout from "../../src/schema/Rollout.ts"
import { InferenceServer } from "../../src/services/InferenceServer.ts"
import { type Model, ModelRepository } from "../../src/services/ModelRepository.ts"

/** A version that keeps sequences, closes when the last one has ended, and says what it was asked. */
class Version {
  readonly number: number
  readonly name: string
  readonly steps: Array<bigint | string> = []
  private readonly live = new Set<bigint | string>()
  private readonly empty = Deferred.makeUnsafe<void>()
  private closing = false

  constructor(name: string, number: number) {
    this.name = name
    this.number = number
  }

  get plan(): Lifecycle.VersionPlan {
    return { version: this.number, open: this.open }
  }

  private rest(): void {
    if (this.closing && this.live.size === 0) Deferred.doneUnsafe(this.empty, Exit.void)
  }

  private step({ end, id, start }: SequenceStep) {
    if (start && this.closing) return Effect.fail(new Stopping({ message: `version ${this.number} stops` }))
    if (!start && !this.live.has(id)) return Effect.fail(new InvalidRequest({ message: "no START" }))
    this.steps.push(id)
    if (end) this.live.delete(id)
    else this.live.add(id)
    this.rest()
    return Effect.succeed({
      outputs: [],
      begunAtNanos: 0,
      queueNanos: 0,
      batchRows: 1,
      computeInputNanos: 0,
      computeInferNanos: 0,
      computeOutputNanos: 0,
      release: () => {}
    })
  }

  private get open(): Effect.Effect<Model, never, Scope.Scope> {
    const config = ModelConfig.make({ name: this.name })
    return Effect.acquireRelease(
      Effect.sync((): Model => ({
        name: this.name,
        version: this.number,
        config,
        signature: ModelSignature.make(config),
        statistics: new Books(this.name, this.number, () => 0),
        healthy: () => true,
        scheduler: {
          submit: (job) => this.step(job.request!.sequence!),
          depth: () => ({ waiting: 0, running: 0 }),
          holds: (id) => this.live.has(id),
          endSequences: () => {
            this.live.clear()
            this.rest()
          }
        }
      })),
      () =>
        Effect.suspend(() => {
          this.closing = true
          this.rest()
          return Deferred.await(this.empty)
        })
    )
  }
}

const id = { id: "m", name: "m" }
const all: Lifecycle.Others = { keep: () => true }

const make = Lifecycle.make({ loadThreadCount: 4, loadRetryCount: 0, onEvent: () => Effect.void })

/** What a step comes to: the version that answered it, or the sentence of the failure. */
const step = (
  { lookup }: Lifecycle.Lifecycle,
  sequence: SequenceStep["id"],
  at: "start" | "middle" | "end" = "middle",
  key = "",
  parameters: Record<string, string> = {}
) =>
  Effect.gen(function*() {
    const found = lookup("m", key)
    if (Result.isFailure(found)) return found.failure.message
    const server = yield* InferenceServer
    return yield* server.infer(found.success, {
      id: "",
      inputs: [],
      outputs: [],
      parameters: new Map(Object.entries(parameters)),
      priority: 0,
      timeoutMicros: 0,
      deadlineMicros: 0,
      sequence: { id: sequence, start: at === "start", end: at === "end" }
    }).pipe(Effect.match({
      onSuccess: ({ modelVersion }) => modelVersion,
      onFailure: ({ message }) => message
    }))
  }).pipe(
    Effect.provide(LocalInferenceServer.layer({ name: "galatea", version: "1", strictReadiness: true })),
    Effect.provideService(ModelRepository, {
      lookup,
      readyVersions: () => [],
      index: Effect.succeed([]),
      allReady: Effect.succeed(true),
      load: () => Effect.void,
      unload: () => Effect.void
    })
  )

const states = (lifecycle: Lifecycle.Lifecycle) =>
  lifecycle.states().get("m")?.map(({ state, version }) => `${version} ${state}`)

describe("A live sequence", () => {
  it.effect("goes on in the version that was replaced, and new ones begin in the successor", () =>
    Effect.gen(function*() {
      const lifecycle = yield* make
      const [first, second] = [new Version("m", 1), new Version("m", 2)]
      yield* lifecycle.load(id, [first.plan])
      for (const sequence of [7n, "7"]) assert.strictEqual(yield* step(lifecycle, sequence, "start"), "1")
      yield* lifecycle.load(id, [second.plan])
      assert.deepStrictEqual(states(lifecycle), ["1 UNLOADING", "2 READY"])
      assert.strictEqual(yield* step(lifecycle, 8n, "start"), "2")
      for (const sequence of [7n, "7", 7n]) assert.strictEqual(yield* step(lifecycle, sequence), "1")
      assert.strictEqual(yield* step(lifecycle, 8n), "2")
      assert.strictEqual(yield* step(lifecycle, 9n), "no START")
      assert.strictEqual(yield* step(lifecycle, "7", "end"), "1")
      assert.strictEqual(yield* step(lifecycle, "7"), "no START")
      assert.deepStrictEqual(states(lifecycle), ["1 UNLOADING", "2 READY"])
      assert.strictEqual(yield* step(lifecycle, 7n, "end"), "1")
      yield* Effect.yieldNow
      assert.deepStrictEqual(states(lifecycle), ["1 UNAVAILABLE", "2 READY"])
      assert.strictEqual(yield* step(lifecycle, 8n, "end"), "2")
    }))

  it.effect("goes on where the same version is loaded again, by its number too", () =>
    Effect.gen(function*() {
      const lifecycle = yield* make
      const generations = [new Version("m", 1), new Version("m", 1), new Version("m", 1)]
      for (const [i, generation] of generations.entries()) {
        yield* lifecycle.load(id, [generation.plan])
        assert.strictEqual(yield* step(lifecycle, BigInt(i), "start"), "1")
      }
      for (const key of ["", "1"]) {
        for (const i of [0n, 1n, 2n]) assert.strictEqual(yield* step(lifecycle, i, "middle", key), "1")
      }
      for (const i of [2n, 0n, 1n]) assert.strictEqual(yield* step(lifecycle, i, "end"), "1")
      assert.deepStrictEqual(generations.map(({ steps }) => steps), [0n, 1n, 2n].map((i) => [i, i, i, i]))
    }))

  it.effect("that begins again leaves its old version", () =>
    Effect.gen(function*() {
      const lifecycle = yield* make
      const [first, second] = [new Version("m", 1), new Version("m", 2)]
      yield* lifecycle.load(id, [first.plan])
      assert.strictEqual(yield* step(lifecycle, 7n, "start"), "1")
      yield* lifecycle.load(id, [second.plan])
      assert.strictEqual(yield* step(lifecycle, 7n, "start"), "2")
      assert.strictEqual(yield* step(lifecycle, 7n), "2")
      yield* lifecycle.unload("m")
    }))

  it.effect("ends when its model is unloaded, and its next step is told so", () =>
    Effect.gen(function*() {
      const lifecycle = yield* make
      const [first, second] = [new Version("m", 1), new Version("m", 2)]
      yield* lifecycle.load(id, [first.plan])
      yield* step(lifecycle, 1n, "start")
      yield* lifecycle.load(id, [second.plan])
      yield* step(lifecycle, 2n, "start")
      yield* lifecycle.unload("m")
      yield* Effect.yieldNow
      assert.deepStrictEqual(states(lifecycle), ["1 UNAVAILABLE", "2 UNAVAILABLE"])
      for (const sequence of [1n, 2n]) {
        assert.strictEqual(
          yield* step(lifecycle, sequence),
          "Request for unknown model: 'm' has no available versions"
        )
      }
    }))

  it.effect("ends when its version alone is unloaded", () =>
    Effect.gen(function*() {
      const lifecycle = yield* make
      const versions = [new Version("m", 1), new Version("m", 2)]
      yield* lifecycle.load(id, versions.map(({ plan }) => plan))
      assert.strictEqual(yield* step(lifecycle, 1n, "start", "1"), "1")
      assert.strictEqual(yield* step(lifecycle, 2n, "start"), "2")
      yield* lifecycle.unload("m", 2)
      assert.strictEqual(yield* step(lifecycle, 2n), "no START")
      assert.strictEqual(yield* step(lifecycle, 1n), "1")
      yield* lifecycle.unload("m", 1)
    }))

  it.effect("stays with its version when the traffic is divided otherwise, and whatever the sticky parameter says then", () =>
    Effect.gen(function*() {
      const lifecycle = yield* make
      const versions = [new Version("m", 1), new Version("m", 2)]
      const plans = versions.map(({ plan }) => plan)
      const traffic = (first: number) =>
        Result.getOrThrow(Rollout.fromJson({ traffic: { 1: first, 2: 100 - first }, sticky: "user" }))
      yield* lifecycle.load(id, plans, traffic(50))
      const ids = Array.from(
        { length: 40 },
        (_, i): SequenceStep["id"] => i % 2 === 0 ? BigInt(i) + 2n ** 63n : `s-${i}`
      )
      const begun = yield* Effect.forEach(ids, (sequence) => step(lifecycle, sequence, "start"))
      assert.sameMembers([...new Set(begun)], ["1", "2"])
      const again = (user: string) =>
        Effect.forEach(ids, (sequence) => step(lifecycle, sequence, "middle", "", { user }))
      assert.deepStrictEqual(yield* again("a"), begun)
      for (const first of [1, 100]) {
        yield* lifecycle.load(id, [], traffic(first), all)
        assert.deepStrictEqual(yield* again("b"), begun)
      }
      assert.strictEqual(yield* step(lifecycle, "new", "start"), "1")
      yield* lifecycle.unload("m")
    }))
})
