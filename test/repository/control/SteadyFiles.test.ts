import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Result } from "effect"
import * as FileModelRepository from "../../../src/layers/repository/FileModelRepository.ts"
import { ModelRepository } from "../../../src/services/ModelRepository.ts"
import { RepositorySource } from "../../../src/services/RepositorySource.ts"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as FakeExecution from "../FakeExecution.ts"
import * as TemporaryRepository from "../TemporaryRepository.ts"
import { onnx, openRoots } from "./Repository.ts"

/** A repository told to load its model, whose file is replaced by one of another width before it opens, so often. */
const replaced = Effect.fnUntraced(function*(times: number) {
  const root = yield* TemporaryRepository.make({ "m/1/model.onnx": onnx, "m/2/model.onnx": onnx })
  let left = times
  const opened = yield* openRoots([root], {
    controlMode: "explicit",
    opening: () => {
      if (left === 0) return Effect.void
      const width = 100 + left--
      return TemporaryRepository.write(root, { "m/2/model.onnx": Models.simple({ shape: ["batch", width] }) })
    }
  })
  return { ...opened, result: yield* Effect.result(opened.repository.load("m")) }
})

describe("files that change while they are loaded", () => {
  it.effect("are loaded again, so that all instances have the same", () =>
    Effect.gen(function*() {
      const { log, lookup, result } = yield* replaced(2)
      assert.isTrue(Result.isSuccess(result))
      assert.deepStrictEqual(log(), ["open m 2", "close m 2", "open m 2", "close m 2", "open m 2"])
      assert.deepStrictEqual(Result.getOrThrow(lookup("m", "")).config.input.map(({ dims }) => dims), [[101], [101]])
    }))

  it.effect("do not serve where they never stand still", () =>
    Effect.gen(function*() {
      const { log, result, rows } = yield* replaced(3)
      assert.include(
        Result.isFailure(result) ? result.failure.message : "",
        "the files of version 2 changed each time while it was loaded: load it when they stand still"
      )
      assert.strictEqual(log().length, 6)
      assert.include((yield* rows("m")).join(), "2 UNAVAILABLE")
    }))

  it.effect("are not those of another machine, of which each opening has a copy", () =>
    Effect.gen(function*() {
      const root = yield* TemporaryRepository.make({ "m/1/model.onnx": onnx })
      const copies = Layer.effect(
        RepositorySource,
        Effect.map(RepositorySource, ({ open }) =>
          RepositorySource.of({
            open: (path) =>
              Effect.map(open(path), (source) => ({
                ...source,
                list: Effect.map(source.list, (listing) => ({
                  ...listing,
                  models: listing.models.map((model) => ({ ...model, directory: `s3://bucket/${model.name}` }))
                })),
                open: () =>
                  Effect.map(
                    TemporaryRepository.make({ "1/model.onnx": onnx }),
                    (directory) => ({ directory, file: undefined })
                  )
              }))
          }))
      ).pipe(Layer.provideMerge(TemporaryRepository.platform))
      const context = yield* Layer.build(
        FileModelRepository.layerWithSource({ paths: [root] }).pipe(
          Layer.provide(FakeExecution.layer(FakeExecution.log())),
          Layer.provide(copies)
        )
      )
      assert.deepStrictEqual(Context.get(context, ModelRepository).readyVersions("m"), [1])
    }))
})
