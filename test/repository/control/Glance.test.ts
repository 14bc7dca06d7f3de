import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as FileModelRepository from "../../../src/layers/repository/FileModelRepository.ts"
import { ModelRepository } from "../../../src/services/ModelRepository.ts"
import { RepositorySource } from "../../../src/services/RepositorySource.ts"
import * as FakeExecution from "../FakeExecution.ts"
import * as TemporaryRepository from "../TemporaryRepository.ts"
import { onnx } from "./Repository.ts"

describe("the index", () => {
  it.effect("does not wait for a root that has stopped to answer", () =>
    Effect.gen(function*() {
      const root = yield* TemporaryRepository.make({ "m/1/model.onnx": onnx })
      let answers = true
      const source = Layer.effect(
        RepositorySource,
        Effect.map(RepositorySource, ({ open }) =>
          RepositorySource.of({
            open: (path) =>
              Effect.map(open(path), (source) => ({
                ...source,
                list: Effect.suspend(() => answers ? source.list : Effect.never)
              }))
          }))
      ).pipe(Layer.provideMerge(TemporaryRepository.platform))
      const context = yield* Layer.build(
        FileModelRepository.layerWithSource({ paths: [root], controlMode: "explicit", loadModels: ["*"] }).pipe(
          Layer.provide(FakeExecution.layer(FakeExecution.log())),
          Layer.provide(source)
        )
      )
      const { index } = Context.get(context, ModelRepository)
      const served = [{ name: "m", version: "1", state: "READY" as const }]
      assert.deepStrictEqual(yield* index, served)
      answers = false
      const asked = yield* Effect.forkChild(index, { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(asked.pollUnsafe()?._tag, "Success", "it has answered")
      assert.deepStrictEqual(yield* Fiber.join(asked), served)
    }))
})
