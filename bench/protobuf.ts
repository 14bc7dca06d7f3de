/**
 * Figures of the protobuf code: `node bench/protobuf.ts`.
 *
 * Each figure is the median of rounds that alternate with protobufjs on the same machine, so ratios hold where times do not.
 * protobufjs compiles the reader and writer of a message at first use, to the code that its static generator also writes.
 */
import { Result } from "effect"
import { readFileSync } from "node:fs"
import protobuf from "protobufjs"
import type { DraftOf, MessageType } from "../src/schema/proto/Descriptor.ts"
import { ModelInferRequest, ModelInferResponse } from "../src/schema/proto/InferFields.ts"
import { ModelConfigMessage } from "../src/schema/proto/ModelConfigFields.ts"
import { decode, encode, encodeParts } from "../src/schema/proto/WireFormat.ts"

const root = new protobuf.Root()
for (const name of ["model_config", "grpc_service"]) {
  const text = readFileSync(new URL(`../docs/proto/${name}.proto`, import.meta.url), "utf8")
  protobuf.parse(text, root, { keepCase: true })
}

root.resolveAll()

const median = (values: Array<number>): number => values.sort((a, b) => a - b)[values.length >> 1]!

let sink: unknown

const round = (calls: number, run: () => unknown): number => {
  const start = performance.now()
  for (let i = 0; i < calls; i++) sink = run()
  return (performance.now() - start) / calls * 1000
}

const compare = (title: string, calls: number, ours: () => unknown, theirs: () => unknown): void => {
  const a: Array<number> = []
  const b: Array<number> = []
  for (let i = 0; i < 21; i++) {
    a.push(round(calls, ours))
    b.push(round(calls, theirs))
  }
  const [x, y] = [median(a), median(b)]
  process.stdout.write(
    `${title.padEnd(52)} ${x.toFixed(2)} µs, protobufjs ${y.toFixed(2)} µs: ${(y / x).toFixed(2)}x\n`
  )
}

const request = (bytes: number, elements: number): DraftOf<typeof ModelInferRequest> => ({
  model_name: "simple",
  id: "7",
  inputs: ["INPUT0", "INPUT1"].map((name) => ({ name, datatype: "INT32", shape: [1, elements] })),
  outputs: [{ name: "OUTPUT0" }, { name: "OUTPUT1" }],
  raw_input_contents: [new Uint8Array(bytes).fill(1), new Uint8Array(bytes).fill(2)]
})
const response = (bytes: number, elements: number): DraftOf<typeof ModelInferResponse> => ({
  model_name: "simple",
  model_version: "1",
  id: "7",
  outputs: ["OUTPUT0", "OUTPUT1"].map((name) => ({ name, datatype: "INT32", shape: [1, elements] })),
  raw_output_contents: [new Uint8Array(bytes).fill(1), new Uint8Array(bytes).fill(2)]
})

const measure = <M extends MessageType>(title: string, type: M, value: DraftOf<M>, calls: number): void => {
  const known = root.lookupType(type.fullName)
  const bytes = Buffer.from(encode(type, value))
  const theirs = known.decode(bytes)
  if (!bytes.equals(known.encode(theirs).finish())) throw new Error(`protobufjs writes another ${type.fullName}`)
  compare(`decode ${title}`, calls, () => Result.getOrThrow(decode(type, bytes)), () => known.decode(bytes))
  compare(`encode ${title}`, calls, () => encode(type, value), () => known.encode(theirs).finish())
  compare(`encode in parts ${title}`, calls, () => encodeParts(type, value), () => known.encode(theirs).finish())
}

measure("small request (2 inputs of 64 B)", ModelInferRequest, request(64, 16), 20_000)
measure("small response (2 outputs of 64 B)", ModelInferResponse, response(64, 16), 20_000)
measure("request of 600 kB", ModelInferRequest, request(300_000, 75_000), 500)
measure("response of 600 kB", ModelInferResponse, response(300_000, 75_000), 500)
measure("typed contents of 10,000 floats", ModelInferRequest, {
  model_name: "simple",
  inputs: [{
    name: "X",
    datatype: "FP32",
    shape: [1, 10_000],
    contents: { fp32_contents: Array.from({ length: 10_000 }, (_, i) => i / 4) }
  }]
}, 200)
measure("config", ModelConfigMessage, {
  name: "simple",
  backend: "onnxruntime",
  max_batch_size: 8,
  input: ["A", "B"].map((name) => ({ name, data_type: "TYPE_FP32" as const, dims: [3, 224, 224] })),
  output: [{ name: "Y", data_type: "TYPE_FP32", dims: [1000] }],
  dynamic_batching: { preferred_batch_size: [4, 8], max_queue_delay_microseconds: 100n },
  instance_group: [{ name: "simple", kind: "KIND_CPU", count: 2 }],
  parameters: { intra_op_thread_count: { string_value: "1" } }
}, 5000)
if (sink === undefined) throw new Error("nothing was measured")
