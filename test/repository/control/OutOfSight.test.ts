/** Loads of models whose repository cannot be listed now. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Result } from "effect"
import * as FileModelRepository from "../../../src/layers/repository/FileModelRepository.ts"
import * as RepositorySources from "../../../src/layers/repository/RepositorySources.ts"
import { PollFailed } from "../../../src/schema/Errors.ts"
import { ModelRepository } from "../../../src/services/ModelRepository.ts"
import { RepositorySource } from "../../../src/services/RepositorySource.ts"
import * as FakeExecution from "../FakeExecution.ts"
import * as TemporaryRepository from "../TemporaryRepository.ts"
import { onnx } from "./Repository.ts"

describe("a repository out of sight", () => {
  it.effect("is no reason to say that its models were loaded", () =>
    Effect.gen(function*() {
      const root = yield* TemporaryRepository.make({ "m/1/model.onnx": onnx })
      let away = false
      const source = Layer.effect(
        RepositorySource,
        Effect.map(RepositorySource, ({ open }) => ({
          open: (path: string) =>
            Effect.map(open(path), (local) => ({
              ...local,
              list: Effect.suspend(() =>
                away ? Effect.fail(new PollFailed({ code: "INTERNAL", message: "no answer" })) : local.list
              )
            }))
        }))
      ).pipe(Layer.provide(RepositorySources.layer))
      const context = yield* Layer.build(
        FileModelRepository.layerWithSource({ paths: [root], controlMode: "explicit" }).pipe(
          Layer.provide(source),
          Layer.provide(FakeExecution.layer(FakeExecution.log())),
          Layer.provide(TemporaryRepository.platform)
        )
      )
      const repository = Context.get(context, ModelRepository)
      yield* repository.load("m")
      away = true
      const failure = yield* Effect.flip(repository.load("m"))
      assert.include(failure.message, "failed to load 'm', failed to poll from model repository\n")
      assert.include(failure.message, "no answer")
      assert.isTrue(Result.isSuccess(repository.lookup("m", "1")))
      away = false
      yield* repository.load("m")
    }))
})
