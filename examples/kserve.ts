/** The binary form of KServe V2 over plain `fetch`: all that the examples need of a client, in one page. */

/** A tensor of little-endian numbers, in row-major order. */
export interface Tensor {
  readonly name: string
  readonly datatype: "FP32" | "INT64"
  readonly shape: ReadonlyArray<number>
  readonly data: Float32Array | BigInt64Array
}

interface OutputHeader {
  readonly name: string
  readonly datatype: string
  readonly shape: ReadonlyArray<number>
  readonly parameters: { readonly binary_data_size: number }
}

/** An FP32 output of a model. */
export interface Output {
  readonly shape: ReadonlyArray<number>
  readonly data: Float32Array
}

const concatenate = (chunks: ReadonlyArray<Uint8Array>): Uint8Array<ArrayBuffer> => {
  const body = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.byteLength, 0))
  let offset = 0
  for (const chunk of chunks) {
    body.set(chunk, offset)
    offset += chunk.byteLength
  }
  return body
}

/** Fetches, and ends the program with one sentence where no server answers. */
const ask = (url: string, request: RequestInit): Promise<Response> =>
  fetch(url, request).catch(() => {
    process.stderr.write(`No server answers at ${new URL(url).origin}. Start one with "npm start", or name its URL.\n`)
    process.exit(1)
  })

/**
 * Asks a model once and gives its FP32 outputs by name.
 *
 * The body is a JSON header and, right behind it, the bytes of the inputs; `Inference-Header-Content-Length` tells where the
 * header ends. The answer has the same form. `path` is `models/NAME` or `models/NAME/versions/N`.
 */
export const infer = async (
  server: string,
  path: string,
  inputs: ReadonlyArray<Tensor>
): Promise<ReadonlyMap<string, Output>> => {
  const header = new TextEncoder().encode(JSON.stringify({
    inputs: inputs.map(({ name, datatype, shape, data }) => ({
      name,
      datatype,
      shape,
      parameters: { binary_data_size: data.byteLength }
    })),
    parameters: { binary_data_output: true }
  }))
  const chunks = inputs.map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  const response = await ask(`${server}/v2/${path}/infer`, {
    method: "POST",
    headers: {
      "content-type": "application/octet-stream",
      "inference-header-content-length": String(header.byteLength)
    },
    body: concatenate([header, ...chunks])
  })
  const body = await response.arrayBuffer()
  if (response.status !== 200) {
    throw new Error(`${path}: HTTP ${response.status} ${new TextDecoder().decode(body)}`)
  }
  let offset = Number(response.headers.get("inference-header-content-length"))
  const answer = JSON.parse(new TextDecoder().decode(body.slice(0, offset))) as {
    readonly outputs: ReadonlyArray<OutputHeader>
  }
  const outputs = new Map<string, Output>()
  for (const { name, shape, parameters } of answer.outputs) {
    const end = offset + parameters.binary_data_size
    // `slice` copies, so that the view starts at an aligned offset.
    outputs.set(name, { shape, data: new Float32Array(body.slice(offset, end)) })
    offset = end
  }
  return outputs
}

/** The server to ask: the first argument, else `GALATEA_URL`, else the default port on this machine. */
export const serverUrl = (): string =>
  (process.argv[2] ?? process.env["GALATEA_URL"] ?? "http://127.0.0.1:8000").replace(/\/+$/, "")

/** Prints why the example failed and ends it with exit code 1. */
export const fail = (reason: string): never => {
  console.error(`failed: ${reason}`)
  process.exit(1)
}
