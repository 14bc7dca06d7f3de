/** Models that answer with a number of their own, as large as told: one can see which version answered, and what it weighs. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Onnx from "../../test/fixtures/onnx/OnnxWriter.ts"
import { binaryRequest } from "../requests.ts"

const columns = 16

/**
 * A table of FP32 rows: INT64 INPUT0 `[-1,1]` → OUTPUT0 `[-1,1,16]`, the rows asked for. Row 0 holds `value`, the others noise that
 * fills about `bytes`.
 */
export const table = (value: number, bytes = 64): Uint8Array => {
  const rows = Math.max(1, Math.floor(bytes / (columns * 4)))
  const weights = new Float32Array(rows * columns)
  let state = 0x9e3779b9
  const block = Math.min(weights.length, 1 << 20)
  for (let i = columns; i < block; i++) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + i | 0
    weights[i] = state / 0x80000000
  }
  for (let filled = block; filled < weights.length; filled *= 2) weights.copyWithin(filled, 0, filled)
  weights.fill(value, 0, columns)
  return Onnx.model({
    inputs: [Onnx.tensorInfo("INPUT0", "INT64", ["batch", 1])],
    outputs: [Onnx.tensorInfo("OUTPUT0", "FP32", ["batch", 1, columns])],
    nodes: [Onnx.node("Gather", ["weights", "INPUT0"], ["OUTPUT0"])],
    initializers: [Onnx.initializer("weights", "FP32", [rows, columns], weights)]
  })
}

/** Config for a table with so many instances. */
export const config = (instances = 1, more = ""): string =>
  `backend: "onnxruntime" max_batch_size: 4
input [ { name: "INPUT0" data_type: TYPE_INT64 dims: [ 1 ] } ]
output [ { name: "OUTPUT0" data_type: TYPE_FP32 dims: [ 1, ${columns} ] } ]
instance_group [ { count: ${instances} kind: KIND_CPU } ]
${more}
`

/** The same as a load may bring it, with two instances. */
export const jsonConfig = {
  backend: "onnxruntime",
  max_batch_size: 4,
  input: [{ name: "INPUT0", data_type: "TYPE_INT64", dims: [1] }],
  output: [{ name: "OUTPUT0", data_type: "TYPE_FP32", dims: [1, columns] }],
  instance_group: [{ count: 2, kind: "KIND_CPU" }]
}

/** Writes a folder under a name that is no model's, so that nobody sees half of it, and moves it into place. */
export const place = (repository: string, path: string, files: Readonly<Record<string, string | Uint8Array>>): void => {
  const hidden = join(repository, "..", "writing")
  rmSync(hidden, { recursive: true, force: true })
  mkdirSync(hidden, { recursive: true })
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(hidden, name, ".."), { recursive: true })
    writeFileSync(join(hidden, name), content)
  }
  mkdirSync(join(repository, path, ".."), { recursive: true })
  renameSync(hidden, join(repository, path))
}

/** Bytes of a whole HTTP request for row 0 of a table, and of one version where told. */
export const request = (model: string, version?: number): Uint8Array => {
  const { body, headers } = binaryRequest([
    { name: "INPUT0", datatype: "INT64", shape: [1, 1], data: BigInt64Array.of(0n) }
  ])
  const path = `/v2/models/${model}${version === undefined ? "" : `/versions/${version}`}/infer`
  const head = [
    `POST ${path} HTTP/1.1`,
    "Host: 127.0.0.1",
    `Content-Length: ${body.byteLength}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    "",
    ""
  ].join("\r\n")
  return Buffer.concat([Buffer.from(head), body])
}

/** The number that an answer in binary form ends with. */
export const valueOf = (body: Buffer): number => body.readFloatLE(body.byteLength - 4)
