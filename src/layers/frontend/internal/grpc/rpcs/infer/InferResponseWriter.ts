/**
 * Writes `ModelInferResponse`, and `ModelStreamInferResponse` around it.
 *
 * Source: protocol §7.3, §7.4, §7.5.
 */
import type { InferenceResponse, Parameter } from "../../../../../../schema/Inference.ts"
import { type WireParts, WireWriter } from "../../../../../../schema/proto/WireWriter.ts"

/** Tags: field number times 8 plus wire type. */
const Response = { modelName: 10, modelVersion: 18, id: 26, parameter: 34, output: 42, raw: 50 } as const
const Output = { name: 10, datatype: 18, shape: 26 } as const
const Entry = { key: 10, value: 18 } as const
const Choice = { bool: 8, int64: 16, string: 26, double: 33, uint64: 40 } as const
const StreamResponse = { error: 10, response: 18 } as const

const largestInt64 = 0x7fff_ffff_ffff_ffffn

/** Tensors up to this many bytes are copied behind the head of the message, so that a small answer is one piece. */
const joined = 16 * 1024

/** One for all: a message is written in one go, and its parts are the receiver's. */
const writer = new WireWriter({ spliceFrom: joined + 1 })

const writeChoice = (value: Parameter): void => {
  switch (typeof value) {
    case "boolean":
      writer.uint32(Choice.bool)
      writer.bool(value)
      return
    case "string":
      writer.uint32(Choice.string)
      writer.string(value)
      return
    case "bigint":
      writer.uint32(value > largestInt64 ? Choice.uint64 : Choice.int64)
      writer.int64(value)
      return
    case "number":
      if (Number.isSafeInteger(value)) {
        writer.uint32(Choice.int64)
        writer.int64Number(value)
      } else {
        writer.uint32(Choice.double)
        writer.double(value)
      }
  }
}

const writeParameter = (key: string, value: Parameter): void => {
  writer.uint32(Response.parameter)
  writer.begin()
  writer.uint32(Entry.key)
  writer.string(key)
  writer.uint32(Entry.value)
  writer.begin()
  writeChoice(value)
  writer.end()
  writer.end()
}

const writeText = (tag: number, text: string): void => {
  if (text === "") return
  writer.uint32(tag)
  writer.string(text)
}

const finalResponse = "triton_final_response"

const writeBody = (response: InferenceResponse, final: boolean | undefined): void => {
  const { id, modelName, modelVersion, outputs, parameters } = response
  writeText(Response.modelName, modelName)
  writeText(Response.modelVersion, modelVersion)
  writeText(Response.id, id)
  if (parameters.size > 0) { for (const [key, value] of parameters) writeParameter(key, value) }
  if (final !== undefined) writeParameter(finalResponse, final)
  for (let i = 0; i < outputs.length; i++) {
    const { datatype, name, shape } = outputs[i]!
    writer.uint32(Response.output)
    writer.begin()
    writer.uint32(Output.name)
    writer.string(name)
    writer.uint32(Output.datatype)
    writer.string(datatype)
    if (shape.length > 0) {
      writer.uint32(Output.shape)
      writer.begin()
      for (let d = 0; d < shape.length; d++) writer.int64Number(shape[d]!)
      writer.end()
    }
    writer.end()
  }
  for (let i = 0; i < outputs.length; i++) {
    writer.uint32(Response.raw)
    writer.bytes(outputs[i]!.data)
  }
}

/** `true`: parts of the message are views of the response's tensors, so that it is released only after they were sent. @internal */
export const borrows = (response: InferenceResponse): boolean => {
  for (let i = 0; i < response.outputs.length; i++) if (response.outputs[i]!.data.length > joined) return true
  return false
}

/** The only answer of a `ModelInfer`. @internal */
export const unary = (response: InferenceResponse): WireParts => {
  writeBody(response, undefined)
  return writer.finish()
}

/** An answer of a `ModelStreamInfer`; `final`: its request's last one. @internal */
export const streamed = (response: InferenceResponse, final: boolean): WireParts => {
  writer.uint32(StreamResponse.response)
  writer.begin()
  writeBody(response, final)
  writer.end()
  return writer.finish()
}

/** Names a request of a stream that failed. @internal */
export interface FailedRequest {
  readonly id: string
  readonly modelName: string
  readonly modelVersion: string
}

/** A failure of a `ModelStreamInfer`. `begun`: the request was accepted and failed later. @internal */
export const streamedFailure = (message: string, request: FailedRequest, begun: boolean): WireParts => {
  writeText(StreamResponse.error, message)
  writer.uint32(StreamResponse.response)
  writer.begin()
  if (begun) {
    writeText(Response.modelName, request.modelName)
    writeText(Response.modelVersion, request.modelVersion)
  }
  writeText(Response.id, request.id)
  if (begun) writeParameter(finalResponse, true)
  writer.end()
  return writer.finish()
}
