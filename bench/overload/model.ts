/** A model whose run takes some milliseconds of one core, with small tensors: the generator of the load has little to do beside it. */
import * as Onnx from "../../test/fixtures/onnx/OnnxWriter.ts"

const rows = 512
const width = 256

/** Numbers that neither vanish nor grow through the layers. */
const matrix = (height: number, breadth: number): Float32Array =>
  Float32Array.from({ length: height * breadth }, (_, i) => ((i * 7919) % 2003 / 2003 - 0.5) / Math.sqrt(height))

/** X of `[1,256]` → Y of `[1,256]`, through two products of matrices for each layer. */
export const bytes = (layers: number): Uint8Array => {
  const nodes: Array<Onnx.Node> = [Onnx.node("Add", ["rows", "X"], ["layer_0"])]
  for (let i = 0; i < layers; i++) {
    nodes.push(
      Onnx.node("MatMul", [`layer_${i}`, "widen"], [`wide_${i}`]),
      Onnx.node("MatMul", [`wide_${i}`, "narrow"], [`layer_${i + 1}`])
    )
  }
  nodes.push(Onnx.node("MatMul", ["sum", `layer_${layers}`], ["Y"]))
  return Onnx.model({
    inputs: [Onnx.tensorInfo("X", "FP32", [1, width])],
    outputs: [Onnx.tensorInfo("Y", "FP32", [1, width])],
    nodes,
    initializers: [
      Onnx.initializer("rows", "FP32", [rows, width], matrix(rows, width)),
      Onnx.initializer("widen", "FP32", [width, rows], matrix(width, rows)),
      Onnx.initializer("narrow", "FP32", [rows, width], matrix(rows, width)),
      Onnx.initializer("sum", "FP32", [1, rows], new Float32Array(rows).fill(1 / rows))
    ]
  })
}

/** Without a batcher, and one instance with one thread: requests wait in line, and another core is left for server and generator. */
export const config = [
  "backend: \"onnxruntime\"",
  `input [ { name: "X" data_type: TYPE_FP32 dims: [ 1, ${width} ] } ]`,
  `output [ { name: "Y" data_type: TYPE_FP32 dims: [ 1, ${width} ] } ]`,
  "instance_group [ { count: 1 kind: KIND_CPU } ]",
  "parameters { key: \"intra_op_thread_count\" value { string_value: \"1\" } }"
].join("\n")

/** What it is asked. */
export const shape: ReadonlyArray<number> = [1, width]
