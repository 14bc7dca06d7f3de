/**
 * Figures of the JSON and envelope code: `node bench/json.ts`.
 *
 * Each figure is the median of rounds that alternate with its yardstick on the same machine, so ratios hold where times do not.
 */
import { Result } from "effect"
import * as OutputEncoding from "../src/layers/frontend/internal/infer/DecodedRequest.ts"
import { decode } from "../src/layers/frontend/internal/infer/InferRequestDecoder.ts"
import { encode } from "../src/layers/frontend/internal/infer/InferResponseEncoder.ts"
import type { DataType } from "../src/schema/DataType.ts"
import type { InferenceResponse, Tensor } from "../src/schema/Inference.ts"

const options = { modelName: "m", maxInputSize: 2 ** 30 }

const median = (values: Array<number>): number => values.sort((a, b) => a - b)[values.length >> 1]!

const time = (run: () => unknown): number => {
  const start = performance.now()
  run()
  return performance.now() - start
}

const compare = (title: string, rounds: number, ours: () => unknown, yardstick: () => unknown): void => {
  const a: Array<number> = []
  const b: Array<number> = []
  for (let i = 0; i < rounds; i++) {
    a.push(time(ours))
    b.push(time(yardstick))
  }
  const [x, y] = [median(a), median(b)]
  process.stdout.write(`${title.padEnd(58)} ${x.toFixed(2)} ms, yardstick ${y.toFixed(2)} ms: ${(y / x).toFixed(1)}x\n`)
}

const perCall = (title: string, run: () => unknown): void => {
  const calls = 20000
  const rounds: Array<number> = []
  for (let i = 0; i < 15; i++) {
    rounds.push(time(() => {
      for (let k = 0; k < calls; k++) run()
    }))
  }
  process.stdout.write(`${title.padEnd(58)} ${(median(rounds) / calls * 1000).toFixed(2)} µs\n`)
}

const count = 3 * 640 * 640
const shape = [1, 3, 640, 640]
const noise = Float32Array.from(
  { length: count },
  (_, i) => Math.fround(((Math.imul(i + 1, 2654435761) >>> 0) / 2 ** 32) * 2 - 1)
)
const pixels = Float32Array.from(noise, (v) => Math.fround(Math.round((v + 1) * 127.5) / 255))
const bytes = Int32Array.from(noise, (v) => Math.round((v + 1) * 127.5))
const doubles = Float64Array.from(noise, (v, i) => v + i * 1e-9)

const requestOf = (datatype: DataType, values: ArrayLike<number>, digits?: number): Uint8Array => {
  const data = Array.from(values, (v) => digits === undefined ? v : Number(v.toFixed(digits)))
  return Buffer.from(JSON.stringify({ inputs: [{ name: "X", shape, datatype, data }] }))
}

const reads: ReadonlyArray<readonly [string, Uint8Array, (data: ReadonlyArray<number>) => ArrayBufferView]> = [
  ["FP32, 17 digits (a widened single)", requestOf("FP32", noise), (data) => Float32Array.from(data)],
  ["FP32, pixels / 255", requestOf("FP32", pixels), (data) => Float32Array.from(data)],
  ["FP32, 6 digits", requestOf("FP32", noise, 6), (data) => Float32Array.from(data)],
  ["FP64, 16 digits", requestOf("FP64", doubles), (data) => Float64Array.from(data)],
  ["INT32, 0 to 255", requestOf("INT32", bytes), (data) => Int32Array.from(data)],
  ["INT64, 0 to 255", requestOf("INT64", bytes), (data) => BigInt64Array.from(data, BigInt)]
]
for (const [title, body, copy] of reads) {
  compare(
    `read 1x3x640x640 ${title}, ${(body.length / 1e6).toFixed(1)} MB`,
    7,
    () => Result.getOrThrow(decode(body, undefined, options)),
    () =>
      copy((JSON.parse(Buffer.from(body).toString()) as { inputs: [{ data: ReadonlyArray<number> }] }).inputs[0].data)
  )
}

const responseOf = (outputs: ReadonlyArray<Tensor>): InferenceResponse => ({
  id: "",
  modelName: "simple",
  modelVersion: "1",
  parameters: new Map(),
  outputs,
  timing: { queueNanos: 0, computeInputNanos: 0, computeInferNanos: 0, computeOutputNanos: 0, batchRows: 1 },
  release: () => {}
})
const tensorOf = (name: string, datatype: DataType, dims: ReadonlyArray<number>, data: ArrayBufferView): Tensor => ({
  name,
  datatype,
  shape: dims,
  data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
})
const writes: ReadonlyArray<readonly [string, DataType, Float32Array | Float64Array | Int32Array]> = [
  ["FP32, random", "FP32", noise],
  ["FP32, pixels / 255", "FP32", pixels],
  ["FP64, random", "FP64", doubles],
  ["INT32, 0 to 255", "INT32", bytes]
]
for (const [title, datatype, values] of writes) {
  const response = responseOf([tensorOf("Y", datatype, shape, values)])
  const decoded = { outputEncoding: OutputEncoding.uniform("json") } as OutputEncoding.DecodedRequest
  compare(
    `write 1x3x640x640 ${title}`,
    7,
    () => Result.getOrThrow(encode(response, decoded)),
    () => Buffer.from(JSON.stringify({ outputs: [{ data: Array.from(values as ArrayLike<number>) }] }))
  )
}

const json = Buffer.from(JSON.stringify({
  inputs: ["INPUT0", "INPUT1"].map((name) => ({
    name,
    shape: [1, 16],
    datatype: "INT32",
    parameters: { binary_data_size: 64 }
  })),
  outputs: ["OUTPUT0", "OUTPUT1"].map((name) => ({ name, parameters: { binary_data: true } }))
}))
const simple = Buffer.concat([json, Buffer.alloc(128, 1)])
const decodedSimple = Result.getOrThrow(decode(simple, json.length, options))
const answer = responseOf(["OUTPUT0", "OUTPUT1"].map((name) => tensorOf(name, "INT32", [1, 16], new Int32Array(16))))
perCall(`decode simple, binary, ${json.length} + 128 bytes`, () => decode(simple, json.length, options))
perCall("encode simple, binary", () => encode(answer, decodedSimple))
perCall("JSON.parse of the same head (yardstick)", () => JSON.parse(json.toString()))
