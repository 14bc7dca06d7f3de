import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, References } from "effect"
import * as Warmup from "../../../src/layers/repository/internal/warmup/Warmup.ts"
import { maxBytes } from "../../../src/layers/repository/internal/warmup/WarmupData.ts"
import * as DirectScheduler from "../../../src/layers/scheduling/DirectScheduler.ts"
import { Books } from "../../../src/layers/telemetry/internal/Books.ts"
import * as BytesElements from "../../../src/schema/BytesElements.ts"
import type { Tensor } from "../../../src/schema/Inference.ts"
import type { SequenceState } from "../../../src/schema/SequenceState.ts"
import * as ProgramLogger from "../../ProgramLogger.ts"
import * as TemporaryRepository from "../TemporaryRepository.ts"
import { instances, prepared, type Run } from "./WarmVersion.ts"

const io = `
  max_batch_size: 8
  input { name: "x" data_type: TYPE_INT16 dims: [ 2 ] }
  output [ { name: "z" data_type: TYPE_INT16 dims: [ 2 ] }, { name: "y" data_type: TYPE_INT16 dims: [ 2 ] } ]
`
const sample = (inputs: string, rest = "batch_size: 1") => `model_warmup { name: "s" ${rest} ${inputs} }`
const input = (name: string, rest: string) => `inputs { key: "${name}" value { ${rest} } }`
const x = input("x", "data_type: TYPE_INT16 dims: [ 2 ] zero_data: true")

interface Setup {
  readonly files?: TemporaryRepository.Tree
  readonly count?: number
  readonly failure?: (run: Run) => string | undefined
  readonly books?: Books
  readonly states?: ReadonlyArray<SequenceState>
}

/** What the instances of a version ran, in order. */
const warmed = Effect.fnUntraced(
  function*(text: string, { books = new Books("m", 1, () => 0), count = 1, failure, files = {}, states }: Setup = {}) {
    const runs: Array<Run> = []
    const directory = yield* TemporaryRepository.make(files)
    yield* Warmup.run({
      prepared: prepared(text, `${directory}/m`, states),
      instances: instances(count, runs, failure),
      statistics: books
    })
    return runs
  },
  Effect.provide(Layer.merge(TemporaryRepository.platform, DirectScheduler.layer))
)

/** Name, datatype, shape and bytes of each. */
const shown = (tensors: ReadonlyArray<Tensor> = []) =>
  tensors.map(({ data, datatype, name, shape }) => [name, datatype, shape, Array.from(data)])

const refusal = (text: string, setup?: Setup) =>
  Effect.map(Effect.flip(warmed(text, setup)), ({ code, message }) => `${code} ${message}`)

describe("Warmup", () => {
  it.effect("runs the samples in their order, each as often as it says, on every instance", () =>
    Effect.gen(function*() {
      const runs = yield* warmed(
        io + sample(x, "batch_size: 3 count: 2") + sample(x) + sample(x, "batch_size: 0") + sample(x, ""),
        { count: 2 }
      )
      for (const name of ["m_0", "m_1"]) {
        const rows = runs.filter(({ instance }) => instance === name).map(({ inputs }) => inputs[0]!.shape[0])
        assert.deepStrictEqual(rows, [3, 3, 1])
      }
      assert.strictEqual(runs.length, 6)
      assert.deepStrictEqual(runs[0]?.outputs, ["y", "z"])
    }))

  it.effect("tells of each iteration, and of samples that are left out", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const logger = ProgramLogger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))
      yield* warmed(io + sample(x, "batch_size: 1 count: 2") + sample(x, "")).pipe(
        Effect.provide(Logger.layer([logger])),
        Effect.provideService(References.MinimumLogLevel, "Debug")
      )
      assert.deepStrictEqual(lines, [
        "Debug Skipping batch 0 warmup sample 's'",
        "Debug model 'm' instance m_0 is running warmup sample 's' for iteration 1",
        "Debug model 'm' instance m_0 is running warmup sample 's' for iteration 2"
      ])
    }))

  it.effect("makes zeros and random bytes, whatever the value behind the choice", () =>
    Effect.gen(function*() {
      const [run] = yield* warmed(
        io + sample(
          input("x", "data_type: TYPE_INT16 dims: [ 2 ] zero_data: false") +
            input("text", "data_type: TYPE_STRING dims: [ 2 ] random_data: true") +
            input("flags", "data_type: TYPE_BOOL dims: [ 500 ] random_data: false") +
            input("noise", "data_type: TYPE_FP64 dims: [ 100 ] random_data: true"),
          "batch_size: 2"
        )
      )
      const [zeros, text, flags, noise] = run!.inputs
      assert.deepStrictEqual(shown([zeros!, text!]), [
        ["x", "INT16", [2, 2], [0, 0, 0, 0, 0, 0, 0, 0]],
        ["text", "BYTES", [2, 2], new Array(16).fill(0)]
      ])
      assert.deepStrictEqual(Array.from(new Set(flags!.data)).sort(), [0, 1])
      assert.strictEqual(noise!.data.byteLength, 1600)
      assert.isAbove(new Set(noise!.data).size, 64)
      assert.notDeepEqual(noise!.data.slice(0, 800), noise!.data.slice(800), "rows are random by themselves")
    }))

  it.effect("reads files: as many bytes as it needs, strings with their lengths", () =>
    Effect.gen(function*() {
      const text = BytesElements.encode(["a", "βγ"])
      const [run] = yield* warmed(
        io + sample(
          input("x", "data_type: TYPE_INT16 dims: [ 2 ] input_data_file: \"deep/x.bin\"") +
            input("text", "data_type: TYPE_STRING dims: [ 2 ] input_data_file: \"text\""),
          "batch_size: 2"
        ),
        { files: { "m/warmup/deep/x.bin": Uint8Array.of(1, 2, 3, 4, 5, 6), "m/warmup/text": text } }
      )
      assert.deepStrictEqual(shown(run?.inputs), [
        ["x", "INT16", [2, 2], [1, 2, 3, 4, 1, 2, 3, 4]],
        ["text", "BYTES", [2, 2], [...text, ...text]]
      ])
    }))

  it.effect("takes inputs that the config does not know for control inputs", () =>
    Effect.gen(function*() {
      const batched = yield* warmed(
        io + sample(x + input("START", "data_type: TYPE_INT32 dims: [ 1 ] zero_data: true"), "batch_size: 2")
      )
      assert.deepStrictEqual(batched[0]?.inputs[1]?.shape, [2, 1])
      const single = yield* warmed(sample(input("START", "data_type: TYPE_INT32 dims: [ 1 ] zero_data: true")))
      assert.deepStrictEqual(single[0]?.inputs[0]?.shape, [1])
    }))

  const sequences = `
    sequence_batching {
      control_input [
        { name: "START" control { kind: CONTROL_SEQUENCE_START int32_false_true: [ 0, 1 ] } },
        { name: "END" control { kind: CONTROL_SEQUENCE_END bool_false_true: [ true, false ] } },
        { name: "READY" control { kind: CONTROL_SEQUENCE_READY fp32_false_true: [ 0, 1 ] } },
        { name: "ID" control { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_STRING } }
      ]
    }
  `
  const state: SequenceState = {
    input: "S",
    output: "T",
    datatype: "UINT8",
    dims: [2, 2],
    batchAxis: 1,
    sameBuffer: false,
    initial: { dims: [2, 2], data: Uint8Array.of(1, 2, 3, 4) }
  }

  it.effect("begins and ends a sequence with each row, and asks for its state", () =>
    Effect.gen(function*() {
      const [run] = yield* warmed(io + sequences + sample(x, "batch_size: 2"), { states: [state] })
      assert.deepStrictEqual(run!.outputs, ["T", "y", "z"])
      assert.deepStrictEqual(shown(run!.inputs).slice(1), [
        ["START", "INT32", [2, 1], [1, 0, 0, 0, 1, 0, 0, 0]],
        ["END", "BOOL", [2, 1], [0, 0]],
        ["READY", "FP32", [2, 1], [0, 0, 128, 63, 0, 0, 128, 63]],
        ["ID", "BYTES", [2, 1], [1, 0, 0, 0, 49, 1, 0, 0, 0, 49]],
        ["S", "UINT8", [2, 2, 2], [1, 2, 1, 2, 3, 4, 3, 4]]
      ])
    }))

  it.effect("takes the controls and states that a sample gives", () =>
    Effect.gen(function*() {
      const given = input("START", "data_type: TYPE_INT32 dims: [ 1 ] zero_data: true") +
        input("S", "data_type: TYPE_UINT8 dims: [ 2, 2 ] zero_data: true")
      const [run] = yield* warmed(io + sequences + sample(x + given, "batch_size: 2"), { states: [state] })
      assert.deepStrictEqual(
        shown(run!.inputs).slice(1).map(([name, , shape, bytes]) => [name, shape, bytes]).slice(0, 2),
        [
          ["START", [2, 1], Array(8).fill(0)],
          ["S", [2, 2, 2], Array(8).fill(0)]
        ]
      )
      assert.deepStrictEqual(run!.inputs.map(({ name }) => name), ["x", "START", "S", "END", "READY", "ID"])
    }))

  it.effect("places rows where the model has its batch", () =>
    Effect.gen(function*() {
      const numbered = (name: string, dims: string) =>
        input(name, `data_type: TYPE_UINT8 dims: [ ${dims} ] input_data_file: "bytes"`)
      const text = input("words", "data_type: TYPE_STRING dims: [ 2, 1 ] input_data_file: \"words\"")
      const [run] = yield* warmed(
        `max_batch_size: 4
         input { name: "across" data_type: TYPE_UINT8 dims: [ 2, 2 ] }
         input { name: "words" data_type: TYPE_STRING dims: [ 2, 1 ] }
         input { name: "all" data_type: TYPE_UINT8 dims: [ 2 ] }
         input { name: "flat" data_type: TYPE_UINT8 dims: [ 2, -1 ] reshape { shape: [ -1 ] } }
         input { name: "scalar" data_type: TYPE_UINT8 dims: [ 1 ] reshape { shape: [ ] } }
         parameters { key: "galatea.batch_dim.across" value { string_value: "1" } }
         parameters { key: "galatea.batch_dim.words" value { string_value: "1" } }
         parameters { key: "galatea.shared.all" value { string_value: "true" } }` +
          sample(
            numbered("across", "2, 2") + text + numbered("all", "2") + numbered("flat", "2, 1") +
              numbered("scalar", "1"),
            "batch_size: 2"
          ),
        {
          files: {
            "m/warmup/bytes": Uint8Array.of(1, 2, 3, 4),
            "m/warmup/words": BytesElements.encode(["a", "bcd"])
          }
        }
      )
      assert.deepStrictEqual(shown(run?.inputs), [
        ["across", "UINT8", [2, 2, 2], [1, 2, 1, 2, 3, 4, 3, 4]],
        ["words", "BYTES", [2, 2, 1], Array.from(BytesElements.encode(["a", "a", "bcd", "bcd"]))],
        ["all", "UINT8", [2], [1, 2]],
        ["flat", "UINT8", [2, 1], [1, 2, 1, 2]],
        ["scalar", "UINT8", [2], [1, 1]]
      ])
    }))

  it.effect("gives ragged inputs one behind the other, and what batch_input asks for", () =>
    Effect.gen(function*() {
      const kinds = [
        "BATCH_ELEMENT_COUNT",
        "BATCH_ACCUMULATED_ELEMENT_COUNT",
        "BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO",
        "BATCH_MAX_ELEMENT_COUNT_AS_SHAPE",
        "BATCH_ITEM_SHAPE",
        "BATCH_ITEM_SHAPE_FLATTEN"
      ]
      const batchInputs = kinds.map((kind, index) =>
        `batch_input { kind: ${kind} target_name: "t${index}" source_input: "x" data_type: ${
          index === 1 ? "TYPE_FP32" : "TYPE_INT32"
        } }`
      )
      const [run] = yield* warmed(
        `max_batch_size: 4 input { name: "x" data_type: TYPE_UINT8 dims: [ -1, 2 ] allow_ragged_batch: true }` +
          batchInputs.join(" ") +
          sample(input("x", "data_type: TYPE_UINT8 dims: [ 3, 2 ] input_data_file: \"x\""), "batch_size: 2"),
        { files: { "m/warmup/x": Uint8Array.of(1, 2, 3, 4, 5, 6) } }
      )
      const [ragged, ...targets] = run!.inputs
      assert.deepStrictEqual(shown([ragged!]), [["x", "UINT8", [12], [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6]]])
      const values = targets.map(({ data, datatype, name, shape }) => [
        name,
        shape,
        Array.from(datatype === "FP32" ? new Float32Array(data.buffer) : new Int32Array(data.buffer))
      ])
      assert.deepStrictEqual(values, [
        ["t0", [2], [6, 6]],
        ["t1", [2], [6, 12]],
        ["t2", [3], [0, 6, 12]],
        ["t3", [6], [0, 0, 0, 0, 0, 0]],
        ["t4", [2, 2], [3, 2, 3, 2]],
        ["t5", [4], [3, 2, 3, 2]]
      ])
    }))

  it.effect("counts in the statistics of the version", () =>
    Effect.gen(function*() {
      const books = new Books("m", 1, () => 0)
      yield* warmed(io + sample(x, "batch_size: 3 count: 2"), { books })
      const { batches, executionCount, fail, inferenceCount, success } = books.counts()
      assert.deepStrictEqual([inferenceCount, executionCount, success.count, fail.count], [6, 2, 6, 0])
      assert.deepStrictEqual(batches.map(({ batchSize, count }) => [batchSize, count]), [[3, 2]])
      yield* Effect.flip(warmed(io + sample(x, "batch_size: 3"), { books, failure: () => "no" }))
      assert.strictEqual(books.counts().fail.count, 3)
    }))

  it.effect("fails with the first sample that fails", () =>
    Effect.gen(function*() {
      const ran: Array<Run> = []
      const failure = (run: Run) => {
        ran.push(run)
        return ran.length === 2 ? "An Error Occurred" : undefined
      }
      assert.strictEqual(
        yield* refusal(io + sample(x, "batch_size: 1 count: 5"), { failure }),
        "INVALID_ARG failed to run warmup sample 's': An Error Occurred; "
      )
      assert.strictEqual(ran.length, 2)
      assert.strictEqual(
        yield* refusal(io + sample(x, "batch_size: 9")),
        "INVALID_ARG failed to run warmup sample 's': batch size 9 for 'm_0', max allowed is 8; "
      )
      assert.strictEqual(
        yield* refusal(sample(x, "batch_size: 2")),
        "INVALID_ARG failed to run warmup sample 's': batch size 2 for 'm_0', max allowed is 1; "
      )
    }))

  it.effect("refuses settings without running anything", () =>
    Effect.gen(function*() {
      const files = { "m/warmup/few": Uint8Array.of(1, 2, 3), "m/warmup/text": BytesElements.encode(["a"]) }
      const text = (file: string, dims: number) =>
        input("t", `data_type: TYPE_STRING dims: [ ${dims} ] input_data_file: "${file}"`)
      const expect = (name: string, count: number) =>
        `INVALID_ARG warmup setting expects ${count} string elements for input 't', each a length of 4 bytes and that many ` +
        `bytes, but the data provided from ${name} `
      const cases: ReadonlyArray<readonly [inputs: string, message: string]> = [
        [
          input("x", "data_type: TYPE_INT16 dims: [ 2, -1 ] zero_data: true"),
          "INVALID_ARG warmup setting expects all variable-size dimensions are specified for input 'x'"
        ],
        [
          input("x", "data_type: TYPE_INT16 dims: [ 2 ]"),
          "INVALID_ARG warmup setting expects input 'x' to have input_data_type set"
        ],
        [
          input("x", "data_type: TYPE_INT16 dims: [ 2 ] input_data_file: \"few\""),
          "INVALID_ARG warmup setting expects 4 bytes, but the data provided from fewonly has 3 bytes"
        ],
        [
          input("x", "dims: [ 2 ] zero_data: true"),
          "INVALID_ARG warmup setting gives input 'x' the data type TYPE_INVALID, which no tensor has"
        ],
        [text("text", 2), `${expect("text", 2)}has 1`],
        [text("few", 1), `${expect("few", 1)}ends within one`]
      ]
      for (const [inputs, message] of cases) {
        const ran: Array<Run> = []
        const failure = (run: Run) => void ran.push(run)
        assert.strictEqual(yield* refusal(io + sample(x) + sample(inputs), { files, failure }), message)
        assert.deepStrictEqual(ran, [])
      }
    }))

  it.effect("reads below warmup/ only", () =>
    Effect.gen(function*() {
      const files: TemporaryRepository.Tree = {
        "m/config.pbtxt": "1234",
        "secret": "1234",
        "m/warmup/inside": { link: "../config.pbtxt" },
        "m/warmup/outside": { link: "../../secret" },
        "m/warmup/loop": { link: "loop" },
        "m/warmup/folder": null
      }
      const reading = (file: string) =>
        io + sample(input("x", `data_type: TYPE_INT16 dims: [ 2 ] input_data_file: "${file}"`))
      const [run] = yield* warmed(reading("inside"), { files })
      assert.strictEqual(new TextDecoder().decode(run?.inputs[0]?.data), "1234")
      for (const file of ["../config.pbtxt", "../../secret", "/etc/passwd", "", "."]) {
        const message = yield* refusal(reading(file), { files })
        assert.match(message, /^INVALID_ARG file '.*' leads out of \/.*\/m\/warmup: expected a file below it$/)
      }
      const outside = yield* refusal(reading("outside"), { files })
      assert.match(outside, /^INVALID_ARG file 'outside' leads out of \/.*\/m: expected a file below it$/)
      assert.match(
        yield* refusal(reading("missing"), { files }),
        /^INTERNAL failed to open text file for read \/.*\/m\/warmup\/missing: No such file or directory$/
      )
      assert.match(yield* refusal(reading("loop"), { files }), /^INTERNAL failed to open text file for read /)
      assert.match(yield* refusal(reading("folder"), { files }), /^INTERNAL failed to open text file for read /)
    }))

  it.effect("bounds the bytes of all samples, before it makes any of them", () =>
    Effect.gen(function*() {
      const large = input("x", `data_type: TYPE_INT16 dims: [ ${maxBytes} ] random_data: true`)
      assert.strictEqual(
        yield* refusal(io + sample(large)),
        `INVALID_ARG with input 'x' of warmup sample 's' the samples of the version have more than the ${maxBytes} bytes that all ` +
          "may have: make its 'dims' or 'batch_size' smaller"
      )
      const half = input("x", `data_type: TYPE_UINT8 dims: [ ${maxBytes / 2} ] zero_data: true`)
      assert.include(yield* refusal(io + sample(half) + sample(half) + sample(x)), "more than the")
      const huge = input("x", "data_type: TYPE_INT16 dims: [ 9007199254740991, 9007199254740991 ] zero_data: true")
      assert.include(yield* refusal(io + sample(huge)), "more than the")
      const rows = input("x", "data_type: TYPE_STRING dims: [ 1 ] input_data_file: \"text\"")
      assert.include(
        yield* refusal(io + sample(rows, `batch_size: ${maxBytes / 16}`), {
          files: { "m/warmup/text": BytesElements.encode(["a".repeat(100)]) }
        }),
        `more than the ${maxBytes} bytes that all samples of a version may have`
      )
    }))
})
