/** The answer to an inference over HTTP: JSON alone, or JSON and the tensors behind it. Source: protocol §4.7. */
import type { DataType } from "../../../schema/DataType.ts"
import type { Parameter } from "../../../schema/Inference.ts"
import * as Elements from "../Elements.ts"
import { elements } from "../WireRequest.ts"
import { unexpected, type WireResponse, type WireTensor } from "../WireResponse.ts"
import { errorOf } from "./ErrorAnswer.ts"
import * as ExactJson from "./ExactJson.ts"
import { type Answer, isRecord } from "./Operation.ts"

/** @internal */
export const readInferAnswer = (request: string, answer: Answer): WireResponse => {
  if (answer.status !== 200) throw errorOf(request, answer)
  const fail = (problem: string) => unexpected(request, `${request} was answered ${problem}`)
  const length = jsonLength(answer, fail)
  const json = parse(new TextDecoder().decode(answer.body.subarray(0, length)), fail)
  const { id, model_name: modelName, model_version: modelVersion, outputs, parameters } = json
  if (!Array.isArray(outputs)) throw fail("without a list of outputs")
  let at = length
  const tensors = outputs.map((output: unknown): WireTensor => {
    const { data, datatype, name, parameters: own, shape } = checkOutput(output, fail)
    const told = isRecord(own) ? own["binary_data_size"] : undefined
    if (typeof told !== "number") return { name, datatype, shape, data: fromJson(name, datatype, shape, data, fail) }
    const end = at + told
    if (end > answer.body.byteLength) {
      throw fail(`with ${answer.body.byteLength - at} bytes for output '${name}', which announces ${told}`)
    }
    const bytes = answer.body.subarray(at, end)
    at = end
    return { name, datatype, shape, data: bytes }
  })
  if (at !== answer.body.byteLength) throw fail(`with ${answer.body.byteLength - at} bytes that belong to no output`)
  return {
    id: typeof id === "string" ? id : "",
    modelName: typeof modelName === "string" ? modelName : "",
    modelVersion: typeof modelVersion === "string" ? modelVersion : "",
    parameters: isRecord(parameters) ? parameters as Record<string, Parameter> : {},
    outputs: tensors
  }
}

type Fail = (problem: string) => Error

const jsonLength = ({ body, header }: Answer, fail: Fail): number => {
  const told = header("inference-header-content-length")
  if (told !== undefined) {
    const length = Number(told)
    if (Number.isSafeInteger(length) && length > 0 && length <= body.byteLength) return length
    throw fail(`with ${body.byteLength} bytes, of which '${told}' should be JSON`)
  }
  if (header("content-type")?.startsWith("application/octet-stream") !== true) return body.byteLength
  // A page from elsewhere sees only the headers that the server exposes to it: the JSON itself then tells where it ends.
  const end = ExactJson.endOfObject(body)
  if (end === undefined) throw fail("with something that does not begin with JSON")
  return end
}

const parse = (text: string, fail: Fail): Readonly<Record<string, unknown>> => {
  let json: unknown
  try {
    json = parsed(text)
  } catch {
    throw fail("with something that is no JSON")
  }
  if (!isRecord(json)) throw fail("with JSON that is no object")
  return json
}

/** 64-bit integers as text are exact in the slower reader only; tensors in binary never need it. */
const parsed = (text: string): unknown =>
  /"data"\s*:|[\d"]\s*:\s*-?\d{16}|NaN|Infinity/.test(text) ? ExactJson.parse(text) : JSON.parse(text)

interface Output {
  readonly name: string
  readonly datatype: DataType
  readonly shape: ReadonlyArray<number>
  readonly parameters?: unknown
  readonly data?: unknown
}

const checkOutput = (output: unknown, fail: Fail): Output => {
  if (!isRecord(output)) throw fail("with an output without a name")
  const { data, datatype, name, parameters, shape } = output
  if (typeof name !== "string") throw fail("with an output without a name")
  if (!Elements.isDatatype(datatype)) {
    throw fail(`with output '${name}' of the unknown datatype ${JSON.stringify(datatype)}`)
  }
  if (!Array.isArray(shape) || !shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    throw fail(`with output '${name}' of the shape ${JSON.stringify(shape)}`)
  }
  return { name, datatype, shape, parameters, data }
}

/** The binary form of a tensor that came as JSON, flat or nested. */
const fromJson = (
  name: string,
  datatype: DataType,
  shape: ReadonlyArray<number>,
  data: unknown,
  fail: Fail
): Elements.Bytes => {
  if (!Array.isArray(data)) throw fail(`without data of output '${name}'`)
  const flat: ReadonlyArray<unknown> = data.flat(Infinity)
  if (flat.length !== elements(shape)) {
    throw fail(
      `with ${flat.length} elements of output '${name}', whose shape [${shape.join(",")}] needs ${elements(shape)}`
    )
  }
  return Elements.encode(datatype, flat, (problem) => fail(`with output '${name}', which ${problem}`)) as Elements.Bytes
}
