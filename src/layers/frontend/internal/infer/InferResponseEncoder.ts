/**
 * Writes the answer to an inference request: JSON, or JSON followed by binary tensors.
 *
 * Source: protocol.md 4.6, 4.7.
 */
import { Result } from "effect"
import { byteSize } from "../../../../schema/DataType.ts"
import { ExecutionFailed, InvalidRequest } from "../../../../schema/Errors.ts"
import type { InferenceResponse, Parameter, Tensor } from "../../../../schema/Inference.ts"
import { JsonWriter } from "../json/JsonWriter.ts"
import * as TensorWriter from "../json/TensorWriter.ts"
import type { DecodedRequest } from "./DecodedRequest.ts"
import type { KnownAnswer, Surroundings } from "./KnownAnswer.ts"

/** Binary tensors up to this many bytes in all are copied behind the JSON, so that an answer is one piece. */
const joined = 32 * 1024

/** Up to here an answer is a string, which goes out with its head in one write. */
const maxText = 8192

/** @category models */
export interface EncodedResponse {
  readonly contentType: "application/json" | "application/octet-stream"
  /** Bytes of JSON before the tensors; `undefined` where the whole answer is JSON. */
  readonly inferenceHeaderContentLength: number | undefined
  /**
   * A short answer as a string, with a character for each byte; any other one in parts, in order. Parts may be views of the response's
   * tensors: release the response after they were sent.
   */
  readonly body: string | ReadonlyArray<Uint8Array>
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

/** Writes the JSON and gives the outputs whose bytes follow it. `spans` takes where data begins and where it ends, in turn. */
const write = (
  writer: JsonWriter,
  response: InferenceResponse,
  decoded: DecodedRequest,
  spans: Array<number>
): ReadonlyArray<Tensor> | InvalidRequest | ExecutionFailed => {
  const behind: Array<Tensor> = []
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
      behind.push(output)
    } else {
      writer.raw("],\"data\":")
      const start = writer.byteLength
      const failure = writeData(writer, output, response.modelName)
      if (failure !== undefined) return failure
      spans.push(start, writer.byteLength)
      writer.byte(0x7d)
    }
  }
  writer.raw("]}")
  return behind
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
  const { answer } = decoded
  const writer = new JsonWriter()
  const known = answer?.of(response)
  if (known !== undefined) return Result.succeed(around(writer, known, response.outputs))
  const spans: Array<number> = []
  const written = write(writer, response, decoded, spans)
  if (written instanceof InvalidRequest || written instanceof ExecutionFailed) {
    writer.discard()
    return Result.fail(written)
  }
  if (answer !== undefined) remember(answer, writer, response, written, spans)
  return Result.succeed(finish(writer, written))
}

/** The answer whose JSON was written. */
const finish = (writer: JsonWriter, behind: ReadonlyArray<Tensor>): EncodedResponse => {
  const jsonLength = writer.byteLength
  let byteLength = jsonLength
  for (let i = 0; i < behind.length; i++) byteLength += behind[i]!.data.length
  const isBinary = byteLength > jsonLength
  let body: EncodedResponse["body"]
  if (byteLength <= maxText) {
    for (let i = 0; i < behind.length; i++) writer.copy(behind[i]!.data)
    body = writer.finishText()
  } else {
    const blobs = behind.map(({ data }) => data).filter(({ length }) => length > 0)
    const isJoined = isBinary && byteLength - jsonLength <= joined
    body = isJoined ? [writer.finishWith(blobs, byteLength - jsonLength)] : [writer.finish(), ...blobs]
  }
  return {
    contentType: isBinary ? "application/octet-stream" : "application/json",
    inferenceHeaderContentLength: isBinary ? jsonLength : undefined,
    body,
    byteLength
  }
}

/** Keeps what stands around the tensors of a short answer for the next one like it, where these are all in one place. */
const remember = (
  answer: KnownAnswer,
  writer: JsonWriter,
  response: InferenceResponse,
  behind: ReadonlyArray<Tensor>,
  spans: ReadonlyArray<number>
): void => {
  const { outputs } = response
  if (writer.byteLength > maxText || outputs.length === 0) return
  if (behind.length === outputs.length) {
    answer.keep(response, { encoding: "binary", pieces: [writer.piece(0, writer.byteLength)] })
  } else if (spans.length === 2 * outputs.length && outputs.every(({ datatype }) => datatype !== "BYTES")) {
    const borders = [0, ...spans, writer.byteLength]
    const pieces = [...outputs.keys(), outputs.length].map((i) => writer.piece(borders[2 * i]!, borders[2 * i + 1]!))
    answer.keep(response, { encoding: "json", pieces })
  }
}

/** An answer of which everything is known but the contents of the tensors. */
const around = (
  writer: JsonWriter,
  { encoding, pieces }: Surroundings,
  outputs: ReadonlyArray<Tensor>
): EncodedResponse => {
  writer.copy(pieces[0]!)
  if (encoding === "binary") return finish(writer, outputs)
  for (let i = 0; i < outputs.length; i++) {
    const { data, datatype } = outputs[i]!
    TensorWriter.numbers(writer, datatype, data, data.length / byteSize(datatype))
    writer.copy(pieces[i + 1]!)
  }
  return finish(writer, none)
}

const none: ReadonlyArray<Tensor> = []
