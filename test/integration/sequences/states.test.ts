import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { InferenceSession } from "onnxruntime-node"
import { validate } from "../../../src/layers/inference/internal/RequestValidation.ts"
import * as BytesElements from "../../../src/schema/BytesElements.ts"
import * as SequenceModels from "../../fixtures/onnx/SequenceModels.ts"
import { floats, numbers, tensor } from "../../scheduling/Batches.ts"
import { type Caller, type Driven, failureOf, open, request, run, type Step } from "./Driven.ts"

const ints = (value: number) => tensor("INPUT", "INT32", [1, 1], Int32Array.of(value))
const callers = ({ layout }: Driven, count: number): ReadonlyArray<Caller> =>
  Array.from({ length: count }, (_, index) => ({ id: BigInt(index + 1), cell: layout.open() }))
const step = (caller: Caller, value: number, rest: Partial<Step> = {}): Step => ({
  caller,
  inputs: [ints(value)],
  ...rest
})

describe("implicit state on ONNX Runtime", () => {
  it.live("84 state kept, 85 state as output: told only where the config lists it", () =>
    Effect.gen(function*() {
      const { version } = yield* open({
        "hidden/config.pbtxt": SequenceModels.accumulatorConfig(),
        "hidden/1/model.onnx": SequenceModels.accumulator(),
        "told/config.pbtxt": SequenceModels.accumulatorConfig({ tells: true }),
        "told/1/model.onnx": SequenceModels.accumulator()
      })
      const hidden = version("hidden")
      const [caller] = callers(hidden, 1)
      const sums: Array<unknown> = []
      for (let value = 1; value <= 9; value++) {
        const [outputs] = yield* run(hidden, [step(caller!, value)])
        sums.push(outputs!.map((output) => [output.name, ...numbers(output)]))
      }
      assert.deepStrictEqual(sums, [1, 3, 6, 10, 15, 21, 28, 36, 45].map((sum) => [["OUTPUT", sum]]))
      assert.deepStrictEqual(
        validate(hidden.model, request([ints(1)], undefined, ["OUTPUT_STATE"])).pipe(Result.flip, Result.getOrThrow)
          .message,
        "unexpected inference output 'OUTPUT_STATE' for model 'hidden'"
      )

      const told = version("told")
      const [other] = callers(told, 1)
      yield* run(told, [step(other!, 4, { outputs: ["OUTPUT"] })])
      const [outputs] = yield* run(told, [step(other!, 5)])
      assert.deepStrictEqual(outputs!.map((output) => [output.name, ...numbers(output)]), [
        ["OUTPUT", 9],
        ["OUTPUT_STATE", 9]
      ])
    }).pipe(Effect.scoped))

  it.live("91 initial state from file, 92 initial state zero", () =>
    Effect.gen(function*() {
      const initial = (data: string) =>
        SequenceModels.accumulatorConfig({
          state: `initial_state [ { name: "first" data_type: TYPE_INT32 dims: [ 1 ] ${data} } ]`
        })
      const { reasons, version } = yield* open({
        "file/config.pbtxt": initial("data_file: \"hundred\""),
        "file/1/model.onnx": SequenceModels.accumulator(),
        "file/initial_state/hundred": new Uint8Array(Int32Array.of(100).buffer),
        "zero/config.pbtxt": initial("zero_data: true"),
        "zero/1/model.onnx": SequenceModels.accumulator(),
        "short/config.pbtxt": initial("data_file: \"three\""),
        "short/1/model.onnx": SequenceModels.accumulator(),
        "short/initial_state/three": Uint8Array.of(1, 2, 3)
      })
      for (const [name, first] of [["file", 100], ["zero", 0]] as const) {
        const driven = version(name)
        const [a, b] = callers(driven, 2)
        yield* run(driven, [step(a!, 1)])
        const [second, fresh] = yield* run(driven, [step(a!, 1), step(b!, 5)])
        assert.deepStrictEqual([second, fresh].flatMap((outputs) => numbers(outputs![0]!)), [first + 2, first + 5])
      }
      assert.strictEqual(
        reasons["short"],
        "Invalid argument: initial_state setting expects 4 bytes, but the data provided from threeonly has 3 bytes."
      )
    }).pipe(Effect.scoped))

  for (const [flag, id] of [["INT32", "UINT64"], ["FP32", "INT32"], ["BOOL", "BYTES"]] as const) {
    it.live(`tells a model of its sequences: flags as ${flag}, ids as ${id}`, () =>
      Effect.gen(function*() {
        const { version } = yield* open({
          "m/config.pbtxt": SequenceModels.controlledConfig({ flag, id, datatype: "FP32" }),
          "m/1/model.onnx": SequenceModels.controlled({ flag, id, datatype: "FP32" })
        })
        const driven = version("m")
        const [a, b] = callers(driven, 2).map((caller) =>
          id === "BYTES" ? { ...caller, id: `id ${caller.id}` } : caller
        )
        const of = (caller: Caller, value: number, rest: Partial<Step>): Step => ({
          caller,
          inputs: [floats("INPUT", [1, 1], [value])],
          ...rest
        })
        yield* run(driven, [of(a!, 1, { start: true })])
        const [first, second] = yield* run(driven, [
          undefined,
          of(a!, 2, {}),
          undefined,
          of(b!, 7, { start: true, end: true })
        ])
        const seen = (outputs: typeof first, name: string): ReadonlyArray<number | string> => {
          const found = outputs!.find((output) => output.name === name)!
          return found.datatype === "BOOL"
            ? [...found.data]
            : found.datatype === "UINT64"
            ? [...new BigUint64Array(found.data.slice().buffer)].map(Number)
            : found.datatype === "BYTES"
            ? BytesElements.texts(found.data)
            : numbers(found)
        }
        const said = (outputs: typeof first) =>
          ["OUTPUT", "SEEN_START", "SEEN_END", "SEEN_READY", "SEEN_CORRID"].flatMap((name) => seen(outputs, name))
        assert.deepStrictEqual(said(first), [3, 0, 0, 1, id === "BYTES" ? "id 1" : 1])
        assert.deepStrictEqual(said(second), [7, 1, 1, 1, id === "BYTES" ? "id 2" : 2])
      }).pipe(Effect.scoped))
  }

  it.live("lets a state grow, and fails a step whose state has the wrong size", () =>
    Effect.gen(function*() {
      const { version } = yield* open({
        "free/config.pbtxt": SequenceModels.accumulatorConfig({ more: "parameters { }" }).replace(
          /dims: \[ 1 \]\s*\} \]\s*\}/,
          "dims: [ -1 ] initial_state [ { name: \"none\" data_type: TYPE_INT32 dims: [ 0 ] zero_data: true } ] } ] }"
        ),
        "free/1/model.onnx": SequenceModels.growing(),
        "fixed/config.pbtxt": SequenceModels.accumulatorConfig(),
        "fixed/1/model.onnx": SequenceModels.growing()
      })
      const free = version("free")
      const [caller] = callers(free, 1)
      const sums: Array<number> = []
      for (const value of [1, 2, 3]) sums.push(numbers((yield* run(free, [step(caller!, value)]))[0]![0]!)[0]!)
      assert.deepStrictEqual(sums, [1, 3, 6])
      assert.deepStrictEqual([...caller!.cell.tensors[0]!.shape], [1, 3])

      const fixed = version("fixed")
      const [other] = callers(fixed, 1)
      assert.include(
        yield* failureOf(fixed, [step(other!, 1)]),
        "model 'fixed' gave the output 'OUTPUT_STATE', the next state 'INPUT_STATE' of its sequences, as INT32 [1,2], expected INT32 " +
          "[1,1]; the sequences keep the states that they had"
      )
      assert.strictEqual(other!.cell.bytes, 0)
    }).pipe(Effect.scoped))

  it.live("keeps strings", () =>
    Effect.gen(function*() {
      const { version } = yield* open({
        "m/config.pbtxt": SequenceModels.accumulatorConfig({ datatype: "BYTES" }),
        "m/1/model.onnx": SequenceModels.strings()
      })
      const driven = version("m")
      const [a, b] = callers(driven, 2)
      const says = (caller: Caller, text: string): Step => ({
        caller,
        inputs: [tensor("INPUT", "BYTES", [1, 1], BytesElements.encode([text]))]
      })
      yield* run(driven, [says(a!, "one "), says(b!, "é")])
      yield* run(driven, [says(a!, "two ")])
      const outputs = yield* run(driven, [says(b!, "è"), undefined, says(a!, "three")])
      assert.deepStrictEqual(outputs.flatMap(([output]) => BytesElements.texts(output!.data)), ["éè", "one two three"])
    }).pipe(Effect.scoped))

  it.live("warms sequence models up, and lets them answer golden requests", () =>
    Effect.gen(function*() {
      const input = (data: number) => ({ name: "INPUT", datatype: "INT32", shape: [1, 1], data: [data] })
      const golden = (output: number) =>
        JSON.stringify({
          request: { inputs: [input(7)] },
          response: {
            outputs: [
              { name: "OUTPUT", datatype: "INT32", shape: [1, 1], data: [output] },
              { name: "SEEN_CORRID", datatype: "UINT64", shape: [1, 1], data: [1] },
              ...["START", "END", "READY"].map((name) => ({ ...input(1), name: `SEEN_${name}` }))
            ]
          }
        })
      const config = SequenceModels.controlledConfig({
        more: `model_warmup [ {
          name: "w" batch_size: 3
          inputs { key: "INPUT" value { data_type: TYPE_INT32 dims: [ 1 ] zero_data: true } }
        } ]`
      })
      const { reasons, version } = yield* open({
        "right/config.pbtxt": config,
        "right/1/model.onnx": SequenceModels.controlled(),
        "right/1/golden/seven.json": golden(7),
        "wrong/config.pbtxt": config,
        "wrong/1/model.onnx": SequenceModels.controlled(),
        "wrong/1/golden/seven.json": golden(8)
      })
      assert.deepStrictEqual(Object.keys(reasons), ["wrong"])
      assert.include(reasons["wrong"]!, "output 'OUTPUT' differs first at element 0: expected 8, got 7")
      const counts = version("right").model.statistics.counts()
      assert.strictEqual(counts.executionCount, 2)
      assert.strictEqual(counts.inferenceCount, 4)
    }).pipe(Effect.scoped))
})

const root = join(import.meta.dirname, "../../..")
const silero = (version: number) => join(root, `node_modules/@ricky0123/vad-web/dist/silero_vad_v${version}.onnx`)

/** Numbers that look like sound, the same in every run. */
const sound = (seed: number, window: number): Float32Array =>
  Float32Array.from({ length: 576 }, (_, i) => Math.sin((i + 1 + window * 512) * (seed + 1) * 12.9898) * 0.4)

/** The runtime by hand: windows and states `[2,128]` of several streams in one run. */
const byHand = async (session: InferenceSession, windows: ReadonlyArray<Float32Array>, states: Array<Float32Array>) => {
  const rows = windows.length
  const stacked = new Float32Array(2 * rows * 128)
  for (let row = 0; row < rows; row++) {
    for (let layer = 0; layer < 2; layer++) {
      stacked.set(states[row]!.subarray(layer * 128, layer * 128 + 128), (layer * rows + row) * 128)
    }
  }
  const cpu = (type: string, dims: ReadonlyArray<number>, data: unknown) => ({ type, dims, data, location: "cpu" })
  const outputs = await session.run({
    input: cpu("float32", [rows, 576], Float32Array.from(windows.flatMap((window) => [...window]))),
    state: cpu("float32", [2, rows, 128], stacked),
    sr: cpu("int64", [1], BigInt64Array.of(16_000n))
  } as never)
  const next = outputs["stateN"]!.data as Float32Array
  return {
    probabilities: [...outputs["output"]!.data as Float32Array],
    states: states.map((_, row) =>
      Float32Array.from({ length: 256 }, (_, i) => next[(Math.floor(i / 128) * rows + row) * 128 + i % 128]!)
    )
  }
}

describe("Silero VAD with its state kept by the server", () => {
  for (const number of [5, 6]) {
    it.live(`version ${number} says bit by bit what the runtime says by hand, in batches composed alike`, () =>
      Effect.gen(function*() {
        const { memory, version } = yield* open({
          "vad/config.pbtxt": readFileSync(join(import.meta.dirname, "silero.pbtxt")),
          [`vad/${number}/model.onnx`]: readFileSync(silero(number))
        })
        const driven = version("vad", number)
        const session = yield* Effect.acquireRelease(
          Effect.promise(() => InferenceSession.create(silero(number), { intraOpNumThreads: 1, logSeverityLevel: 4 })),
          (session) => Effect.promise(() => session.release())
        )
        const streams = callers(driven, 5)
        const states = streams.map(() => new Float32Array(256))
        // Who is beside whom changes from batch to batch, from one alone to all.
        const batches = [[0, 1, 2, 3, 4], [4, 2, 0], [1], [3, 1], [2], [0, 3], [4, 3, 2, 1, 0], [2], [1, 4], [0]]
        const windows = streams.map(() => 0)
        for (const rows of batches) {
          const sounds = rows.map((stream) => sound(stream, windows[stream]!++))
          const expected = yield* Effect.promise(() => byHand(session, sounds, rows.map((stream) => states[stream]!)))
          const found = yield* run(
            driven,
            rows.map((stream, row) => ({
              caller: streams[stream]!,
              inputs: [
                floats("input", [1, 576], [...sounds[row]!]),
                tensor("sr", "INT64", [1], BigInt64Array.of(16_000n))
              ]
            }))
          )
          assert.deepStrictEqual(found.flatMap(([output]) => numbers(output!)), expected.probabilities)
          for (const [row, stream] of rows.entries()) {
            states[stream] = expected.states[row]!
            assert.deepStrictEqual(numbers(streams[stream]!.cell.tensors[0]!), [...states[stream]!])
          }
        }
        assert.strictEqual(streams[0]!.cell.bytes, 1024)
        for (const { cell } of streams) cell.close()
        assert.strictEqual(memory.usage().inUse, 0)
      }).pipe(Effect.scoped))
  }
})
