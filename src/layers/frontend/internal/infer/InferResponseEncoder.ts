/**
 * Writes the answer to an inference request: JSON, or JSON followed by binary tensors.
 *
 * Source: protocol.md 4.6, 4.7.
 */
import { Result } from "effect"
import { byteSize } from "../../../../schema/DataType.ts"
import { ExecutionFailed, InvalidRequest } from "../../../../schema/Errors.ts"
import type { InferenceResponse, Parameter, Tensor } from "../../../../schema/Inference.ts"
import * as ByteCopy from "../../../ByteCopy.ts"
import { JsonWriter } from "../json/JsonWriter.ts"
import * as TensorWriter from "../json/TensorWriter.ts"
import type { DecodedRequest } from "./DecodedRequest.ts"
import type { KnownAnswer } from "./KnownAnswer.ts"

/** Binary tensors up to this many bytes in all are copied behind the JSON, so that an answer is one piece. */
const joined = 32 * 1024

/** @category models */
export interface EncodedResponse {
  readonly contentType: "application/json" | "application/octet-stream"
  /** Bytes of JSON before the tensors; `undefined` where the whole answer is JSON. */
  readonly inferenceHeaderContentLength: number | undefined
  /** The answer in order. Parts may be views of the response's tensors: release the response after they were sent. */
  readonly parts: ReadonlyArray<Uint8Array>
  readonly byteLength: number
}

const writeParameter = (writer: JsonWriter, value: Parameter): void => {
  if (typeof value === "string") writer.string(value)
  else if (typeof value === "boolean") writer.raw(value ? "true" : "false")
  else if (typeof value === "bigint" || Number.isSafeInteger(value)) writer.integer(value)
  else writer.double(value)
}

const writeParameters = (writer: JsonWriter, parameters: ReadonlyMap<string, Parameter>): void => {
  let separator = ",\"parameters\":{"
  for (const [key, value] of parameters) {
    writer.raw(separator)
    writer.string(key)
    writer.byte(0x3a)
    writeParameter(writer, value)
    separator = ","
  }
  writer.byte(0x7d)
}

const writeData = (
  writer: JsonWriter,
  output: Tensor,
  model: string
): InvalidRequest | ExecutionFailed | undefined => {
  const { data, datatype, name, shape } = output
  if (datatype === "FP16" || datatype === "BF16") {
    return new InvalidRequest({
      message: `sending ${datatype} data via JSON is not supported. Please use the binary data format for output`
    })
  }
  let count = 1
  for (const dim of shape) count *= dim
  const fits = datatype === "BYTES"
    ? TensorWriter.strings(writer, data, count)
    : data.length === count * byteSize(datatype)
  if (!fits) {
    return new ExecutionFailed({
      model,
      message: `${
        datatype === "BYTES" ? "" : "Failed to write 'data' field: "
      }output tensor shape does not match size of output for '${name}'`
    })
  }
  if (datatype !== "BYTES") TensorWriter.numbers(writer, datatype, data, count)
  return undefined
}

const write = (
  writer: JsonWriter,
  response: InferenceResponse,
  decoded: DecodedRequest
): EncodedResponse | InvalidRequest | ExecutionFailed => {
  const blobs: Array<Uint8Array> = []
  let blobBytes = 0
  writer.byte(0x7b)
  if (response.id !== "") {
    writer.raw("\"id\":")
    writer.string(response.id)
    writer.byte(0x2c)
  }
  writer.raw("\"model_name\":")
  writer.string(response.modelName)
  writer.raw(",\"model_version\":")
  writer.string(response.modelVersion)
  if (response.parameters.size > 0) writeParameters(writer, response.parameters)
  writer.raw(",\"outputs\":[")
  for (let i = 0; i < response.outputs.length; i++) {
    const output = response.outputs[i]!
    writer.raw(i === 0 ? "{\"name\":" : ",{\"name\":")
    writer.string(output.name)
    writer.raw(",\"datatype\":\"")
    writer.raw(output.datatype)
    writer.raw("\",\"shape\":[")
    for (let k = 0; k < output.shape.length; k++) {
      if (k > 0) writer.byte(0x2c)
      writer.integer(output.shape[k]!)
    }
    const encoding = decoded.outputEncoding.of(output.name)
    if (encoding === "region") writer.raw("]}")
    else if (encoding === "binary") {
      writer.raw("],\"parameters\":{\"binary_data_size\":")
      writer.integer(output.data.length)
      writer.raw("}}")
      if (output.data.length > 0) blobs.push(output.data)
      blobBytes += output.data.length
    } else {
      writer.raw("],\"data\":")
      const failure = writeData(writer, output, response.modelName)
      if (failure !== undefined) return failure
      writer.byte(0x7d)
    }
  }
  writer.raw("]}")
  const jsonLength = writer.byteLength
  const parts = blobBytes > 0 && blobBytes <= joined
    ? [writer.finishWith(blobs, blobBytes)]
    : [writer.finish(), ...blobs]
  return {
    contentType: blobBytes > 0 ? "application/octet-stream" : "application/json",
    inferenceHeaderContentLength: blobBytes > 0 ? jsonLength : undefined,
    parts,
    byteLength: jsonLength + blobBytes
  }
}

/**
 * The body and the headers that describe it.
 *
 * Fails with `InvalidRequest` (400) where an output has no JSON form, with `ExecutionFailed` (500) where its bytes do not fit its shape.
 *
 * @category encoding
 */
export const encode = (
  response: InferenceResponse,
  decoded: DecodedRequest
): Result.Result<EncodedResponse, InvalidRequest | ExecutionFailed> => {
  const known = decoded.answer?.of(response)
  if (known !== undefined) return Result.succeed(behind(known, response.outputs))
  const writer = new JsonWriter()
  const written = write(writer, response, decoded)
  if (written instanceof InvalidRequest || written instanceof ExecutionFailed) {
    writer.discard()
    return Result.fail(written)
  }
  if (decoded.answer !== undefined) remember(decoded.answer, response, decoded, written)
  return Result.succeed(written)
}

/** Keeps the JSON of an answer for the next one like it, where that is one piece with all of its tensors in binary. */
const remember = (
  answer: KnownAnswer,
  response: InferenceResponse,
  { outputEncoding }: DecodedRequest,
  { inferenceHeaderContentLength: length, parts }: EncodedResponse
): void => {
  if (length === undefined || parts.length > 1) return
  if (response.outputs.every(({ name }) => outputEncoding.of(name) === "binary")) {
    answer.keep(response, parts[0]!.subarray(0, length))
  }
}

/** An answer in one piece: JSON that is known, and the tensors. */
const behind = (head: Buffer, outputs: ReadonlyArray<Tensor>): EncodedResponse => {
  let byteLength = head.length
  for (let i = 0; i < outputs.length; i++) byteLength += outputs[i]!.data.length
  const piece = Buffer.allocUnsafe(byteLength)
  head.copy(piece)
  let at = head.length
  for (let i = 0; i < outputs.length; i++) at = ByteCopy.whole(outputs[i]!.data, piece, at)
  return {
    contentType: "application/octet-stream",
    inferenceHeaderContentLength: head.length,
    parts: [piece],
    byteLength
  }
}
