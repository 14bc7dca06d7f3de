/**
 * The server in a worker thread of a program, asked over Effect RPC: loading models and batching never hold up the main thread.
 * Tensors cross as bytes whose memory moves, errors with their types, and interruption withdraws a request.
 *
 * In a clone: npm run example:worker
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeWorker from "@effect/platform-node/NodeWorker"
import * as NodeWorkerRunner from "@effect/platform-node/NodeWorkerRunner"
import { Effect, Layer } from "effect"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcServer from "effect/rpc/RpcServer"
import { fileURLToPath } from "node:url"
import { isMainThread, Worker } from "node:worker_threads"
import { InferenceRpcs, RpcFrontend, Server, Tensor } from "../src/index.ts"

const server = RpcFrontend.layer().pipe(
  Layer.provide(RpcServer.layerProtocolWorkerRunner),
  Layer.provide(NodeWorkerRunner.layer),
  Layer.provide(Server.layerInProcess({ modelRepository: [fileURLToPath(new URL("models", import.meta.url))] }))
)

const client = RpcClient.layerProtocolWorker({ size: 1, concurrency: 32 }).pipe(
  Layer.provide(NodeWorker.layer(() => new Worker(new URL(import.meta.url))))
)

const program = Effect.gen(function*() {
  const galatea = yield* RpcClient.make(InferenceRpcs.InferenceRpcs)
  const row = Int32Array.from({ length: 16 }, (_, i) => i)
  const { outputs } = yield* galatea.ModelInfer({
    model: "simple",
    inputs: [Tensor.from("INPUT0", [1, 16], row), Tensor.from("INPUT1", [1, 16], row)]
  })
  for (const output of outputs) yield* Effect.log(output.name, Tensor.values(output, "INT32").join(" "))
  const failure = yield* Effect.flip(galatea.ModelInfer({ model: "nobody", inputs: [] }))
  yield* Effect.log(failure.message)
})

if (isMainThread) program.pipe(Effect.scoped, Effect.provide(client), NodeRuntime.runMain)
else Layer.launch(server).pipe(NodeRuntime.runMain)
