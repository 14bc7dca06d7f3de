import * as NodeWorker from "@effect/platform-node/NodeWorker"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import * as RpcClient from "effect/rpc/RpcClient"
import { Worker } from "node:worker_threads"
import { InferenceRpcs } from "../../../src/schema/rpc/InferenceRpcs.ts"
import * as Tensors from "../../../src/schema/Tensor.ts"
import { echo } from "./Client.ts"

const connect = Effect.gen(function*() {
  const protocol = yield* Layer.build(
    RpcClient.layerProtocolWorker({ size: 1, concurrency: 16 }).pipe(
      Layer.provide(NodeWorker.layer(() => new Worker(new URL("./ServerThread.ts", import.meta.url))))
    )
  )
  return yield* Effect.provideContext(RpcClient.make(InferenceRpcs), protocol)
})

describe("RPC to a worker thread", () => {
  it.live("carries tensors as bytes that are the receiver's own, parameters and errors", () =>
    Effect.gen(function*() {
      const client = yield* connect
      assert.isTrue(yield* client.ServerLive())
      const values = Float32Array.from({ length: 300_000 }, (_, i) => i / 4)
      const shared = new Float32Array(new SharedArrayBuffer(values.byteLength))
      shared.set(values)
      for (const tensor of [Tensors.from("X", [300_000], values), Tensors.from("X", [300_000], shared)]) {
        const answer = yield* client.ModelInfer({ model: "echo", inputs: [tensor], parameters: { large: 2n ** 60n } })
        const { data } = answer.outputs[0]!
        assert.instanceOf(data.buffer, ArrayBuffer)
        assert.strictEqual(data.byteLength, data.buffer.byteLength)
        assert.deepStrictEqual(new Float32Array(data.buffer), values)
        assert.strictEqual(tensor.data.byteLength, values.byteLength)
      }
      const refused = yield* Effect.flip(client.ModelInfer({ ...echo(), model: "nope" }))
      assert.strictEqual(refused._tag === "InferenceError" ? refused.reason._tag : refused._tag, "ModelNotFound")
    }))

  it.live("bounds what is in flight, and withdraws what is interrupted", () =>
    Effect.gen(function*() {
      const client = yield* connect
      const slow = yield* Effect.forEach(
        [1, 2],
        () => Effect.forkChild(client.ModelInfer({ ...echo(), id: "slow" }), { startImmediately: true })
      )
      const refused = yield* Effect.flip(client.ModelInfer(echo()))
      assert.strictEqual(refused._tag === "InferenceError" ? refused.reason._tag : refused._tag, "Overloaded")
      yield* Fiber.interruptAll(slow)
      const answered = yield* Effect.retry(client.ModelInfer(echo()), { times: 100 })
      assert.strictEqual(answered.outputs.length, 1)
      yield* Effect.flatMap(client.RepositoryIndex({}), ([row]) =>
        row?.name === "interrupted 2, released 1" ? Effect.void : Effect.fail(row?.name)).pipe(
          Effect.retry({ times: 1000 })
        )
    }))
})
