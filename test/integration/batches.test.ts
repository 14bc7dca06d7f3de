import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Result } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as OnnxExecutor from "../../src/layers/execution/OnnxExecutor.ts"
import * as SharedTensorMemory from "../../src/layers/execution/SharedTensorMemory.ts"
import { validate } from "../../src/layers/inference/internal/RequestValidation.ts"
import * as LocalInferenceServer from "../../src/layers/inference/LocalInferenceServer.ts"
import * as FileModelRepository from "../../src/layers/repository/FileModelRepository.ts"
import * as BatchLayout from "../../src/layers/scheduling/internal/BatchLayout.ts"
import * as LocalStatistics from "../../src/layers/telemetry/LocalStatistics.ts"
import type { InferenceRequest, Tensor } from "../../src/schema/Inference.ts"
import { InferenceServer } from "../../src/services/InferenceServer.ts"
import { type Job, type QueueOptions, Scheduler } from "../../src/services/Scheduler.ts"
import { TensorMemory } from "../../src/services/TensorMemory.ts"
import * as Models from "../fixtures/onnx/Models.ts"
import * as TemporaryRepository from "../repository/TemporaryRepository.ts"
import { floats, numbers, tensor } from "../scheduling/Batches.ts"

const memory = SharedTensorMemory.layer

/** Runs jobs as one batch; what each gets stays usable, and nothing stays taken. */
const runTogether = Effect.fnUntraced(function*(
  layout: BatchLayout.BatchLayout,
  options: QueueOptions,
  jobs: ReadonlyArray<Job>
) {
  const batch = layout.gather(jobs)
  const result = yield* options.instances.run(batch.inputs, batch.outputs)
  batch.release()
  return yield* Effect.forEach(
    layout.scatter(jobs, batch, result),
    (part) =>
      Effect.map(Effect.fromResult(part), ({ outputs, release }) => {
        const kept = outputs.map((output): Tensor => ({ ...output, data: output.data.slice() }))
        release()
        return { result, outputs: kept }
      })
  )
})

/** The server over a repository, with a scheduler that runs each request alone, and what that was opened with. */
const open = Effect.fnUntraced(function*(tree: TemporaryRepository.Tree) {
  const root = yield* TemporaryRepository.make(tree)
  const opened = new Map<string, { readonly options: QueueOptions; readonly layout: BatchLayout.BatchLayout }>()
  const scheduler = Layer.effect(
    Scheduler,
    Effect.map(TensorMemory, (memory) =>
      Scheduler.of({
        open: (options) =>
          Effect.sync(() => {
            const layout = BatchLayout.make({ ...options, memory })
            opened.set(`${options.config.name}/${options.version}`, { options, layout })
            return {
              depth: () => ({ waiting: 0, running: 0 }),
              submit: (job) =>
                Effect.map(runTogether(layout, options, [job]), ([part]) => ({
                  ...part!.result,
                  outputs: part!.outputs,
                  queueNanos: 0,
                  batchRows: job.batchSize
                }))
            }
          })
      }))
  )
  const context = yield* Layer.build(
    LocalInferenceServer.layer({ name: "galatea", version: "1", strictReadiness: true }).pipe(
      Layer.provide(FileModelRepository.layer({ paths: [root] })),
      Layer.provide([OnnxExecutor.layer, scheduler]),
      Layer.provide([memory, LocalStatistics.layer, TemporaryRepository.platform])
    )
  )
  const server = Context.get(context, InferenceServer)
  return {
    server,
    /** What the requests are answered as one batch, and each alone. */
    compare: Effect.fnUntraced(function*(name: string, version: number, requests: ReadonlyArray<InferenceRequest>) {
      const model = Result.getOrThrow(server.model(name, String(version)))
      const { layout, options } = opened.get(`${name}/${version}`)!
      const jobs = requests.map((request) => Result.getOrThrow(validate(model, request)))
      for (const job of jobs) assert.isTrue(layout.sameKey(layout.keyOf(job), layout.keyOf(jobs[0]!)))
      const together = yield* runTogether(layout, options, jobs)
      const alone: Array<ReadonlyArray<Tensor>> = []
      for (const job of jobs) alone.push((yield* runTogether(layout, options, [job]))[0]!.outputs)
      return { jobs, together: together.map(({ outputs }) => outputs), alone }
    }),
    opened
  }
})

const request = (inputs: ReadonlyArray<Tensor>, id = ""): InferenceRequest => ({
  id,
  inputs,
  outputs: [],
  parameters: new Map(),
  priority: 0,
  timeoutMicros: 0,
  deadlineMicros: 0,
  sequence: undefined
})

/** Numbers that look like sound and states, the same in every run. */
const noise = (seed: number, length: number): ReadonlyArray<number> =>
  Array.from({ length }, (_, i) => Math.sin((i + 1) * (seed + 1) * 12.9898) * 0.4)

const root = join(import.meta.dirname, "../..")
const silero = (version: number) =>
  readFileSync(join(root, `node_modules/@ricky0123/vad-web/dist/silero_vad_v${version}.onnx`))

describe("batches on ONNX Runtime", () => {
  it.live("gives the streams of Silero VAD the same answers together as alone", () =>
    Effect.gen(function*() {
      const { compare, opened, server } = yield* open({
        "silero_vad/config.pbtxt": readFileSync(join(root, "examples/models/silero_vad/config.pbtxt")),
        "silero_vad/5/model.onnx": silero(5),
        "silero_vad/6/model.onnx": silero(6)
      })
      const stream = (seed: number, rows: number, rate = 16_000n) =>
        request([
          floats("input", [rows, 576], noise(seed, rows * 576)),
          floats("state", [2, rows, 128], noise(seed + 100, rows * 256)),
          tensor("sr", "INT64", [1], BigInt64Array.of(rate))
        ])
      for (const version of [5, 6]) {
        const { alone, jobs, together } = yield* compare("silero_vad", version, [
          stream(1, 1),
          stream(2, 3),
          stream(3, 2)
        ])
        assert.deepStrictEqual(jobs.map(({ batchSize }) => batchSize), [1, 3, 2])
        for (const [index, outputs] of together.entries()) {
          assert.deepStrictEqual(outputs.map(({ shape }) => [...shape]), [
            [jobs[index]!.batchSize, 1],
            [2, jobs[index]!.batchSize, 128]
          ])
          for (const [o, output] of outputs.entries()) {
            const expected = numbers(alone[index]![o]!)
            // Sums in another order, for matrices of another size.
            for (const [i, value] of numbers(output).entries()) assert.closeTo(value, expected[i]!, 1e-5)
          }
        }
        assert.notDeepEqual(numbers(together[0]![0]!), numbers(together[2]![0]!).slice(0, 1))

        const model = Result.getOrThrow(server.model("silero_vad", String(version)))
        const { layout } = opened.get(`silero_vad/${version}`)!
        const [wide, narrow] = [stream(1, 1), stream(1, 1, 8000n)].map((each) =>
          layout.keyOf(Result.getOrThrow(validate(model, each)))
        )
        assert.isFalse(layout.sameKey(wide, narrow))

        const answer = yield* server.infer(model, stream(4, 2))
        assert.deepStrictEqual(answer.outputs.map(({ name, shape }) => [name, ...shape]), [
          ["output", 2, 1],
          ["stateN", 2, 2, 128]
        ])
      }
      const metadata = Result.getOrThrow(server.modelMetadata("silero_vad", "6"))
      assert.deepStrictEqual(
        [...metadata.inputs, ...metadata.outputs].map(({ name, shape }) => [name, ...shape]),
        [["input", -1, -1], ["state", 2, -1, 128], ["sr", 1], ["output", -1, 1], ["stateN", -1, -1, -1]]
      )
    }).pipe(Effect.scoped))

  it.live("runs requests of different sizes as one ragged batch, and divides what comes back", () =>
    Effect.gen(function*() {
      const { compare, server } = yield* open({
        "sums/config.pbtxt": `
          max_batch_size: 8
          input { name: "DATA" data_type: TYPE_FP32 dims: -1 allow_ragged_batch: true }
          batch_input {
            kind: BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO target_name: "BOUNDS" data_type: TYPE_INT32 source_input: "DATA"
          }
          batch_input {
            kind: BATCH_MAX_ELEMENT_COUNT_AS_SHAPE target_name: "LENGTH" data_type: TYPE_FP32 source_input: "DATA"
          }
          output [
            { name: "SUMS" data_type: TYPE_FP32 dims: 1 },
            { name: "DOUBLED" data_type: TYPE_FP32 dims: -1 },
            { name: "LONGEST" data_type: TYPE_INT64 dims: 1 }
          ]
          batch_output { target_name: "DOUBLED" source_input: "DATA" }
          parameters { key: "galatea.shared.LONGEST" value { string_value: "true" } }`,
        "sums/1/model.onnx": Models.segmentSums()
      })
      const of = (...values: ReadonlyArray<number>) => request([floats("DATA", [1, values.length], values)])
      const { alone, together } = yield* compare("sums", 1, [of(1, 2, 3), of(10), of(20, 30, 40, 50)])
      const seen = (outputs: ReadonlyArray<Tensor>) => {
        const [doubled, longest, sums] = outputs
        assert.deepStrictEqual(outputs.map(({ name }) => name), ["DOUBLED", "LONGEST", "SUMS"])
        assert.deepStrictEqual([...sums!.shape], [1, 1])
        assert.deepStrictEqual([...doubled!.shape], [1, doubled!.data.byteLength / 4])
        return { doubled: numbers(doubled!), longest: longest!.data[0], sum: numbers(sums!)[0] }
      }
      assert.deepStrictEqual(together.map(seen), [
        { doubled: [2, 4, 6], longest: 4, sum: 6 },
        { doubled: [20], longest: 4, sum: 10 },
        { doubled: [40, 60, 80, 100], longest: 4, sum: 140 }
      ])
      assert.deepStrictEqual(alone.map(seen).map(({ longest, sum }) => [longest, sum]), [[3, 6], [1, 10], [4, 140]])

      const model = Result.getOrThrow(server.model("sums", ""))
      const answer = yield* server.infer(model, of(1, 2))
      assert.deepStrictEqual(answer.outputs.map(({ name, shape }) => [name, ...shape]), [
        ["DOUBLED", 1, 2],
        ["LONGEST", 1],
        ["SUMS", 1, 1]
      ])

      // One sum for a request of two rows, which has to be two.
      const { reason } = yield* Effect.flip(
        server.infer(model, request([floats("DATA", [2, 2], [1, 2, 3, 4])], "r"))
      )
      assert.strictEqual(reason._tag, "Unsupported")
      assert.strictEqual(
        reason.message,
        "[request id: r] failed to split the output tensor 'SUMS' in responses: expected batch size of at least 2 in model " +
          "output, got 1"
      )
    }).pipe(Effect.scoped))

  it.live("gives text and large tensors back whose batch is the second dimension", () =>
    Effect.gen(function*() {
      const config = (type: string, width: number) => `
        max_batch_size: 16
        input { name: "INPUT0" data_type: TYPE_${type} dims: [ 2, ${width} ] }
        output { name: "OUTPUT0" data_type: TYPE_${type} dims: [ 2, ${width} ] }
        parameters { key: "galatea.batch_dim.INPUT0" value { string_value: "1" } }
        parameters { key: "galatea.batch_dim.OUTPUT0" value { string_value: "1" } }`
      const { compare, opened } = yield* open({
        "text/config.pbtxt": config("STRING", 1),
        "text/1/model.onnx": Models.identity("BYTES", [2, "batch", 1]),
        "wide/config.pbtxt": config("FP32", 5000),
        "wide/1/model.onnx": Models.identity("FP32", [2, "batch", 5000])
      })
      const texts = (...each: ReadonlyArray<string>) =>
        Uint8Array.from(each.flatMap((text) => [text.length, 0, 0, 0, ...new TextEncoder().encode(text)]))
      const [one, two] = [texts("a", "bcd"), texts("", "ef", "ghijk", "l")]
      const text = yield* compare("text", 1, [
        request([tensor("INPUT0", "BYTES", [2, 1, 1], one)]),
        request([tensor("INPUT0", "BYTES", [2, 2, 1], two)])
      ])
      assert.deepStrictEqual(text.together.map(([output]) => [...output!.data]), [[...one], [...two]])

      const large = [noise(1, 10_000), noise(2, 30_000)]
      const wide = yield* compare("wide", 1, [
        request([floats("INPUT0", [2, 1, 5000], large[0]!)]),
        request([floats("INPUT0", [2, 3, 5000], large[1]!)])
      ])
      for (const answers of [wide.together, wide.alone]) {
        assert.deepStrictEqual(
          answers.map(([output]) => numbers(output!)),
          large.map((values) => [...Float32Array.from(values)])
        )
      }
      // The runtime writes where the output is wanted, whichever dimension the batch is.
      const { instances } = opened.get("wide/1")!.options
      const run = yield* instances.run([floats("INPUT0", [2, 1, 5000], large[0]!)], ["OUTPUT0"])
      assert.instanceOf(run.outputs[0]!.data.buffer, SharedArrayBuffer)
      run.release()
    }).pipe(Effect.scoped))
})
