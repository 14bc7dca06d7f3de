/** Ensembles, and the models of their steps. */
import * as Models from "../test/fixtures/onnx/Models.ts"
import * as Onnx from "../test/fixtures/onnx/OnnxWriter.ts"
import * as models from "./models.ts"

/** Side of the square matrices of {@link busy}. */
const side = 384

/**
 * Keeps one core busy with `products` products of matrices, most of a millisecond each: FP32 X `[-1,384]` → Y of the same shape. With
 * two inputs, X0 and X1, it begins with their sum.
 */
const busy = (products: number, inputs: ReadonlyArray<string> = ["X"]): Uint8Array => {
  const shape = ["batch", side]
  const weights = Float32Array.from({ length: side * side }, (_, i) => ((i * 7919) % 101 - 50) / 50 / side)
  const nodes = inputs.length === 1 ? [] : [Onnx.node("Add", inputs, ["sum"])]
  nodes.push(
    Onnx.node("Unsqueeze", [inputs.length === 1 ? "X" : "sum", "last"], ["column"]),
    Onnx.node("Mul", ["column", "spread"], ["matrix_0"])
  )
  for (let i = 0; i < products; i++) {
    nodes.push(Onnx.node("MatMul", [`matrix_${i}`, "weights"], [`matrix_${i + 1}`]))
  }
  nodes.push(Onnx.node("ReduceMean", [`matrix_${products}`, "last"], ["Y"], { keepdims: 0 }))
  return Onnx.model({
    inputs: inputs.map((name) => Onnx.tensorInfo(name, "FP32", shape)),
    outputs: [Onnx.tensorInfo("Y", "FP32", shape)],
    nodes,
    initializers: [
      Onnx.initializer("last", "INT64", [1], BigInt64Array.of(2n)),
      Onnx.initializer("spread", "FP32", [1, side], new Float32Array(side).fill(1)),
      Onnx.initializer("weights", "FP32", [side, side], weights)
    ]
  })
}

/** The request of {@link busy}, and of ensembles of it. */
export const busyInput = { name: "X", shape: [1, side] } as const

/** More instances of models that are asked together would wait for each other on few cores. */
const one = "instance_group [ { count: 1 kind: KIND_CPU } ]"

/** One instance with one thread: a step keeps one core busy. */
const busyConfig = (inputs: ReadonlyArray<string>) =>
  `backend: "onnxruntime" max_batch_size: 1
${models.io("input", inputs.map((name) => [name, "FP32", String(side)] as const))}
${models.io("output", [["Y", "FP32", String(side)]])}
${one}
parameters { key: "intra_op_thread_count" value { string_value: "1" } }`

type Names = Readonly<Record<string, string>>

const map = (field: string, names: Names): string =>
  Object.entries(names).map(([key, value]) => `${field} { key: "${key}" value: "${value}" }`).join(" ")

const step = (model: string, inputs: Names, outputs: Names): string =>
  `step { model_name: "${model}" model_version: -1 ${map("input_map", inputs)} ${map("output_map", outputs)} }`

const ensemble = (maxBatchSize: number, io: ReadonlyArray<string>, steps: ReadonlyArray<string>): string =>
  `platform: "ensemble" max_batch_size: ${maxBatchSize} ${io.join("\n")}\nensemble_scheduling { ${steps.join("\n")} }`

const busyIo = [
  models.io("input", [["X", "FP32", String(side)]]),
  models.io("output", [["Y", "FP32", String(side)]])
]

const simpleIo = [
  models.io("input", [["INPUT0", "INT32", "16"], ["INPUT1", "INT32", "16"]]),
  models.io("output", [["OUTPUT0", "INT32", "16"], ["OUTPUT1", "INT32", "16"]])
]

/** One behind the other, with both outputs of each as the inputs of the next. */
const three = ensemble(
  64,
  simpleIo,
  ["first", "second", "third"].map((model, i) =>
    step(
      model,
      i === 0 ? { INPUT0: "INPUT0", INPUT1: "INPUT1" } : { INPUT0: `sum_${i}`, INPUT1: `difference_${i}` },
      i === 2 ? { OUTPUT0: "OUTPUT0", OUTPUT1: "OUTPUT1" } : { OUTPUT0: `sum_${i + 1}`, OUTPUT1: `difference_${i + 1}` }
    )
  )
)

/** What both branches of the diamond begin with, and the longer one; the path that the shorter one is not on ends as the diamond does. */
const stem = step("stem", { X: "X" }, { Y: "trunk" })
const long = step("long", { X: "trunk" }, { Y: "left" })

/** Products of matrices of the steps that lie on the longest path of the diamond, and beside it. */
const products = { stem: 2, long: 6, short: 3, join: 2 }

/** Models of steps, and ensembles of them. */
export const repository = (folder: string): string => {
  for (const name of ["simple", "first", "second", "third"]) {
    models.write(
      folder,
      name,
      Models.simple(),
      `backend: "onnxruntime" max_batch_size: 64 ${simpleIo.join("\n")} dynamic_batching { } ${one}`
    )
  }
  models.ensemble(folder, "three", three)
  for (const name of ["stem", "long", "short"] as const) {
    models.write(folder, name, busy(products[name]), busyConfig(["X"]))
  }
  models.write(folder, "join", busy(products.join, ["X0", "X1"]), busyConfig(["X0", "X1"]))
  models.ensemble(
    folder,
    "diamond",
    ensemble(1, busyIo, [
      stem,
      long,
      step("short", { X: "trunk" }, { Y: "right" }),
      step("join", { X0: "left", X1: "right" }, { Y: "Y" })
    ])
  )
  models.ensemble(
    folder,
    "path",
    ensemble(1, busyIo, [stem, long, step("join", { X0: "left", X1: "left" }, { Y: "Y" })])
  )
  return folder
}
