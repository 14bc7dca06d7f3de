import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as RpcTest from "effect/rpc/RpcTest"
import * as RpcFrontend from "../../../src/layers/frontend/RpcFrontend.ts"
import { ExecutionFailed } from "../../../src/schema/Errors.ts"
import { InferenceRpcs } from "../../../src/schema/rpc/InferenceRpcs.ts"
import * as Tensors from "../../../src/schema/Tensor.ts"
import { Fake } from "../http/Fakes.ts"

const make = Effect.fnUntraced(function*(options: RpcFrontend.Options = {}) {
  const fake = new Fake()
  const handlers = yield* Layer.build(RpcFrontend.layerHandlers(options).pipe(Layer.provide(fake.layer)))
  return { fake, client: yield* Effect.provideContext(RpcTest.makeClient(InferenceRpcs), handlers) }
})

const echo = { model: "echo", inputs: [Tensors.from("X", [2], Float32Array.of(1, 2))] }

describe("the procedures", () => {
  it.effect("say whether models are ready and healthy, and how they are configured", () =>
    Effect.gen(function*() {
      const { client, fake } = yield* make()
      assert.isTrue(yield* client.ModelReady({ model: "echo" }))
      assert.isFalse(yield* client.ModelReady({ model: "sick", version: "1" }))
      assert.strictEqual((yield* Effect.flip(client.ModelReady({ model: "echo", version: "2" })))._tag, "ModelNotFound")
      assert.deepStrictEqual(yield* client.ModelConfig({ model: "echo" }), fake.models.get("echo")!.config)
      fake.live = false
      fake.ready = false
      assert.deepStrictEqual([yield* client.ServerLive(), yield* client.ServerReady()], [false, false])
    }))

  it.effect("choose whose statistics are asked for", () =>
    Effect.gen(function*() {
      const { client } = yield* make()
      const names = (payload: { model?: string; version?: string }) =>
        Effect.map(client.ModelStatistics(payload), (rows) => rows.map(({ name, version }) => `${name} ${version}`))
      assert.deepStrictEqual(yield* names({}), ["echo 1"])
      assert.deepStrictEqual(yield* names({ model: "stats", version: "1" }), ["stats 1"])
      const unknown = yield* Effect.flip(names({ model: "nope" }))
      assert.strictEqual(unknown.message, "requested model 'nope' is not available")
      const version = yield* Effect.flip(names({ model: "echo", version: "2" }))
      assert.strictEqual(version.message, "requested model version is not available for model 'echo'")
    }))

  it.effect("list the repository, and hand over what a load brings", () =>
    Effect.gen(function*() {
      const { client, fake } = yield* make()
      assert.strictEqual((yield* client.RepositoryIndex({})).length, 3)
      assert.deepStrictEqual(yield* client.RepositoryIndex({ ready: true }), [{
        name: "echo",
        version: "1",
        state: "READY"
      }])
      yield* client.RepositoryModelLoad({ model: "a", config: "{}", files: { "1/m": Uint8Array.of(65) } })
      assert.deepStrictEqual(fake.loads, [{ name: "a", config: "{}", files: ["1/m=A"] }])
      assert.strictEqual((yield* Effect.flip(client.RepositoryModelLoad({ model: "missing" })))._tag, "LoadFailed")
      yield* client.RepositoryModelUnload({ model: "a", unloadDependents: true })
      assert.deepStrictEqual(fake.unloads, [{ name: "a", dependents: true }])
    }))

  it.effect("keep the exception of the native runtime to themselves", () =>
    Effect.gen(function*() {
      const { client, fake } = yield* make()
      fake.work = Effect.fail(new ExecutionFailed({ model: "echo", message: "it failed", cause: new Error("inside") }))
      const failure = yield* Effect.flip(client.ModelInfer(echo))
      assert.strictEqual(failure._tag, "InferenceError")
      if (failure._tag !== "InferenceError") return
      assert.strictEqual(failure.message, "it failed")
      assert.isFalse("cause" in failure.reason && failure.reason.cause !== undefined)
    }))

  it.effect("refuse parameters that are no numbers", () =>
    Effect.gen(function*() {
      const { client, fake } = yield* make()
      const refused = yield* Effect.flip(client.ModelInfer({ ...echo, parameters: { x: NaN } }))
      assert.strictEqual(refused.message, "parameter 'x' must be a finite number, got NaN")
      yield* client.ModelInfer({ ...echo, parameters: { x: "NaN", y: 2n ** 60n } })
      assert.deepStrictEqual(
        fake.requests[0]!.parameters,
        new Map<string, string | bigint>([["x", "NaN"], ["y", 2n ** 60n]])
      )
    }))

  it.effect("bound the bytes of tensors in flight, and give them back", () =>
    Effect.gen(function*() {
      const { client, fake } = yield* make({ maxInflightBytes: 8 })
      assert.strictEqual((yield* client.ModelInfer(echo)).id, "")
      const large = { ...echo, inputs: [Tensors.from("X", [3], new Float32Array(3))] }
      const refused = yield* Effect.flip(client.ModelInfer(large))
      assert.strictEqual(refused._tag === "InferenceError" ? refused.reason._tag : refused._tag, "Overloaded")
      yield* client.ModelInfer(echo)
      assert.strictEqual(fake.released, 2)
    }))
})
