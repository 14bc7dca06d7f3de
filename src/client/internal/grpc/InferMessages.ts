/** An inference as messages of gRPC. Tensors travel as raw contents, never copied. Source: protocol §7.4. */
import type { DataType } from "../../../schema/DataType.ts"
import type { Parameter } from "../../../schema/Inference.ts"
import type { DraftOf, TypeOf } from "../../../schema/proto/Descriptor.ts"
import type { InferParameter, ModelInferRequest, ModelInferResponse } from "../../../schema/proto/InferFields.ts"
import * as Elements from "../Elements.ts"
import { invalid, type WireRequest } from "../WireRequest.ts"
import { unexpected, type WireResponse, type WireTensor } from "../WireResponse.ts"

type ParameterDraft = DraftOf<typeof InferParameter>
type Output = TypeOf<typeof ModelInferResponse>["outputs"][number]

const int64 = (value: bigint): boolean => BigInt.asIntN(64, value) === value

const parameterOf = (model: string, name: string, value: Parameter): ParameterDraft => {
  if (typeof value === "boolean") return { bool_param: value }
  if (typeof value === "string") return { string_param: value }
  if (typeof value === "number" && !Number.isSafeInteger(value)) return { double_param: value }
  const integer = BigInt(value)
  if (int64(integer)) return { int64_param: integer }
  throw invalid(model, `parameter '${name}' is ${value}, which is more than 64 bits with a sign hold`)
}

const parametersOf = (request: WireRequest): Readonly<Record<string, ParameterDraft>> => {
  const { model, priority, queueTimeoutMicros, sequence } = request
  const parameters = request.parameters.map(([name, value]) => [name, parameterOf(model, name, value)] as const)
  if (priority !== 0) parameters.push(["priority", { uint64_param: BigInt(priority) }])
  if (queueTimeoutMicros !== 0) parameters.push(["timeout", { int64_param: BigInt(queueTimeoutMicros) }])
  if (sequence !== undefined) {
    const { end, id, start } = sequence
    parameters.push(
      // The bits of an id above 2^63 - 1 are those of a negative number.
      ["sequence_id", typeof id === "string" ? { string_param: id } : { int64_param: BigInt.asIntN(64, id) }],
      ["sequence_start", { bool_param: start }],
      ["sequence_end", { bool_param: end }]
    )
  }
  return Object.fromEntries(parameters)
}

/** @internal */
export const toMessage = (request: WireRequest): DraftOf<typeof ModelInferRequest> => ({
  model_name: request.model,
  model_version: request.version,
  id: request.id,
  parameters: parametersOf(request),
  inputs: request.inputs.map(({ datatype, name, shape }) => ({ name, datatype, shape })),
  outputs: request.outputs.map(({ classification, name }) => ({
    name,
    parameters: classification === 0 ? {} : { classification: { int64_param: BigInt(classification) } }
  })),
  raw_input_contents: request.inputs.map(({ data }) => data)
})

const valueOf = (parameter: TypeOf<typeof InferParameter>): Parameter => {
  const { bool_param: bool, double_param: double, int64_param: integer, string_param: text, uint64_param: unsigned } =
    parameter
  const whole = integer ?? unsigned
  if (whole !== undefined) return Number.isSafeInteger(Number(whole)) ? Number(whole) : whole
  return bool ?? text ?? double ?? ""
}

/** The values of a tensor that came in typed fields, as some servers send them. */
const typedValues = (datatype: DataType, { contents }: Output): ReadonlyArray<unknown> | undefined => {
  if (contents === undefined) return undefined
  switch (datatype) {
    case "BOOL":
      return contents.bool_contents
    case "BYTES":
      return contents.bytes_contents
    case "INT64":
      return contents.int64_contents
    case "UINT64":
      return contents.uint64_contents
    case "FP32":
      return contents.fp32_contents
    case "FP64":
      return contents.fp64_contents
    case "INT8":
    case "INT16":
    case "INT32":
      return contents.int_contents
    case "UINT8":
    case "UINT16":
    case "UINT32":
      return contents.uint_contents
    default:
      return undefined
  }
}

/** The answer that a message holds. `request` names the call in messages. @internal */
export const fromMessage = (message: TypeOf<typeof ModelInferResponse>, request: string): WireResponse => {
  const raw = message.raw_output_contents
  const outputs = message.outputs.map((output, i): WireTensor => {
    const { datatype, name, shape } = output
    const fail = (problem: string) =>
      unexpected(request, `output '${name}' of model '${message.model_name}' ${problem}`)
    if (!Elements.isDatatype(datatype)) throw fail(`has the unknown datatype '${datatype}'`)
    const bytes = raw[i]
    if (bytes !== undefined) return { name, datatype, shape, data: bytes as Elements.Bytes }
    const values = typedValues(datatype, output)
    if (values === undefined) throw fail("came without contents")
    return { name, datatype, shape, data: Elements.encode(datatype, values, fail) as Elements.Bytes }
  })
  return {
    id: message.id,
    modelName: message.model_name,
    modelVersion: message.model_version,
    parameters: Object.fromEntries(
      Object.entries(message.parameters).map(([name, parameter]) => [name, valueOf(parameter)])
    ),
    outputs
  }
}
