import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as IdentityExecutor from "../../src/layers/execution/IdentityExecutor.ts"
import { Executor } from "../../src/services/Executor.ts"
import { executorSuite } from "../suites/executorSuite.ts"

executorSuite("IdentityExecutor", IdentityExecutor.layer, () => "/nowhere/model.onnx")

describe("IdentityExecutor", () => {
  const inspection = { inputs: [{ name: "X", isTensor: true, type: "float32", shape: [-1] }], outputs: [] }

  it.effect("says of a model what it was told to say", () =>
    Effect.gen(function*() {
      const executor = yield* Executor
      assert.deepStrictEqual(yield* executor.inspect({ model: "m", path: "/m.onnx" }), inspection)
    }).pipe(Effect.provide(IdentityExecutor.layerWith({ inspection }))))
})
