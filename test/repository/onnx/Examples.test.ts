import { NodeFileSystem } from "@effect/platform-node"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { InferenceSession } from "onnxruntime-node"
import { prepare } from "../../../examples/prepare.ts"
import * as AutoComplete from "../../../src/layers/repository/internal/onnx/AutoComplete.ts"
import * as Compare from "../../../src/layers/repository/internal/onnx/Compare.ts"
import * as Compatibility from "../../../src/layers/repository/internal/onnx/Compatibility.ts"
import { merge } from "../../../src/layers/repository/internal/onnx/ModelIo.ts"
import * as OnnxReader from "../../../src/layers/repository/internal/onnx/OnnxReader.ts"
import * as ModelConfig from "../../../src/schema/ModelConfig.ts"
import { parseModelConfig } from "../../../src/schema/proto/TextFormat.ts"

const models = join(import.meta.dirname, "../../../examples/models")

interface Sample {
  readonly maxBatchSize: number
  /** Type, shape and value of every element, by input. */
  readonly feeds: Readonly<
    Record<string, readonly [type: string, shape: ReadonlyArray<number>, value: number | string]>
  >
  /** Shapes by output. */
  readonly outputs: Readonly<Record<string, ReadonlyArray<number>>>
}

const vad: Sample = {
  maxBatchSize: 32,
  feeds: { input: ["float32", [3, 576], 0.01], state: ["float32", [2, 3, 128], 0], sr: ["int64", [], 16000] },
  outputs: { output: [3, 1], stateN: [2, 3, 128] }
}

const samples: Readonly<Record<string, Sample>> = {
  "silero_vad/5": vad,
  "silero_vad/6": vad,
  "silero_stream/5": vad,
  "silero_stream/6": vad,
  "ppocr_det/1": {
    maxBatchSize: 1,
    feeds: { x: ["float32", [1, 3, 64, 96], 0.5] },
    outputs: { "sigmoid_0.tmp_0": [1, 1, 64, 96] }
  },
  "ppocr_rec/1": {
    maxBatchSize: 8,
    feeds: { x: ["float32", [2, 3, 48, 160], 0.5] },
    outputs: { "softmax_11.tmp_0": [2, 20, 6625] }
  },
  "ppocr_cls/1": {
    maxBatchSize: 16,
    feeds: { x: ["float32", [2, 3, 48, 192], 0.5] },
    outputs: { "softmax_0.tmp_0": [2, 2] }
  },
  "simple/1": {
    maxBatchSize: 8,
    feeds: { INPUT0: ["int32", [2, 16], 3], INPUT1: ["int32", [2, 16], 4] },
    outputs: { OUTPUT0: [2, 16], OUTPUT1: [2, 16] }
  },
  "simple_string/1": {
    maxBatchSize: 4,
    feeds: { INPUT0: ["string", [1, 16], "3"], INPUT1: ["string", [1, 16], "4"] },
    outputs: { OUTPUT0: [1, 16], OUTPUT1: [1, 16] }
  },
  "identity_fp32/1": { maxBatchSize: 8, feeds: { INPUT0: ["float32", [2, 5], 1] }, outputs: { OUTPUT0: [2, 5] } },
  "fruit_classifier/1": { maxBatchSize: 4, feeds: { INPUT0: ["float32", [1, 4], 1] }, outputs: { SCORES: [1, 4] } },
  "find_nonzero/1": { maxBatchSize: 0, feeds: { INPUT0: ["int64", [3], 1] }, outputs: { INDICES: [1, 3], VALUES: [3] } }
}

const arrays = { float32: Float32Array, int32: Int32Array } as const

const fill = (type: string, size: number, value: number | string): unknown =>
  type === "string"
    ? Array<string>(size).fill(String(value))
    : type === "int64"
    ? new BigInt64Array(size).fill(BigInt(value))
    : new arrays[type as keyof typeof arrays](size).fill(Number(value))

beforeAll(() => {
  prepare()
})

/** Models that have no ONNX file: what else their versions hold, by their platform. */
const others: Readonly<Record<string, string>> = { ensemble: ".gitkeep", custom: "model.ts" }

describe("example models", () => {
  it("are all here, and there is a sample for each", () => {
    const found = readdirSync(models, { withFileTypes: true }).filter((entry) => entry.isDirectory()).flatMap((entry) =>
      readdirSync(join(models, entry.name)).filter((version) => /^\d+$/.test(version)).map((version) =>
        `${entry.name}/${version}`
      )
    )
    const [onnx, rest] = [true, false].map((is) =>
      found.filter((place) => readdirSync(join(models, place)).includes("model.onnx") === is)
    )
    assert.deepStrictEqual(onnx!.toSorted(), Object.keys(samples).toSorted())
    for (const place of rest!) {
      const text = readFileSync(join(models, place, "../config.pbtxt"), "utf8")
      const { config } = Result.getOrThrow(parseModelConfig(text, { path: "config.pbtxt" }))
      assert.include(readdirSync(join(models, place)), others[config.platform])
    }
  })

  for (const [place, sample] of Object.entries(samples)) {
    it.effect(`${place} agrees with its config and runs`, () =>
      Effect.gen(function*() {
        const [model, version] = place.split("/") as [string, string]
        const folder = join(models, model)
        const configured = readdirSync(folder).includes("config.pbtxt")
        const config = configured
          ? Result.getOrThrow(
            parseModelConfig(readFileSync(join(folder, "config.pbtxt"), "utf8"), { path: "config.pbtxt" })
          ).config
          : ModelConfig.empty
        const path = join(folder, version, "model.onnx")
        const info = yield* OnnxReader.read({ model, path })
        const session = yield* Effect.acquireRelease(
          Effect.promise(() => InferenceSession.create(path, { logSeverityLevel: 4, intraOpNumThreads: 1 })),
          (session) => Effect.promise(() => session.release())
        )
        const seen = (metadata: InferenceSession["inputMetadata"]) =>
          metadata.map((value) => ({
            name: value.name,
            isTensor: value.isTensor,
            type: value.isTensor ? value.type : "",
            shape: value.isTensor ? value.shape.map((dimension) => typeof dimension === "number" ? dimension : -1) : []
          }))
        const io = merge(info, { inputs: seen(session.inputMetadata), outputs: seen(session.outputMetadata) })
        yield* Effect.fromResult(Compatibility.check(model, io))
        const completed = yield* Effect.fromResult(
          AutoComplete.run(model, config, io, { defaultMaxBatchSize: AutoComplete.defaultMaxBatchSize })
        )
        assert.strictEqual(completed.config.max_batch_size, sample.maxBatchSize)
        const agreement = yield* Effect.fromResult(Compare.run(model, completed.config, io))
        assert.deepStrictEqual(
          agreement.inputs.map((spec) => spec.name).toSorted(),
          Object.keys(sample.feeds).toSorted()
        )

        const feeds = Object.fromEntries(
          Object.entries(sample.feeds).map(([name, [type, dims, value]]) => [name, {
            type,
            dims,
            data: fill(type, dims.reduce((product, size) => product * size, 1), value),
            location: "cpu"
          }])
        )
        const outputs = yield* Effect.promise(() => session.run(feeds as never))
        const shapes = Object.fromEntries(Object.entries(outputs).map(([name, output]) => [name, [...output.dims]]))
        assert.deepStrictEqual(shapes, sample.outputs as never)
        for (const output of completed.config.output.filter((output) => output.label_filename !== "")) {
          const labels = readFileSync(join(folder, output.label_filename), "utf8").trimEnd().split("\n")
          assert.lengthOf(labels, output.dims[0]!)
        }
      }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)))
  }
})

describe("prepare", () => {
  it("puts everything in place once, repairs what changed, and leaves the rest alone", () => {
    const folder = mkdtempSync(join(tmpdir(), "galatea-examples-"))
    try {
      // Beside the models there is a dictionary.
      const total = Object.keys(samples).length + 1
      assert.strictEqual(prepare(folder), total)
      assert.strictEqual(prepare(folder), 0)
      const link = join(folder, "silero_vad/5/model.onnx")
      const inode = lstatSync(link).ino
      writeFileSync(join(folder, "simple/1/model.onnx"), "damaged")
      assert.strictEqual(prepare(folder), 1)
      assert.strictEqual(prepare(folder), 0)
      assert.strictEqual(lstatSync(link).ino, inode)
      assert.isAbove(readFileSync(link).length, 2_000_000)
      const left = readdirSync(folder, { recursive: true }).filter((name) => String(name).includes(".tmp"))
      assert.deepStrictEqual(left, [])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
