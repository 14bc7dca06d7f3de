import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as FileModelRepository from "../../src/layers/repository/FileModelRepository.ts"
import type { LoadEvent } from "../../src/services/ModelRepository.ts"
import * as Models from "../fixtures/onnx/Models.ts"
import * as FakeExecution from "./FakeExecution.ts"
import * as TemporaryRepository from "./TemporaryRepository.ts"

const check = (
  paths: ReadonlyArray<string>,
  options: Partial<FileModelRepository.Options> = {},
  log = FakeExecution.log()
) =>
  FileModelRepository.check({ paths, ...options }).pipe(
    Effect.provide(Layer.merge(FakeExecution.layer(log), TemporaryRepository.platform))
  )

describe("check", () => {
  it.effect("gives a row for each version, and for each model that has none", () =>
    Effect.gen(function*() {
      const onnx = Models.simple()
      const log = FakeExecution.log()
      const events: Array<LoadEvent> = []
      const root = yield* TemporaryRepository.make({
        "m/config.pbtxt": "version_policy { all { } } tags { key: \"a\" value: \"b\" }",
        "m/1/model.onnx": onnx,
        "m/2/model.onnx": "",
        "m/old": null,
        "none/config.pbtxt": "version_policy { latest { } }",
        "none/1/model.onnx": onnx,
        "bad/config.pbtxt": "x",
        "dangling": { link: "nowhere" }
      })
      const rows = yield* check([root], { onEvent: (event) => Effect.sync(() => events.push(event)) }, log)
      assert.deepStrictEqual(
        rows.map(({ config, model, status, version }) => [model, version, status, config?.max_batch_size]),
        [
          ["bad", undefined, "UNAVAILABLE", undefined],
          ["dangling", undefined, "UNAVAILABLE", undefined],
          ["m", 1, "READY", 4],
          ["m", 2, "UNAVAILABLE", 0],
          ["none", undefined, "UNAVAILABLE", 0]
        ]
      )
      assert.isTrue(rows[0]?.reason?.startsWith("Internal: failed to read text proto from "))
      assert.isTrue(rows[3]?.reason?.startsWith("Internal: "))
      assert.isTrue(rows[4]?.reason?.startsWith("Invalid argument: at least one version must be available"))
      assert.isUndefined(rows[2]?.reason)
      const warnings = rows[2]?.warnings.join("\n") ?? ""
      assert.include(warnings, "field \"tags\" is an old name of \"metric_tags\"")
      assert.include(warnings, "ignore version directory 'old' which fails to convert to integral number")
      assert.include(warnings, "autofilled max_batch_size to 4 for model 'm'")
      assert.deepStrictEqual(log.plans.map(({ instances }) => instances.length), [1], "one instance is enough")
      assert.deepStrictEqual(log.events, ["inspect m", "open m 1", "close m 1"])
      assert.deepStrictEqual(
        events.map(({ _tag }) => _tag).sort(),
        ["Failed", "Failed", "Failed", "Failed", "Found", "Loading", "Loading", "Ready"]
      )
    }))

  it.effect("fails only for a root that cannot be listed", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(check(["/does/not/exist"]))
      assert.strictEqual(error._tag, "PollFailed")
    }))
})
