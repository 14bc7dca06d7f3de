import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import * as LocalInferenceServer from "../../src/layers/inference/LocalInferenceServer.ts"
import * as MemoryModelRepository from "../../src/layers/repository/MemoryModelRepository.ts"
import { Departure, make } from "../../src/services/Departure.ts"
import { InferenceServer } from "../../src/services/InferenceServer.ts"

const server = LocalInferenceServer.layer({ name: "x", version: "1", strictReadiness: false }).pipe(
  Layer.provide(MemoryModelRepository.layer([])),
  Layer.build,
  Effect.map((context) => Context.get(context, InferenceServer))
)

describe("the departure of a server", () => {
  it.effect("takes readiness away at once and for good, and nothing else", () =>
    Effect.gen(function*() {
      const departure = make()
      const { live, ready, stopping } = yield* Effect.provideService(server, Departure, departure)
      assert.isTrue(yield* ready)
      yield* departure.begin
      assert.deepStrictEqual([yield* ready, yield* live, stopping()], [false, true, false])
    }))

  it.effect("has an end, of which others are told", () =>
    Effect.gen(function*() {
      const told: Array<string> = []
      const departure = make()
      yield* departure.watch(() => told.push("begin"))
      yield* departure.watchEnd(() => told.push("end"))
      yield* departure.begin
      assert.deepStrictEqual(told, ["begin"])
      yield* departure.end
      assert.deepStrictEqual(told, ["begin", "end"])
    }))

  it.effect("never begins by itself, nor for another server", () =>
    Effect.gen(function*() {
      const { ready } = yield* server
      yield* make().begin
      yield* (yield* Departure).begin
      assert.isTrue(yield* ready)
    }))

  it.effect("tells each watcher once: when it begins, at once after that, and not behind the end of its scope", () =>
    Effect.gen(function*() {
      const told: Array<string> = []
      const departure = make()
      const gone = yield* Scope.make()
      yield* Scope.provide(departure.watch(() => told.push("gone")), gone)
      yield* departure.watch(() => told.push("early"))
      yield* Scope.close(gone, Exit.void)
      yield* departure.begin
      yield* departure.begin
      yield* departure.watch(() => told.push("late"))
      assert.deepStrictEqual(told, ["early", "late"])
    }))
})
