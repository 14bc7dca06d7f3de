/** Sequences through the whole path below the front ends, on ONNX Runtime. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Result } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { InferenceSession } from "onnxruntime-node"
import * as OnnxExecutor from "../../../src/layers/execution/OnnxExecutor.ts"
import * as SharedTensorMemory from "../../../src/layers/execution/SharedTensorMemory.ts"
import * as LocalInferenceServer from "../../../src/layers/inference/LocalInferenceServer.ts"
import * as FileModelRepository from "../../../src/layers/repository/FileModelRepository.ts"
import * as ConfiguredScheduler from "../../../src/layers/scheduling/ConfiguredScheduler.ts"
import * as DynamicBatcher from "../../../src/layers/scheduling/DynamicBatcher.ts"
import * as SequenceBatcher from "../../../src/layers/scheduling/SequenceBatcher.ts"
import * as LocalStatistics from "../../../src/layers/telemetry/LocalStatistics.ts"
import type { Tensor } from "../../../src/schema/Inference.ts"
import { InferenceServer } from "../../../src/services/InferenceServer.ts"
import { TensorMemory } from "../../../src/services/TensorMemory.ts"
import * as SequenceModels from "../../fixtures/onnx/SequenceModels.ts"
import * as TemporaryRepository from "../../repository/TemporaryRepository.ts"
import { floats, numbers, tensor } from "../../scheduling/Batches.ts"
import { request } from "./Driven.ts"

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
  const memory = Context.get(context, TensorMemory)
  return {
    server,
    memory,
    /** One step: its outputs by name. */
    ask: Effect.fnUntraced(function*(
      name: string,
      inputs: ReadonlyArray<Tensor>,
      id: bigint | string,
      options: { readonly start?: boolean; readonly end?: boolean; readonly outputs?: ReadonlyArray<string> } = {}
    ) {
      const { end = false, outputs = [], start = false } = options
      const model = Result.getOrThrow(server.model(name, ""))
      const answer = yield* server.infer(model, request(inputs, { id, start, end }, outputs))
      const found = Object.fromEntries(answer.outputs.map((output) => [output.name, numbers(output)]))
      answer.release()
      return found
    })
  }
})

const ints = (value: number) => [tensor("INPUT", "INT32", [1, 1], Int32Array.of(value))]
const long = "max_sequence_idle_microseconds: 60000000"

describe("sequences on ONNX Runtime", () => {
  for (const strategy of ["direct { }", "oldest { }"]) {
    it.live(`84 state kept, with ${strategy}: each sequence has its own, and begins anew with START`, () =>
      Effect.gen(function*() {
        const { ask, server } = yield* open({
          "m/config.pbtxt": SequenceModels.accumulatorConfig({ batching: `${long} ${strategy}`, maxBatchSize: 2 }),
          "m/1/model.onnx": SequenceModels.accumulator()
        })
        const { inputs, outputs } = Result.getOrThrow(server.modelMetadata("m", ""))
        assert.deepStrictEqual([...inputs, ...outputs].map(({ name }) => name), ["INPUT", "OUTPUT"])
        // More sequences than slots: they wait for each other.
        const sums = yield* Effect.forEach(
          [1n, 2n, "one", 3n, 4n],
          (id, index) =>
            Effect.forEach(
              [1, 2, 3, 4],
              (value) => ask("m", ints(value + 10 * index), id, { start: value === 1, end: value === 4 })
            ),
          {
            concurrency: "unbounded"
          }
        )
        assert.deepStrictEqual(
          sums,
          [0, 10, 20, 30, 40].map((more) =>
            [1 + more, 3 + 2 * more, 6 + 3 * more, 10 + 4 * more].map((sum) => ({ OUTPUT: [sum] }))
          )
        )
        assert.deepStrictEqual(yield* ask("m", ints(5), 1n, { start: true }), { OUTPUT: [5] })
        assert.deepStrictEqual(yield* ask("m", ints(5), 1n), { OUTPUT: [10] })
        assert.deepStrictEqual(yield* ask("m", ints(7), 1n, { start: true, end: true }), { OUTPUT: [7] })
      }).pipe(Effect.scoped))
  }

  it.live("85 state as output: told where the config lists it, unexpected elsewhere", () =>
    Effect.gen(function*() {
      const { ask } = yield* open({
        "hidden/config.pbtxt": SequenceModels.accumulatorConfig(),
        "hidden/1/model.onnx": SequenceModels.accumulator(),
        "told/config.pbtxt": SequenceModels.accumulatorConfig({ tells: true }),
        "told/1/model.onnx": SequenceModels.accumulator()
      })
      assert.deepStrictEqual(yield* ask("told", ints(5), 1n, { start: true }), { OUTPUT: [5], OUTPUT_STATE: [5] })
      assert.deepStrictEqual(yield* ask("told", ints(6), 1n, { outputs: ["OUTPUT_STATE"], end: true }), {
        OUTPUT_STATE: [11]
      })
      const { message } = yield* Effect.flip(ask("hidden", ints(5), 1n, { start: true, outputs: ["OUTPUT_STATE"] }))
      assert.strictEqual(message, "unexpected inference output 'OUTPUT_STATE' for model 'hidden'")
      const state = tensor("INPUT_STATE", "INT32", [1, 1], Int32Array.of(1))
      const kept = " ('INPUT_STATE' is a state, which the server keeps from step to step of a sequence: leave it out)"
      const beside = yield* Effect.flip(ask("hidden", [...ints(5), state], 1n, { start: true }))
      assert.include(beside.message, `Please provide all required input(s).${kept}`)
      const alone = yield* Effect.flip(ask("hidden", [state], 1n, { start: true }))
      assert.strictEqual(alone.message, `unexpected inference input 'INPUT_STATE' for model 'hidden'${kept}`)
    }).pipe(Effect.scoped))

  it.live("91 initial state from file, 92 initial state zero", () =>
    Effect.gen(function*() {
      const initial = (data: string) =>
        SequenceModels.accumulatorConfig({
          state: `initial_state [ { name: "first" data_type: TYPE_INT32 dims: [ 1 ] ${data} } ]`
        })
      const { ask } = yield* open({
        "file/config.pbtxt": initial("data_file: \"hundred\""),
        "file/1/model.onnx": SequenceModels.accumulator(),
        "file/initial_state/hundred": new Uint8Array(Int32Array.of(100).buffer),
        "zero/config.pbtxt": initial("zero_data: true"),
        "zero/1/model.onnx": SequenceModels.accumulator()
      })
      assert.deepStrictEqual(yield* ask("file", ints(5), 1n, { start: true }), { OUTPUT: [105] })
      assert.deepStrictEqual(yield* ask("file", ints(5), 2n, { start: true, end: true }), { OUTPUT: [105] })
      assert.deepStrictEqual(yield* ask("file", ints(5), 1n, { end: true }), { OUTPUT: [110] })
      assert.deepStrictEqual(yield* ask("zero", ints(5), 1n, { start: true, end: true }), { OUTPUT: [5] })
    }).pipe(Effect.scoped))

  it.live("fails a step whose state has the wrong size, and the sequence goes on as it was", () =>
    Effect.gen(function*() {
      const { ask, memory, server } = yield* open({
        "m/config.pbtxt": SequenceModels.accumulatorConfig({ batching: long }),
        "m/1/model.onnx": SequenceModels.growing(),
        "wide/config.pbtxt": SequenceModels.accumulatorConfig({ batching: long, width: 10_000 }),
        "wide/1/model.onnx": SequenceModels.accumulator({ width: 10_000 })
      })
      const failed = yield* Effect.flip(ask("m", ints(1), 1n, { start: true }))
      assert.include(
        failed.message,
        "as INT32 [1,2], expected INT32 [1,1]; the sequences keep the states that they had"
      )
      assert.include(
        (yield* Effect.flip(ask("m", ints(1), 1n, { end: true }))).message,
        "as INT32 [1,2], expected INT32 [1,1]"
      )

      const wide = (value: number) => [tensor("INPUT", "INT32", [1, 10_000], new Int32Array(10_000).fill(value))]
      yield* ask("wide", wide(1), 1n, { start: true })
      assert.isAbove(memory.usage().inUse, 40_000 - 1)
      assert.strictEqual((yield* ask("wide", wide(2), 1n, { end: true }))["OUTPUT"]![9999], 3)
      assert.strictEqual(memory.usage().inUse, 0)
      const counts = Result.getOrThrow(server.model("wide", "")).statistics.counts()
      assert.strictEqual(counts.inferenceCount, 2)
    }).pipe(Effect.scoped))

  it.live("Silero VAD hears sixteen streams at once as the runtime does each alone", () =>
    Effect.gen(function*() {
      const file = join(import.meta.dirname, "../../../node_modules/@ricky0123/vad-web/dist/silero_vad_v5.onnx")
      const { ask } = yield* open({
        "vad/config.pbtxt": readFileSync(join(import.meta.dirname, "silero.pbtxt")),
        "vad/5/model.onnx": readFileSync(file)
      })
      const session = yield* Effect.acquireRelease(
        Effect.promise(() => InferenceSession.create(file, { intraOpNumThreads: 1, logSeverityLevel: 4 })),
        (session) => Effect.promise(() => session.release())
      )
      const steps = 6
      const sound = (seed: number, step: number) =>
        Float32Array.from({ length: 576 }, (_, i) => Math.sin((i + 1 + step * 512) * (seed + 1) * 12.9898) * 0.4)
      const rate = BigInt64Array.of(16_000n)
      const alone = async (seed: number) => {
        let state: unknown = new Float32Array(256)
        const found: Array<number> = []
        for (let step = 0; step < steps; step++) {
          const outputs = await session.run({
            input: { type: "float32", dims: [1, 576], data: sound(seed, step), location: "cpu" },
            state: { type: "float32", dims: [2, 1, 128], data: state, location: "cpu" },
            sr: { type: "int64", dims: [1], data: rate, location: "cpu" }
          } as never)
          state = outputs["stateN"]!.data
          found.push((outputs["output"]!.data as Float32Array)[0]!)
        }
        return found
      }
      const heard = yield* Effect.forEach(
        Array.from({ length: 16 }, (_, seed) => seed),
        (seed) =>
          Effect.forEach(Array.from({ length: steps }, (_, step) => step), (step) =>
            Effect.map(
              ask(
                "vad",
                [floats("input", [1, 576], [...sound(seed, step)]), tensor("sr", "INT64", [1], rate)],
                `s${seed}`,
                {
                  start: step === 0,
                  end: step === steps - 1
                }
              ),
              ({ output }) => output![0]!
            )),
        { concurrency: "unbounded" }
      )
      for (const [seed, found] of heard.entries()) {
        const expected = yield* Effect.promise(() => alone(seed))
        // Sums in another order, for matrices of another size.
        for (const [step, value] of found.entries()) assert.closeTo(value, expected[step]!, 1e-5)
      }
    }).pipe(Effect.scoped))
})
