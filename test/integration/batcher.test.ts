/** The whole path below the front ends, with the batcher and ONNX Runtime. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Result } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as OnnxExecutor from "../../src/layers/execution/OnnxExecutor.ts"
import * as SharedTensorMemory from "../../src/layers/execution/SharedTensorMemory.ts"
import * as LocalInferenceServer from "../../src/layers/inference/LocalInferenceServer.ts"
import * as FileModelRepository from "../../src/layers/repository/FileModelRepository.ts"
import * as ConfiguredScheduler from "../../src/layers/scheduling/ConfiguredScheduler.ts"
import * as DynamicBatcher from "../../src/layers/scheduling/DynamicBatcher.ts"
import * as SequenceBatcher from "../../src/layers/scheduling/SequenceBatcher.ts"
import * as LocalStatistics from "../../src/layers/telemetry/LocalStatistics.ts"
import type { InferenceResponse, Tensor } from "../../src/schema/Inference.ts"
import { InferenceServer } from "../../src/services/InferenceServer.ts"
import { TensorMemory } from "../../src/services/TensorMemory.ts"
import * as Models from "../fixtures/onnx/Models.ts"
import * as TemporaryRepository from "../repository/TemporaryRepository.ts"
import { floats, numbers, tensor } from "../scheduling/Batches.ts"

const root = join(import.meta.dirname, "../..")

const open = Effect.fnUntraced(function*(tree: TemporaryRepository.Tree) {
  const folder = yield* TemporaryRepository.make(tree)
  const context = yield* Layer.build(
    LocalInferenceServer.layer({ name: "galatea", version: "1", strictReadiness: true }).pipe(
      Layer.provide(FileModelRepository.layer({ paths: [folder] })),
      Layer.provide([
        OnnxExecutor.layer,
        ConfiguredScheduler.layer.pipe(Layer.provide([DynamicBatcher.layer, SequenceBatcher.layer]))
      ]),
      Layer.provideMerge(SharedTensorMemory.layer),
      Layer.provide([LocalStatistics.layer, TemporaryRepository.platform])
    )
  )
  const server = Context.get(context, InferenceServer)
  return {
    memory: Context.get(context, TensorMemory),
    ask: (name: string, inputs: ReadonlyArray<Tensor>) =>
      Effect.gen(function*() {
        const model = Result.getOrThrow(server.model(name, ""))
        return yield* server.infer(model, {
          id: "",
          inputs,
          outputs: [],
          parameters: new Map(),
          priority: 0,
          timeoutMicros: 0,
          deadlineMicros: 0,
          sequence: undefined
        })
      })
  }
})

/** The numbers of the FP32 outputs, and what the answer held is free again. */
const read = ({ outputs, release }: InferenceResponse): ReadonlyArray<ReadonlyArray<number>> => {
  const found = outputs.filter(({ datatype }) => datatype === "FP32").map(numbers)
  release()
  return found
}

const batching = "dynamic_batching { max_queue_delay_microseconds: 20000000 preferred_batch_size: [ 8 ] }"

describe("the batcher on ONNX Runtime", () => {
  it.live("runs streams of Silero VAD together, apart by sample rate, each with its own answer", () =>
    Effect.gen(function*() {
      const config = readFileSync(join(root, "examples/models/silero_vad/config.pbtxt"), "utf8")
      const file = readFileSync(join(root, "node_modules/@ricky0123/vad-web/dist/silero_vad_v6.onnx"))
      const { ask, memory } = yield* open({
        "together/config.pbtxt": config.replace("dynamic_batching { }", batching),
        "together/6/model.onnx": file,
        "alone/config.pbtxt": config.replace("dynamic_batching { }", ""),
        "alone/6/model.onnx": file
      })
      const stream = (model: string, seed: number) => {
        const rate = seed < 8 ? 16_000n : 8000n
        const wave = (length: number) =>
          Array.from({ length }, (_, i) => Math.sin((i + 1) * (seed + 1) * 12.9898) * 0.4)
        const samples = rate === 16_000n ? 576 : 288
        return ask(model, [
          floats("input", [1, samples], wave(samples)),
          floats("state", [2, 1, 128], wave(256)),
          tensor("sr", "INT64", [1], BigInt64Array.of(rate))
        ])
      }
      const ask16 = (model: string) =>
        Effect.all(Array.from({ length: 16 }, (_, i) => stream(model, i)), { concurrency: "unbounded" })
      const alone = (yield* ask16("alone")).map(read)
      const together = yield* ask16("together")
      // The requests arrive in one turn, eight of a rate fill a batch.
      assert.deepStrictEqual(together.map(({ timing }) => timing.batchRows), Array<number>(16).fill(8))
      for (const [index, response] of together.entries()) {
        const expected = alone[index]!
        for (const [o, values] of read(response).entries()) {
          assert.lengthOf(values, expected[o]!.length)
          // Sums in another order, for matrices of another size.
          for (const [i, value] of values.entries()) assert.closeTo(value, expected[o]![i]!, 1e-5)
        }
      }
      assert.strictEqual(memory.usage().inUse, 0)
    }).pipe(Effect.scoped))

  it.live("runs ragged requests together, and alone where the config has no batcher", () =>
    Effect.gen(function*() {
      const config = (scheduling: string) => `
        max_batch_size: 8 ${scheduling}
        input { name: "DATA" data_type: TYPE_FP32 dims: -1 allow_ragged_batch: true }
        batch_input {
          kind: BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO target_name: "BOUNDS" data_type: TYPE_INT32 source_input: "DATA"
        }
        batch_input {
          kind: BATCH_MAX_ELEMENT_COUNT_AS_SHAPE target_name: "LENGTH" data_type: TYPE_FP32 source_input: "DATA"
        }
        output [ { name: "SUMS" data_type: TYPE_FP32 dims: 1 }, { name: "DOUBLED" data_type: TYPE_FP32 dims: -1 } ]
        batch_output { target_name: "DOUBLED" source_input: "DATA" }`
      const { ask, memory } = yield* open({
        "together/config.pbtxt": config(batching),
        "together/1/model.onnx": Models.segmentSums(),
        "alone/config.pbtxt": config(""),
        "alone/1/model.onnx": Models.segmentSums()
      })
      for (const [name, rows] of [["together", 8], ["alone", 1]] as const) {
        const requests = Array.from({ length: 8 }, (_, i) => Array.from({ length: i + 1 }, (_, k) => 10 * i + k))
        const answers = yield* Effect.forEach(
          requests,
          (values) => ask(name, [floats("DATA", [1, values.length], values)]),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(answers.map(({ timing }) => timing.batchRows), Array<number>(8).fill(rows))
        assert.deepStrictEqual(
          answers.map(read),
          requests.map((values) => [
            values.map((value) => 2 * value),
            [values.reduce((sum, value) => sum + value, 0)]
          ])
        )
      }
      assert.strictEqual(memory.usage().inUse, 0)
    }).pipe(Effect.scoped))
})
