/** Live sequences of a real model while it is loaded again, and unloaded. */
import { assert, it } from "@effect/vitest"
import { Context, Effect, Layer, Result } from "effect"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Server from "../../../src/layers/Server.ts"
import * as Tensors from "../../../src/schema/Tensor.ts"
import { infer, InferenceServer } from "../../../src/services/InferenceServer.ts"
import * as SequenceModels from "../../fixtures/onnx/SequenceModels.ts"
import { folder } from "../cli/Child.ts"

it.live("sequences go on over a reload with the right sums, and end with an unload", () =>
  Effect.gen(function*() {
    const batching = "max_sequence_idle_microseconds: 60000000 oldest {}"
    const models = yield* folder({
      accumulate: {
        "config.pbtxt": SequenceModels.controlledConfig({ batching }),
        1: { "model.onnx": SequenceModels.controlled() }
      }
    })
    const context = yield* Layer.build(
      Server.layerInProcess({ modelRepository: [models], modelControlMode: "explicit", loadModel: ["accumulate"] })
    )
    const server = Context.get(context, InferenceServer)
    const step = (id: bigint | string, value: number, start = false, end = false) =>
      infer({
        model: "accumulate",
        inputs: [Tensors.from("INPUT", [1, 1], Int32Array.of(value))],
        sequence: { id, start, end }
      }).pipe(
        Effect.map(({ modelVersion, outputs }) => [
          modelVersion,
          ...Tensors.values(outputs.find(({ name }) => name === "OUTPUT")!, "INT32")
        ]),
        Effect.scoped,
        Effect.provideContext(context)
      )
    const ids = [1n, 2n, 2n ** 64n - 1n]
    for (const id of ids) assert.deepStrictEqual(yield* step(id, 10, true), ["1", 10])
    mkdirSync(join(models, "accumulate", "2"))
    writeFileSync(join(models, "accumulate", "2", "model.onnx"), SequenceModels.controlled())
    yield* server.repository.load("accumulate")
    assert.deepStrictEqual(yield* step(9n, 1, true), ["2", 1])
    for (let i = 1; i <= 3; i++) {
      for (const id of ids) assert.deepStrictEqual(yield* step(id, i), ["1", 10 + i * (i + 1) / 2])
    }
    assert.deepStrictEqual(yield* step(1n, 4, false, true), ["1", 20])
    assert.deepStrictEqual(yield* step(1n, 5, true, true), ["2", 5])
    yield* server.repository.unload("accumulate")
    for (const id of [2n, 9n]) {
      const found = server.model("accumulate", "")
      assert.isTrue(Result.isFailure(found))
      const { message } = yield* Effect.flip(step(id, 1))
      assert.strictEqual(message, "Request for unknown model: 'accumulate' has no available versions")
    }
  }).pipe(Effect.scoped))
