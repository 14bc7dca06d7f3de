/** A program that only has the package: it must compile as strictly as its author likes. See `.ci/run`. */
import { Effect, Layer } from "effect"
import * as RpcClient from "effect/rpc/RpcClient"
import type * as RpcServer from "effect/rpc/RpcServer"
import { Galatea, InferenceServer, Tensor } from "galatea"
import * as Server from "galatea/layers/Server"
import type { InferenceError } from "galatea/schema/Errors"
import type { ModelConfig } from "galatea/schema/ModelConfig"
import { InferenceRpcs } from "galatea/schema/rpc/InferenceRpcs"
import type { Executor } from "galatea/services/Executor"

const policy = (config: ModelConfig) =>
  config.name === "simple" ? Galatea.BatchPolicy.maxQueueDelay("1 milli", [4, 8]) : undefined

const server = Server.layerInProcess({ modelRepository: ["models"] }, { batchPolicy: policy })

export const infer: Effect.Effect<Float32Array, InferenceError, InferenceServer.InferenceServer> = InferenceServer
  .infer({
    model: "identity",
    inputs: [Tensor.from("INPUT0", [1, 2], Float32Array.of(1, 2))]
  }).pipe(
    Effect.map(({ outputs }) => Tensor.values(outputs[0]!, "FP32").slice()),
    Effect.scoped
  )

export const remote = Effect.gen(function*() {
  const client = yield* RpcClient.make(InferenceRpcs)
  const { outputs } = yield* client.ModelInfer({ model: "identity", inputs: [] }).pipe(
    Effect.catchReason("InferenceError", "QueueFull", ({ capacity }) => Effect.die(capacity))
  )
  return outputs
})

export const served: Layer.Layer<never, Server.StartFailure, RpcServer.Protocol> = Galatea.RpcFrontend.layer().pipe(
  Layer.provide(server)
)

export const executor: Layer.Layer<Executor> = Galatea.IdentityExecutor.layer
