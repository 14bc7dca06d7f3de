/** Warm-up with ONNX Runtime. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Result } from "effect"
import * as OnnxExecutor from "../../src/layers/execution/OnnxExecutor.ts"
import * as SharedTensorMemory from "../../src/layers/execution/SharedTensorMemory.ts"
import * as FileModelRepository from "../../src/layers/repository/FileModelRepository.ts"
import * as DirectScheduler from "../../src/layers/scheduling/DirectScheduler.ts"
import * as LocalStatistics from "../../src/layers/telemetry/LocalStatistics.ts"
import * as BytesElements from "../../src/schema/BytesElements.ts"
import { type LoadEvent, ModelRepository } from "../../src/services/ModelRepository.ts"
import * as Models from "../fixtures/onnx/Models.ts"
import * as TemporaryRepository from "../repository/TemporaryRepository.ts"

const executor = OnnxExecutor.layer.pipe(Layer.provide(SharedTensorMemory.layer))
const execution = Layer.mergeAll(
  executor,
  DirectScheduler.layer,
  LocalStatistics.layer,
  TemporaryRepository.platform
)

/** The repository, and why models failed to load. */
const open = Effect.fnUntraced(function*(tree: TemporaryRepository.Tree) {
  const root = yield* TemporaryRepository.make(tree)
  const events: Array<LoadEvent> = []
  const context = yield* Layer.build(
    FileModelRepository.layer({
      paths: [root],
      exitOnError: false,
      onEvent: (event) => Effect.sync(() => events.push(event))
    }).pipe(Layer.provide(execution))
  )
  return {
    root,
    repository: Context.get(context, ModelRepository),
    reasons: events.flatMap((event) => event._tag === "Failed" ? [event.reason] : []),
    warnings: events.flatMap((event) => event._tag === "Warning" ? [event.message] : [])
  }
})

const input = (name: string, rest: string) => `inputs { key: "${name}" value { ${rest} } }`
const warmup = (name: string, batchSize: number, inputs: string) =>
  `model_warmup { name: "${name}" batch_size: ${batchSize} count: 2 ${inputs} }`

describe("warm-up with ONNX Runtime", () => {
  it.live("runs zeros, random bytes and files on every instance before the version is ready", () =>
    Effect.gen(function*() {
      const numbers = (kind: string) =>
        ["INPUT0", "INPUT1"].map((name) => input(name, `data_type: TYPE_INT32 dims: [ 16 ] ${kind}`)).join(" ")
      const texts = ["INPUT0", "INPUT1"].map((name) =>
        input(name, "data_type: TYPE_STRING dims: [ 16 ] input_data_file: \"texts\"")
      ).join(" ")
      const { reasons, repository, warnings } = yield* open({
        "numbers/1/model.onnx": Models.simple(),
        "numbers/config.pbtxt": warmup("zero", 1, numbers("zero_data: true")) +
          warmup("random", 4, numbers("random_data: true")) +
          warmup("file", 2, numbers("input_data_file: \"ints\"")) + "instance_group { count: 3 }",
        "numbers/warmup/ints": new Uint8Array(64),
        "texts/1/model.onnx": Models.simpleString(),
        "texts/config.pbtxt": warmup("texts", 2, texts),
        "texts/warmup/texts": BytesElements.encode(Array.from({ length: 16 }, (_, i) => String(i)))
      })
      assert.deepStrictEqual(reasons, [])
      assert.deepStrictEqual(warnings.filter((message) => message.includes("warm")), [])
      const counts = Result.getOrThrow(repository.lookup("numbers", "")).statistics.counts()
      assert.deepStrictEqual([counts.inferenceCount, counts.executionCount], [3 * 2 * (1 + 4 + 2), 3 * 2 * 3])
      assert.strictEqual(Result.getOrThrow(repository.lookup("texts", "")).statistics.counts().executionCount, 2 * 2)
    }))

  it.live("gives stored values to warm-up runs that come without them, and batches what is ragged", () =>
    Effect.gen(function*() {
      const { reasons } = yield* open({
        "optional/1/model.onnx": Models.optionalInput(),
        "optional/config.pbtxt": warmup("w", 1, input("INPUT0", "data_type: TYPE_FP32 dims: [ 4 ] zero_data: true")),
        "ragged/1/model.onnx": Models.segmentSums(),
        "ragged/config.pbtxt": `max_batch_size: 4
          input { name: "DATA" data_type: TYPE_FP32 dims: [ -1 ] allow_ragged_batch: true }
          output { name: "SUMS" data_type: TYPE_FP32 dims: [ 1 ] }
          batch_input { kind: BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO target_name: "BOUNDS" data_type: TYPE_INT32
            source_input: "DATA" }
          batch_input { kind: BATCH_MAX_ELEMENT_COUNT_AS_SHAPE target_name: "LENGTH" data_type: TYPE_FP32
            source_input: "DATA" }` +
          warmup("w", 4, input("DATA", "data_type: TYPE_FP32 dims: [ 7 ] random_data: true"))
      })
      assert.deepStrictEqual(reasons, [])
    }))

  it.live("does not load a version whose warm-up fails", () =>
    Effect.gen(function*() {
      const broken = warmup("short", 1, input("INPUT0", "data_type: TYPE_FP32 dims: [ 3 ] zero_data: true"))
      const { reasons, repository, root } = yield* open({
        "m/1/model.onnx": Models.classifier(4),
        "m/config.pbtxt": broken
      })
      assert.strictEqual(reasons.length, 1)
      assert.match(reasons[0]!, /^Invalid argument: failed to run warmup sample 'short': .*; $/s)
      assert.isTrue(Result.isFailure(repository.lookup("m", "")))
      const rows = yield* FileModelRepository.check({ paths: [root] }).pipe(
        Effect.provide(execution)
      )
      assert.deepStrictEqual(rows.map(({ reason, status }) => [status, reason]), [["UNAVAILABLE", reasons[0]]])
    }))
})
