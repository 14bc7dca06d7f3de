/**
 * A batching policy of one's own: no batch has more than 512 bytes of input. Sends twelve requests at once, and prints how they ran.
 *
 * Usage: node examples/prepare.ts && node examples/policy.ts
 */
import { Console, Effect } from "effect"
import { join } from "node:path"
import * as BatchPolicy from "../src/layers/scheduling/BatchPolicy.ts"
import * as Server from "../src/layers/Server.ts"
import { fromConfigName } from "../src/schema/DataType.ts"
import type { ModelConfig } from "../src/schema/ModelConfig.ts"
import * as ServerOptions from "../src/schema/ServerOptions.ts"
import { InferenceServer } from "../src/services/InferenceServer.ts"

/** Bytes of one row over all inputs; free dimensions count as 1. */
const rowBytes = (config: ModelConfig): number =>
  config.input.reduce((sum, { data_type, dims }) => {
    const elements = dims.reduce((product, dim) => product * Math.max(1, dim), 1)
    return sum + elements * (fromConfigName(String(data_type))?.byteSize ?? 0)
  }, 0)

const hooks: Server.Hooks = {
  batchPolicy: (config) => {
    if (config.name !== "simple") return undefined
    const rows = Math.floor(512 / rowBytes(config))
    return BatchPolicy.make((queue) => BatchPolicy.leave(queue.fit(rows)))
  }
}

const options = ServerOptions.make({ modelRepository: [join(import.meta.dirname, "models")] })

const program = Effect.gen(function*() {
  const server = yield* InferenceServer
  const model = yield* Effect.fromResult(server.model("simple", ""))
  const row = new Uint8Array(Int32Array.from({ length: 16 }, (_, i) => i).buffer)
  const request = {
    id: "",
    inputs: ["INPUT0", "INPUT1"].map((name) => ({ name, datatype: "INT32" as const, shape: [1, 16], data: row })),
    outputs: [],
    parameters: new Map(),
    priority: 0,
    timeoutMicros: 0,
    deadlineMicros: 0,
    sequence: undefined
  }
  const infer = Effect.map(server.infer(model, request), ({ release }) => release())
  yield* Effect.all(Array.from({ length: 12 }, () => infer), { concurrency: "unbounded", discard: true })
  for (const { batchSize, count } of model.statistics.counts().batches) {
    yield* Console.log(`${count} executions of ${batchSize} rows`)
  }
})

await program.pipe(Effect.provide(Server.layerInProcess(options, hooks)), Effect.runPromise)
