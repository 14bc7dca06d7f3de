/**
 * What a call of `simple` costs the thread that makes it, in microseconds of its CPU time. Prints two numbers: of calls one after
 * the other with an executor that answers at once in the same thread, which is all that lies before and behind the hop to a worker;
 * and of 32 calls at a time on ONNX Runtime, hop included, when the thread never waits.
 *
 * Usage: node bench/yardsticks/inProcess.ts REPOSITORY SECONDS
 */
import { Effect, type Layer } from "effect"
import { join } from "node:path"
import * as IdentityExecutor from "../../src/layers/execution/IdentityExecutor.ts"
import * as MemoryModelRepository from "../../src/layers/repository/MemoryModelRepository.ts"
import * as Server from "../../src/layers/Server.ts"
import * as Tensor from "../../src/schema/Tensor.ts"
import type { Executor } from "../../src/services/Executor.ts"
import * as InferenceServer from "../../src/services/InferenceServer.ts"

const [repository, seconds] = process.argv.slice(2) as [string, string]
const row = Int32Array.from({ length: 16 }, (_, i) => i)
const inputs = [Tensor.from("INPUT0", [1, 16], row), Tensor.from("INPUT1", [1, 16], row)]
const call = Effect.scoped(InferenceServer.infer({ model: "simple", inputs }))
const calls = 3200

/** CPU time of this thread per call, with so many at a time. */
const measure = (concurrency: number, executor?: Layer.Layer<Executor>): Promise<number> => {
  const path = join(repository, "simple", "1", "model.onnx")
  const batch = Effect.forEach(
    Array.from({ length: concurrency }),
    () => Effect.forEach(Array.from({ length: calls / concurrency }), () => call, { discard: true }),
    { concurrency: "unbounded", discard: true }
  )
  const batchesFor = (millis: number) =>
    Effect.gen(function*() {
      const end = performance.now() + millis
      const before = process.threadCpuUsage()
      let done = 0
      for (; performance.now() < end; done += calls) yield* batch
      const { system, user } = process.threadCpuUsage(before)
      return (user + system) / done
    })
  return Effect.andThen(batchesFor(1000), batchesFor(Number(seconds) * 1000)).pipe(
    Effect.provide(
      Server.layerInProcess({}, {
        repository: MemoryModelRepository.layerFromFiles({
          models: [{ name: "simple", path, config: { max_batch_size: 8 } }]
        }),
        ...(executor === undefined ? {} : { executor })
      })
    ),
    Effect.runPromise
  )
}

const tensor = (name: string) => ({ name, isTensor: true, type: "int32", shape: [-1, 16] })
const identity = IdentityExecutor.layerWith({
  inspection: {
    inputs: [tensor("INPUT0"), tensor("INPUT1")],
    outputs: [tensor("OUTPUT0"), tensor("OUTPUT1")]
  }
})
const alone = await measure(1, identity)
console.log(alone.toFixed(1), (await measure(32)).toFixed(1))
