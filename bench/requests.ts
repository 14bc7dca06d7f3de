/** Inference requests in KServe's binary form, as `tritonclient` sends them. */
export interface BinaryRequest {
  readonly body: Uint8Array
  readonly headers: Readonly<Record<string, string>>
}

export interface BinaryInput {
  readonly name: string
  readonly datatype: string
  readonly shape: ReadonlyArray<number>
  readonly data: ArrayBufferView
}

/** Parameters of a request, such as those that name its sequence. */
export type Parameters = Readonly<Record<string, number | boolean>>

/** One request with binary inputs that asks for all outputs in binary form. */
export const binaryRequest = (inputs: ReadonlyArray<BinaryInput>, parameters: Parameters = {}): BinaryRequest => {
  const head = Buffer.from(JSON.stringify({
    inputs: inputs.map(({ data, ...input }) => ({ ...input, parameters: { binary_data_size: data.byteLength } })),
    parameters: { ...parameters, binary_data_output: true }
  }))
  const blobs = inputs.map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength))
  return {
    body: Buffer.concat([head, ...blobs]),
    headers: { "Content-Type": "application/octet-stream", "Inference-Header-Content-Length": String(head.byteLength) }
  }
}

/** The inputs of the `simple` model: two INT32 tensors of one row. */
export const simpleInputs = (): ReadonlyArray<BinaryInput> => int32Inputs("INPUT0", "INPUT1")

/** The request of the `simple` model. */
export const simple = (): BinaryRequest => binaryRequest(simpleInputs())

/** The same request with its tensors as numbers in JSON. */
export const simpleJson = (): BinaryRequest => ({
  body: Buffer.from(JSON.stringify({
    inputs: simpleInputs().map(({ data, ...input }) => ({ ...input, data: Array.from(data as Int32Array) }))
  })),
  headers: { "Content-Type": "application/json" }
})

/** One FP32 tensor. */
export const float32Inputs = (name: string, shape: ReadonlyArray<number>): ReadonlyArray<BinaryInput> => [{
  name,
  datatype: "FP32",
  shape,
  data: new Float32Array(shape.reduce((product, dim) => product * dim, 1)).fill(0.5)
}]

/** A request with one FP32 tensor. */
export const float32 = (name: string, shape: ReadonlyArray<number>): BinaryRequest =>
  binaryRequest(float32Inputs(name, shape))

/** 32 ms of sound at 16 kHz, as Silero's voice detector reads it. */
const sound: BinaryInput = {
  name: "input",
  datatype: "FP32",
  shape: [1, 576],
  data: Float32Array.from({ length: 576 }, (_, i) => Math.sin(i / 10) / 2)
}

const rate: BinaryInput = { name: "sr", datatype: "INT64", shape: [1], data: BigInt64Array.of(16_000n) }

/** One window of sound for Silero's voice detector, with the state of a beginning. */
export const silero = (): BinaryRequest =>
  binaryRequest([sound, { name: "state", datatype: "FP32", shape: [2, 1, 128], data: new Float32Array(256) }, rate])

/** One window of sound whose state the server keeps. */
export const sileroStep = (parameters: Parameters): BinaryRequest => binaryRequest([sound, rate], parameters)

/** INT32 tensors of one row of 16. */
export const int32Inputs = (...names: ReadonlyArray<string>): ReadonlyArray<BinaryInput> =>
  names.map((name) => ({ name, datatype: "INT32", shape: [1, 16], data: Int32Array.from({ length: 16 }, (_, i) => i) }))

/** A step of a model whose input is INPUT, INT32 of 16. */
export const step = (parameters: Parameters = {}): BinaryRequest => binaryRequest(int32Inputs("INPUT"), parameters)
