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

/** One request with binary inputs that asks for all outputs in binary form. */
export const binaryRequest = (inputs: ReadonlyArray<BinaryInput>): BinaryRequest => {
  const head = Buffer.from(JSON.stringify({
    inputs: inputs.map(({ data, ...input }) => ({ ...input, parameters: { binary_data_size: data.byteLength } })),
    parameters: { binary_data_output: true }
  }))
  const blobs = inputs.map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength))
  return {
    body: Buffer.concat([head, ...blobs]),
    headers: { "Content-Type": "application/octet-stream", "Inference-Header-Content-Length": String(head.byteLength) }
  }
}

/** The inputs of the `simple` model: two INT32 tensors of one row. */
export const simpleInputs = (): ReadonlyArray<BinaryInput> =>
  ["INPUT0", "INPUT1"].map((name) => ({
    name,
    datatype: "INT32",
    shape: [1, 16],
    data: Int32Array.from({ length: 16 }, (_, i) => i)
  }))

/** The request of the `simple` model. */
export const simple = (): BinaryRequest => binaryRequest(simpleInputs())

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

/** One window of sound for Silero's voice detector, with the state of a beginning: 32 ms at 16 kHz. */
export const silero = (): BinaryRequest =>
  binaryRequest([
    {
      name: "input",
      datatype: "FP32",
      shape: [1, 576],
      data: Float32Array.from({ length: 576 }, (_, i) => Math.sin(i / 10) / 2)
    },
    { name: "state", datatype: "FP32", shape: [2, 1, 128], data: new Float32Array(256) },
    { name: "sr", datatype: "INT64", shape: [1], data: BigInt64Array.of(16_000n) }
  ])
