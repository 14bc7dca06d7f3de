import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Result } from "effect"
import * as LocalInferenceServer from "../../src/layers/inference/LocalInferenceServer.ts"
import { Books } from "../../src/layers/telemetry/internal/Books.ts"
import type { DataType } from "../../src/schema/DataType.ts"
import { Unsupported } from "../../src/schema/Errors.ts"
import type { InferenceRequest, Tensor } from "../../src/schema/Inference.ts"
import * as ModelConfig from "../../src/schema/ModelConfig.ts"
import * as ModelSignature from "../../src/schema/ModelSignature.ts"
import type { SignatureTensor } from "../../src/schema/ModelSignature.ts"
import { InferenceServer } from "../../src/services/InferenceServer.ts"
import { type Model, ModelRepository } from "../../src/services/ModelRepository.ts"
import type { Job } from "../../src/services/Scheduler.ts"

const io = (name: string, dims: ReadonlyArray<number>, options: {
  readonly datatype?: DataType
  readonly batched?: boolean
  readonly modelDims?: ReadonlyArray<number>
  readonly optional?: boolean
} = {}): SignatureTensor => {
  const lead = options.batched ? [-1] : []
  return {
    name,
    datatype: options.datatype ?? "INT32",
    dims,
    batchAxis: options.batched ? 0 : -1,
    shape: [...lead, ...dims],
    modelShape: [...lead, ...(options.modelDims ?? dims)],
    reshaped: options.modelDims !== undefined,
    optional: options.optional ?? false,
    labels: undefined
  }
}

const signature = (
  maxBatchSize: number,
  inputs: ReadonlyArray<SignatureTensor>,
  outputs: ReadonlyArray<SignatureTensor>
): ModelSignature.ModelSignature => ({
  maxBatchSize,
  inputs,
  outputs,
  inputByName: new Map(inputs.map((each) => [each.name, each])),
  outputByName: new Map(outputs.map((each) => [each.name, each])),
  requiredInputs: inputs.filter((each) => !each.optional).length,
  outputNames: outputs.map((each) => each.name).sort(ModelSignature.compareNames)
})

const makeModel = (sig: ModelSignature.ModelSignature, produce: (job: Job) => ReadonlyArray<Tensor>): Model => ({
  name: "M",
  version: 1,
  config: ModelConfig.empty,
  signature: sig,
  statistics: new Books("M", 1, () => 0),
  healthy: () => true,
  scheduler: {
    depth: () => ({ waiting: 0, running: 0 }),
    submit: (job) =>
      Effect.sync(() => ({
        outputs: produce(job),
        begunAtNanos: 0,
        queueNanos: 0,
        batchRows: job.batchSize,
        computeInputNanos: 0,
        computeInferNanos: 0,
        computeOutputNanos: 0,
        release: () => {}
      }))
  }
})

const int32 = (name: string, shape: ReadonlyArray<number>, values?: ReadonlyArray<number>): Tensor => ({
  name,
  datatype: "INT32",
  shape,
  data: new Uint8Array(Int32Array.from(values ?? new Array(shape.reduce((a, b) => a * b, 1)).fill(0)).buffer)
})

const bytes = (name: string, shape: ReadonlyArray<number>, data: ReadonlyArray<number>): Tensor => ({
  name,
  datatype: "BYTES",
  shape,
  data: Uint8Array.from(data)
})

const request = (inputs: ReadonlyArray<Tensor>, more: Partial<InferenceRequest> = {}): InferenceRequest => ({
  id: "",
  inputs,
  outputs: [],
  parameters: new Map(),
  priority: 0,
  timeoutMicros: 0,
  deadlineMicros: 0,
  sequence: undefined,
  ...more
})

const testLayer = LocalInferenceServer.layer({ name: "test", version: "1", strictReadiness: true }).pipe(
  Layer.provide(Layer.mock(ModelRepository, {
    lookup: () => Result.fail(undefined as never),
    readyVersions: () => [1],
    allReady: Effect.succeed(true)
  }))
)

const infer = Effect.fnUntraced(function*(model: Model, asked: InferenceRequest) {
  const server = yield* InferenceServer
  return yield* server.infer(model, asked)
}, Effect.provide(testLayer))

const echo = (job: Job): ReadonlyArray<Tensor> => job.outputs.map((name, i) => ({ ...job.inputs[i]!, name }))

const two = makeModel(
  signature(4, [io("A", [2], { batched: true }), io("B", [2], { batched: true })], [
    io("Y", [2], { batched: true }),
    io("X", [2], { batched: true })
  ]),
  echo
)
/** S has its batch in the second dimension, R has none. */
const streams = makeModel(
  ModelSignature.make(ModelConfig.make({
    max_batch_size: 4,
    input: [
      { name: "A", data_type: "TYPE_INT32", dims: [1] },
      { name: "S", data_type: "TYPE_INT32", dims: [2, 2] },
      { name: "R", data_type: "TYPE_INT32", dims: [1] }
    ],
    output: [
      { name: "O", data_type: "TYPE_INT32", dims: [2] },
      { name: "P", data_type: "TYPE_INT32", dims: [1] }
    ],
    parameters: {
      "galatea.batch_dim.S": { string_value: "1" },
      "galatea.shared.R": { string_value: "true" },
      "galatea.batch_dim.O": { string_value: "1" },
      "galatea.shared.P": { string_value: "true" }
    }
  })),
  // One row more than asked for.
  (job) => [
    int32("O", [2, job.batchSize + 1], Array.from({ length: 2 * job.batchSize + 2 }, (_, i) => i)),
    int32("P", [1], [9])
  ]
)
const plain = makeModel(signature(0, [io("A", [3])], [io("Y", [3])]), echo)
const optional = makeModel(
  signature(0, [io("A", [1]), io("B", [1], { optional: true }), io("C", [1], { optional: true })], [io("Y", [1])]),
  echo
)
const text = makeModel(signature(0, [io("S", [2], { datatype: "BYTES" })], [io("Y", [2], { datatype: "BYTES" })]), echo)
const flexible = makeModel(signature(0, [io("A", [-1, -1])], [io("Y", [-1, -1])]), echo)

const note =
  "NOTE: Setting a non-zero max_batch_size in the model config requires a batch dimension to be prepended to each " +
  "input shape. If you want to specify the full shape including the batch dim in your input dims config, try setting " +
  "max_batch_size to zero. See the model configuration docs for more info on max_batch_size."

const refused: ReadonlyArray<[title: string, model: Model, request: InferenceRequest, message: string]> = [
  [
    "an input given twice",
    two,
    request([int32("A", [1, 2]), int32("A", [1, 2])], { id: "7" }),
    "[request id: 7] input 'A' already exists in request"
  ],
  [
    "an unknown output",
    two,
    request([], { outputs: [{ name: "Q", classification: 0 }] }),
    "unexpected inference output 'Q' for model 'M'"
  ],
  [
    "an output given twice",
    two,
    request([], { outputs: [{ name: "X", classification: 0 }, { name: "X", classification: 0 }] }),
    "[request id: <id_unknown>] output 'X' already exists in request"
  ],
  [
    "a missing input",
    two,
    request([int32("A", [1, 2])]),
    "[request id: <id_unknown>] expected 2 inputs but got 1 inputs for model 'M'. Got input(s) ['A'], but missing required " +
    "input(s) ['B']. Please provide all required input(s)."
  ],
  [
    "too many inputs",
    plain,
    request([int32("A", [3]), int32("B", [3])]),
    "[request id: <id_unknown>] expected 1 inputs but got 2 inputs for model 'M'. Got input(s) ['A','B'], but missing required " +
    "input(s) ]. Please provide all required input(s)."
  ],
  [
    "a missing input beside optional ones",
    optional,
    request([]),
    "[request id: <id_unknown>] expected number of inputs between 1 and 3 but got 0 inputs for model 'M'. Got input(s) [], but " +
    "missing required input(s) ['A']. Please provide all required input(s)."
  ],
  [
    "an optional input in place of a required one",
    optional,
    request([int32("B", [1])]),
    "[request id: <id_unknown>] expected number of inputs between 1 and 3 but got 1 inputs for model 'M'. Got input(s) ['B'], " +
    "but missing required input(s) ['A']. Please provide all required input(s)."
  ],
  [
    "a batch of another size in another dimension",
    streams,
    request([int32("R", [1]), int32("A", [3, 1]), int32("S", [2, 1, 2])]),
    "[request id: <id_unknown>] input 'S' batch size does not match other inputs for 'M'"
  ],
  [
    "too few dimensions for the batch",
    streams,
    request([int32("A", [3, 1]), int32("S", [2]), int32("R", [1])]),
    "[request id: <id_unknown>] unexpected shape for input 'S' for model 'M'. Expected [2,-1,2], got [2]. "
  ],
  [
    "a batch dimension in a shared input",
    streams,
    request([int32("A", [1, 1]), int32("S", [2, 1, 2]), int32("R", [1, 1])]),
    "[request id: <id_unknown>] unexpected shape for input 'R' for model 'M'. Expected [1], got [1,1]. "
  ],
  [
    "a batch over the maximum in another dimension",
    streams,
    request([int32("S", [2, 5, 2]), int32("A", [5, 1]), int32("R", [1])]),
    "[request id: <id_unknown>] inference request batch-size must be <= 4 for 'M'"
  ],
  [
    "classification of an output whose batch is not the first dimension",
    streams,
    request([int32("S", [2, 1, 2]), int32("A", [1, 1]), int32("R", [1])], {
      outputs: [{ name: "O", classification: 1 }]
    }),
    "class result not available for output 'O', whose batch is not the first dimension"
  ],
  ["an unknown input", plain, request([int32("Q", [3])]), "unexpected inference input 'Q' for model 'M'"],
  [
    "no batch dimension",
    two,
    request([int32("A", []), int32("B", [1, 2])]),
    "[request id: <id_unknown>] input 'A' has no shape but model requires batch dimension for 'M'"
  ],
  [
    "different batch sizes",
    two,
    request([int32("A", [1, 2]), int32("B", [2, 2])]),
    "[request id: <id_unknown>] input 'B' batch size does not match other inputs for 'M'"
  ],
  [
    "a batch over the maximum",
    two,
    request([int32("A", [5, 2]), int32("B", [5, 2])]),
    "[request id: <id_unknown>] inference request batch-size must be <= 4 for 'M'"
  ],
  [
    "a wrong datatype",
    plain,
    request([{ ...int32("A", [3]), datatype: "FP32" }]),
    "[request id: <id_unknown>] inference input 'A' data-type is 'FP32', but model 'M' expects 'INT32'"
  ],
  [
    "an undefined dimension",
    plain,
    request([{ ...int32("A", [3]), shape: [-1] }]),
    "[request id: <id_unknown>] All input dimensions should be specified for input 'A' for model 'M', got [-1]"
  ],
  [
    "a wrong shape",
    plain,
    request([int32("A", [1, 3])]),
    "[request id: <id_unknown>] unexpected shape for input 'A' for model 'M'. Expected [3], got [1,3]. "
  ],
  [
    "a wrong shape of a model that batches",
    two,
    request([int32("A", [1, 3]), int32("B", [1, 2])]),
    `[request id: <id_unknown>] unexpected shape for input 'A' for model 'M'. Expected [-1,2], got [1,3]. ${note}`
  ],
  [
    "a negative dimension",
    flexible,
    request([{ ...int32("A", [3]), shape: [-2, 1] }]),
    "tensor 'A' contains an invalid dimension in shape [-2,1]"
  ],
  [
    "more elements than an int64 counts",
    flexible,
    request([{ ...int32("A", [3]), shape: [2 ** 52, 2 ** 52] }]),
    "element count for tensor 'A' exceeds maximum size of 9223372036854775807"
  ],
  [
    "more bytes than an int64 counts",
    flexible,
    request([{ ...int32("A", [3]), shape: [2 ** 50, 2 ** 12] }]),
    "byte size for tensor 'A' exceeds maximum size of 9223372036854775807"
  ],
  [
    "a huge shape over little data",
    flexible,
    request([{ ...int32("A", [3]), shape: [2 ** 30, 2 ** 28] }]),
    "[request id: <id_unknown>] input byte size mismatch for input 'A' for model 'M'. Expected 1152921504606846976, got 12"
  ],
  [
    "a wrong byte size",
    plain,
    request([{ ...int32("A", [3]), data: new Uint8Array(8) }]),
    "[request id: <id_unknown>] input byte size mismatch for input 'A' for model 'M'. Expected 12, got 8"
  ],
  [
    "a batch of no rows",
    two,
    request([int32("A", [0, 2]), int32("B", [0, 2])]),
    "[request id: <id_unknown>] input byte size mismatch for input 'A' for model 'M'. Expected 8, got 0"
  ],
  [
    "a string without its whole length",
    text,
    request([bytes("S", [2], [1, 0, 0, 0, 65, 1, 0])]),
    "[request id: <id_unknown>] incomplete string length indicator for inference input 'S' for model 'M', expecting 4 bytes but " +
    "only 2 bytes available. Please make sure the string length indicator is in one buffer."
  ],
  [
    "a string past the end",
    text,
    request([bytes("S", [2], [50, 0, 0, 0, 65, 66, 67])]),
    "incomplete string data for inference input 'S', expecting string of length 50 but only 3 bytes available"
  ],
  [
    "too many strings",
    text,
    request([bytes("S", [2], new Array(16).fill(0))]),
    "[request id: <id_unknown>] unexpected number of string elements 3 for inference input 'S' for model 'M', expecting 2"
  ],
  [
    "too few strings",
    text,
    request([bytes("S", [2], [0, 0, 0, 0])]),
    "[request id: <id_unknown>] expected 2 string elements for inference input 'S' for model 'M', got 1"
  ],
  [
    "classification of strings",
    text,
    request([], { outputs: [{ name: "Y", classification: 1 }] }),
    "class result not available for output due to unsupported type 'BYTES'"
  ]
]

describe("LocalInferenceServer", () => {
  for (const [title, model, asked, message] of refused) {
    it.effect(
      `refuses ${title}`,
      Effect.fnUntraced(function*() {
        const error = yield* Effect.flip(infer(model, asked))
        assert.strictEqual(error.reason._tag, "InvalidRequest")
        assert.strictEqual(error.message, message)
      })
    )
  }

  it.effect(
    "answers outputs sorted by name, all of them or those asked for",
    Effect.fnUntraced(function*() {
      const inputs = [int32("A", [1, 2], [1, 2]), int32("B", [1, 2], [3, 4])]
      const all = yield* infer(two, request(inputs))
      assert.deepStrictEqual(all.outputs.map((output) => output.name), ["X", "Y"])
      const some = yield* infer(
        two,
        request(inputs, { outputs: [{ name: "Y", classification: 0 }, { name: "X", classification: 0 }] })
      )
      assert.deepStrictEqual(some.outputs.map((output) => output.name), ["X", "Y"])
    })
  )

  it.effect(
    "accepts zero elements where the config allows any size",
    Effect.fnUntraced(function*() {
      const response = yield* infer(flexible, request([int32("A", [0, 16])]))
      assert.deepStrictEqual(response.outputs[0]!.shape, [0, 16])
    })
  )

  it.effect(
    "gives the model the reshaped tensor and the client its own shape",
    Effect.fnUntraced(function*() {
      const seen: Array<ReadonlyArray<number>> = []
      const model = makeModel(
        signature(8, [io("A", [-1, 1], { batched: true, modelDims: [-1] })], [
          io("Y", [1, -1], { batched: true, modelDims: [-1] })
        ]),
        (job) => {
          seen.push(job.inputs[0]!.shape)
          return echo(job)
        }
      )
      const response = yield* infer(model, request([int32("A", [2, 3, 1])]))
      assert.deepStrictEqual(seen, [[2, 3]])
      assert.deepStrictEqual(response.outputs[0]!.shape, [2, 1, 3])
    })
  )

  it.effect(
    "keeps only the rows of the request when the model gives more",
    Effect.fnUntraced(function*() {
      const model = makeModel(
        signature(8, [io("A", [1], { batched: true })], [io("Y", [1], { batched: true })]),
        () => [int32("Y", [3, 1], [7, 8, 9])]
      )
      const response = yield* infer(model, request([int32("A", [2, 1])]))
      assert.deepStrictEqual(response.outputs[0]!.shape, [2, 1])
      assert.strictEqual(response.outputs[0]!.data.byteLength, 8)
    })
  )

  it.effect(
    "takes the rows of the request from the dimension that carries the batch, and shared outputs whole",
    Effect.fnUntraced(function*() {
      const response = yield* infer(
        streams,
        request([int32("R", [1]), int32("S", [2, 2, 2]), int32("A", [2, 1])])
      )
      const [rows, shared] = response.outputs
      assert.deepStrictEqual([...rows!.shape], [2, 2])
      assert.deepStrictEqual([...new Int32Array(new Uint8Array(rows!.data).buffer)], [0, 1, 3, 4])
      assert.deepStrictEqual([...shared!.shape], [1])
      assert.deepStrictEqual([...shared!.data], [9, 0, 0, 0])
    })
  )

  it.effect(
    "takes the rows of text from the dimension that carries the batch",
    Effect.fnUntraced(function*() {
      const strings = (...lengths: ReadonlyArray<number>) =>
        lengths.flatMap((length) => [length, 0, 0, 0, ...new Array<number>(length).fill(65 + length)])
      const model = makeModel(
        ModelSignature.make(ModelConfig.make({
          max_batch_size: 4,
          input: [{ name: "A", data_type: "TYPE_INT32", dims: [1] }],
          output: [{ name: "Y", data_type: "TYPE_STRING", dims: [2] }],
          parameters: { "galatea.batch_dim.Y": { string_value: "1" } }
        })),
        () => [bytes("Y", [2, 3], strings(1, 2, 3, 4, 5, 6))]
      )
      const response = yield* infer(model, request([int32("A", [2, 1])]))
      assert.deepStrictEqual([...response.outputs[0]!.shape], [2, 2])
      assert.deepStrictEqual([...response.outputs[0]!.data], strings(1, 2, 4, 5))
    })
  )

  it.effect(
    "counts a request that the model does not take once, as invalid and as no failure",
    Effect.fnUntraced(function*() {
      const model = { ...plain, statistics: new Books("M", 1, () => 0) }
      yield* Effect.flip(infer(model, request([int32("B", [3])])))
      yield* Effect.flip(infer(model, request([])))
      yield* Effect.flip(infer(model, request([], { sequence: { id: 2n ** 64n, start: true, end: false } })))
      yield* infer(model, request([int32("A", [3])]))
      const { fail, refusals } = model.statistics.counts()
      assert.deepStrictEqual(refusals, { queue_full: 0, deadline: 0, stopping: 0, suspended: 0, invalid: 3 })
      assert.strictEqual(fail.count, 0)
    })
  )

  it.effect(
    "names the request where the scheduler cannot divide an output",
    Effect.fnUntraced(function*() {
      const model: Model = {
        ...plain,
        scheduler: { ...plain.scheduler, submit: () => Effect.fail(new Unsupported({ message: "failed to split" })) }
      }
      const error = yield* Effect.flip(infer(model, request([int32("A", [3])], { id: "x" })))
      assert.strictEqual(error.message, "[request id: x] failed to split")
    })
  )

  it.effect(
    "fails when the model gives fewer rows than the request has",
    Effect.fnUntraced(function*() {
      const model = makeModel(
        signature(8, [io("A", [1], { batched: true })], [io("Y", [1], { batched: true })]),
        () => [int32("Y", [1, 1])]
      )
      const error = yield* Effect.flip(infer(model, request([int32("A", [2, 1])], { id: "x" })))
      assert.strictEqual(error.reason._tag, "Unsupported")
      assert.strictEqual(
        error.message,
        "[request id: x] failed to split the output tensor 'Y' in responses: expected batch size of at least 2 in model output, got 1"
      )
    })
  )
})
