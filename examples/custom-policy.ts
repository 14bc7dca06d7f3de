/**
 * A batching policy of one's own: no batch has more than 512 bytes of input. Sends twelve requests at once, and prints how they ran.
 *
 * In a clone: npm run example:custom-policy
 */
import { Console, Effect } from "effect"
import { fileURLToPath } from "node:url"
import { Galatea } from "../src/index.ts"

/** Bytes of one row over all inputs; free dimensions count as 1. */
const rowBytes = (config: Galatea.ModelConfig.ModelConfig): number =>
  config.input.reduce((sum, { data_type, dims }) => {
    const elements = dims.reduce((product, dim) => product * Math.max(1, dim), 1)
    return sum + elements * (Galatea.DataType.fromConfigName(String(data_type))?.byteSize ?? 0)
  }, 0)

const server = Galatea.Server.layerInProcess(
  { modelRepository: [fileURLToPath(new URL("models", import.meta.url))] },
  {
    batchPolicy: (config) => {
      if (config.name !== "simple") return undefined
      const rows = Math.floor(512 / rowBytes(config))
      return Galatea.BatchPolicy.make((queue) => Galatea.BatchPolicy.leave(queue.fit(rows)))
    }
  }
)

const program = Effect.gen(function*() {
  const row = Int32Array.from({ length: 16 }, (_, i) => i)
  const infer = Galatea.InferenceServer.infer({
    model: "simple",
    inputs: ["INPUT0", "INPUT1"].map((name) => Galatea.Tensor.from(name, [1, 16], row))
  })
  yield* Effect.all(Array.from({ length: 12 }, () => Effect.scoped(infer)), { concurrency: "unbounded", discard: true })
  const { model } = yield* Galatea.InferenceServer.InferenceServer
  const { statistics } = yield* Effect.fromResult(model("simple", ""))
  for (const { batchSize, count } of statistics.counts().batches) {
    yield* Console.log(`${count} executions of ${batchSize} rows`)
  }
})

await program.pipe(Effect.provide(server), Effect.runPromise)
