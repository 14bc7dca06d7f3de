import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Result } from "effect"
import * as FileModelRepository from "../../../src/layers/repository/FileModelRepository.ts"
import { ModelRepository } from "../../../src/services/ModelRepository.ts"
import * as Models from "../../fixtures/onnx/Models.ts"
import * as FakeExecution from "../FakeExecution.ts"
import * as TemporaryRepository from "../TemporaryRepository.ts"

const onnx = Models.simple()

const tree = (rollout: string, policy = "all { }"): TemporaryRepository.Tree => ({
  "m/config.pbtxt": `version_policy { ${policy} }`,
  "m/rollout.json": rollout,
  "m/1/model.onnx": onnx,
  "m/2/model.onnx": onnx
})

const open = Effect.fnUntraced(function*(tree: TemporaryRepository.Tree) {
  const root = yield* TemporaryRepository.make(tree)
  const failures: Array<string> = []
  const services = yield* FileModelRepository.layer({
    paths: [root],
    exitOnError: false,
    onEvent: (event) =>
      Effect.sync(() => {
        if (event._tag === "Failed") failures.push(FileModelRepository.formatFailure(event).replaceAll(root, "R"))
      })
  }).pipe(Layer.provide([FakeExecution.layer(FakeExecution.log()), TemporaryRepository.platform]), Layer.build)
  const repository = Context.get(services, ModelRepository)
  const version = (text: string) => Result.getOrUndefined(Result.map(repository.lookup("m", text), (m) => m.version))
  return { failures, repository, version }
})

describe("a model with rollout.json", () => {
  it.effect("is found by its labels, and by its traffic where no version is named", () =>
    Effect.gen(function*() {
      const { failures, version } = yield* open(
        tree(`{"labels": {"stable": 1, "canary": "latest"}, "traffic": {"stable": 1}}`)
      )
      assert.deepStrictEqual(failures, [])
      assert.deepStrictEqual(["stable", "canary", "", "2"].map(version), [1, 2, 1, 2])
    }))

  it.effect("does not load with a file that is wrong, or that names versions which are not served", () =>
    Effect.gen(function*() {
      const broken = yield* open(tree("{"))
      assert.match(broken.failures.join(), /^Poll failed for model directory 'm': R\/m\/rollout.json is no JSON: /)
      assert.isUndefined(broken.version("1"))
      const unknown = yield* open(tree(`{"labels": {"stable": 3}}`))
      assert.deepStrictEqual(unknown.failures, [
        "failed to load model 'm': R/m/rollout.json:1:13: 'labels.stable' stands for version 3, which is not served; " +
        "expected one of 1, 2"
      ])
      const unserved = yield* open(tree(`{"labels": {"stable": 1}}`, "latest { num_versions: 1 }"))
      assert.deepStrictEqual(unserved.failures, [
        "failed to load model 'm': R/m/rollout.json:1:13: 'labels.stable' stands for version 1, which is not served; " +
        "expected one of 2"
      ])
      const index = yield* unserved.repository.index
      assert.match(index[0]?.reason ?? "", /'labels.stable' stands for version 1/)
    }))
})
