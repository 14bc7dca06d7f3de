/**
 * Reads a request whose whole body is the data of the model's only input.
 *
 * Source: protocol.md 4.8 and 0.
 */
import type { Result } from "effect"
import * as BatchAxis from "../../../../schema/BatchAxis.ts"
import { byteSize } from "../../../../schema/DataType.ts"
import type { InvalidRequest } from "../../../../schema/Errors.ts"
import type { Tensor } from "../../../../schema/Inference.ts"
import type { ModelSignature, SignatureTensor } from "../../../../schema/ModelSignature.ts"
import { attempt } from "../json/JsonAccess.ts"
import { type DecodedRequest, type DecodeOptions, ordinaryMemory, uniform } from "./DecodedRequest.ts"
import * as RequestFault from "./RequestFault.ts"

const invalid = (message: string): InvalidRequest => RequestFault.invalid(RequestFault.requestPrefix("") + message)

const text = (
  body: Uint8Array,
  input: SignatureTensor,
  options: DecodeOptions
): Tensor => {
  if (input.dims.length !== 1 || input.dims[0] !== 1) {
    throw invalid("For BYTE datatype raw input 'raw_input', the model must have input shape [1]")
  }
  const data = (options.allocate ?? ordinaryMemory)(4 + body.length)
  new DataView(data.buffer, data.byteOffset, 4).setUint32(0, body.length, true)
  data.set(body, 4)
  return { name: input.name, datatype: "BYTES", shape: BatchAxis.insert([1], input.batchAxis, 1), data }
}

const fixed = (
  body: Uint8Array,
  input: SignatureTensor,
  options: DecodeOptions
): Tensor => {
  if (input.dims.filter((dim) => dim < 0).length > 1) {
    throw invalid(
      "The shape of the raw input 'raw_input' can not be deduced because there are more than one variable-sized dimension"
    )
  }
  const size = byteSize(input.datatype)
  const known = input.dims.reduce((count, dim) => dim < 0 ? count : count * dim, size)
  const dims = input.dims.map((dim) => dim >= 0 ? dim : known === 0 ? 0 : Math.floor(body.length / known))
  const expected = dims.reduce((count, dim) => count * dim, size)
  if (expected !== body.length) {
    throw invalid(
      `input byte size mismatch for input 'raw_input' for model '${options.modelName}'. ` +
        `Expected ${expected}, got ${body.length}`
    )
  }
  return { name: input.name, datatype: input.datatype, shape: BatchAxis.insert(dims, input.batchAxis, 1), data: body }
}

/**
 * The request that `body` makes for a model of one input: batch of one, all outputs, answered in binary.
 *
 * The tensor is a view of `body`; only a BYTES input is copied, behind the length that is put before it.
 *
 * @category decoding
 */
export const decodeRaw = (
  body: Uint8Array,
  signature: ModelSignature,
  options: DecodeOptions
): Result.Result<DecodedRequest, InvalidRequest> =>
  attempt((): DecodedRequest => {
    if (body.length > options.maxInputSize) {
      throw RequestFault.invalid(
        `Raw input has a byte_size (${body.length} bytes) that exceeds the maximum allowed value of ` +
          `${options.maxInputSize} bytes. Use --http-max-input-size to increase the limit.`
      )
    }
    const [input] = signature.inputs
    if (input === undefined || signature.inputs.length !== 1) {
      throw invalid(
        `Raw request must only have 1 input (found 1) to be deduced but got ${signature.inputs.length} inputs in ` +
          `'${options.modelName}' model configuration`
      )
    }
    const tensor = input.datatype === "BYTES" ? text(body, input, options) : fixed(body, input, options)
    return {
      request: {
        id: "",
        inputs: [tensor],
        outputs: [],
        parameters: new Map(),
        priority: 0,
        timeoutMicros: 0,
        deadlineMicros: 0,
        sequence: undefined,
        trace: options.trace
      },
      outputEncoding: uniform("binary"),
      clientTensors: undefined
    }
  }) as Result.Result<DecodedRequest, InvalidRequest>
