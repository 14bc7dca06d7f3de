import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Result, Scope } from "effect"
import { Galatea } from "../../src/index.ts"
import type { MetricFamily } from "../../src/schema/MetricFamily.ts"
import { MetricsExport } from "../../src/services/MetricsExport.ts"
import * as Models from "../fixtures/onnx/Models.ts"
import { folder } from "./cli/Child.ts"

const { InferenceServer, Server, Tensor } = Galatea

const row = Int32Array.from({ length: 16 }, (_, i) => i)
const simple = {
  model: "simple",
  inputs: [Tensor.from("INPUT0", [1, 16], row), Tensor.from("INPUT1", [1, 16], row)]
}

const models = folder({ simple: { "config.pbtxt": "max_batch_size: 8\n", 1: { "model.onnx": Models.simple() } } })

const valuesOf = (families: ReadonlyArray<MetricFamily>, name: string) =>
  families.filter((family) => family.name === name).flatMap(({ series }) => series.map(({ value }) => value))

const options = { httpPort: 0, httpAddress: "127.0.0.1", allowGrpc: false, allowMetrics: false }

describe("metrics that are exported", () => {
  for (const which of ["layer", "layerInProcess"] as const) {
    it.live(`are those of the models, without a port for metrics, up to the end (${which})`, () =>
      Effect.gen(function*() {
        const started: Array<() => ReadonlyArray<MetricFamily>> = []
        let last: ReadonlyArray<MetricFamily> = []
        const exporter = Layer.succeed(MetricsExport, {
          start: (read) =>
            Effect.andThen(
              Effect.sync(() => void started.push(read)),
              Effect.addFinalizer(() => Effect.sync(() => void (last = read())))
            )
        })
        const scope = yield* Scope.make()
        const server = Server[which]({ ...options, modelRepository: [yield* models] })
        const context = yield* Scope.provide(Layer.build(Layer.provide(server, exporter)), scope)
        const infer = Effect.provideContext(Effect.scoped(Effect.asVoid(InferenceServer.infer(simple))), context)
        yield* infer
        assert.strictEqual(started.length, 1)
        assert.deepStrictEqual(valuesOf(started[0]!(), "nv_inference_request_success"), [1])
        assert.deepStrictEqual(valuesOf(started[0]!(), "galatea_max_batch_size"), [8])
        yield* infer
        yield* Scope.close(scope, Exit.void)
        assert.deepStrictEqual(valuesOf(last, "nv_inference_request_success"), [2], "models are still there")
        assert.isTrue(Result.isFailure(yield* Effect.result(infer)))
      }))
  }
})
