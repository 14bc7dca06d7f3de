/** Models that go on from step to step, each beside the same model without sequences. */
import * as Onnx from "../test/fixtures/onnx/OnnxWriter.ts"
import * as SequenceModels from "../test/fixtures/onnx/SequenceModels.ts"
import * as models from "./models.ts"

/** Sequences that one instance has at once: as many as a batch has rows. */
export const slots = 64

/** Nobody's sequence ends before a benchmark does. */
const idle = "max_sequence_idle_microseconds: 600000000"

/** A running sum of 16 numbers, with all four controls; START begins anew. */
export const running = (): Uint8Array => SequenceModels.controlled({ width: 16 })

/** What a client of {@link running} sees without its sequences: INPUT + 1 → OUTPUT. */
export const plain = (): Uint8Array =>
  Onnx.model({
    inputs: [Onnx.tensorInfo("INPUT", "INT32", ["batch", 16])],
    outputs: [Onnx.tensorInfo("OUTPUT", "INT32", ["batch", 16])],
    nodes: [Onnx.node("Add", ["INPUT", "one"], ["OUTPUT"])],
    initializers: [Onnx.initializer("one", "INT32", [1], Int32Array.of(1))]
  })

const one = "instance_group [ { count: 1 kind: KIND_CPU } ]"

const controls = `control_input [ ${
  ["START", "END", "READY"].map((name) =>
    `{ name: "${name}" control [ { kind: CONTROL_SEQUENCE_${name} int32_false_true: [ 0, 1 ] } ] }`
  ).join(", ")
}, { name: "CORRID" control [ { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_UINT64 } ] } ]`

/** The config of {@link running} with this strategy, and of one with so many numbers. */
export const runningConfig = (strategy: string, width = 16): string =>
  `backend: "onnxruntime" max_batch_size: ${slots} ${ioOf(width)} ${one}
sequence_batching {
  ${idle} ${strategy} ${controls}
  state [ { input_name: "INPUT_STATE" output_name: "OUTPUT_STATE" data_type: TYPE_INT32 dims: [ ${width} ] } ]
}`

const ioOf = (width: number): string =>
  [models.io("input", [["INPUT", "INT32", String(width)]]), models.io("output", [["OUTPUT", "INT32", String(width)]])]
    .join(" ")

/** The config of {@link plain} with this scheduler. */
export const plainConfig = (scheduler: string): string =>
  `backend: "onnxruntime" max_batch_size: ${slots} ${ioOf(16)} ${one} ${scheduler}`

/** Both strategies, as a config has them. */
export const strategies = { oldest: "oldest { }", direct: "direct { }" } as const

/** Silero's voice detector whose state the server keeps: its first dimension is the layers, the second the batch. */
const sileroSequence = `
backend: "onnxruntime"
max_batch_size: 32
${models.io("input", [["input", "FP32", "-1"], ["sr", "INT64", "1"]])}
${models.io("output", [["output", "FP32", "1"]])}
sequence_batching {
  ${idle}
  oldest { }
  state [ { input_name: "state" output_name: "stateN" data_type: TYPE_FP32 dims: [ 2, 128 ] } ]
}
${one}
parameters { key: "intra_op_thread_count" value { string_value: "1" } }
parameters { key: "galatea.batch_dim.state" value { string_value: "1" } }
parameters { key: "galatea.batch_dim.stateN" value { string_value: "1" } }
parameters { key: "galatea.shared.sr" value { string_value: "true" } }
`

/** Both kinds of running sums, the model beside them, and the voice detector. */
export const repository = (folder: string): string => {
  models.write(folder, "plain", plain(), plainConfig("dynamic_batching { }"))
  models.write(folder, "running_oldest", running(), runningConfig(strategies.oldest))
  models.write(folder, "running_direct", running(), runningConfig(strategies.direct))
  models.write(folder, "silero_sequence", models.silero, sileroSequence)
  return folder
}
