import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as RoutedExecutor from "../../src/layers/execution/RoutedExecutor.ts"
import { LoadFailed } from "../../src/schema/Errors.ts"
import { Executor } from "../../src/services/Executor.ts"
import { identityPlan } from "../suites/executorSuite.ts"

/** An executor that opens nothing and says who it is. */
const named = (name: string) =>
  Layer.succeed(
    Executor,
    Executor.of({
      devices: [{ kind: "CPU", id: name.length }],
      inspect: () => Effect.succeed({ inputs: [{ name, isTensor: true, type: "float32", shape: [] }], outputs: [] }),
      open: ({ model }) => Effect.fail(new LoadFailed({ model, message: name, code: "INTERNAL" }))
    })
  )

it.effect("opens each model with the executor of its backend, and looks into files with that of ONNX", () =>
  Effect.gen(function*() {
    const executor = yield* Executor
    const opens = (backend: "onnxruntime" | "custom" | undefined) =>
      Effect.map(
        Effect.flip(Effect.scoped(executor.open({ ...identityPlan("/m"), ...(backend && { backend }) }))),
        ({ message }) => message
      )
    assert.strictEqual(yield* opens(undefined), "onnx")
    assert.strictEqual(yield* opens("onnxruntime"), "onnx")
    assert.strictEqual(yield* opens("custom"), "custom")
    assert.deepStrictEqual([...executor.devices], [{ kind: "CPU", id: 4 }])
    assert.strictEqual((yield* executor.inspect({ model: "m", path: "/m" })).inputs[0]!.name, "onnx")
  }).pipe(Effect.provide(RoutedExecutor.layer({ onnxruntime: named("onnx"), custom: named("custom") }))))
