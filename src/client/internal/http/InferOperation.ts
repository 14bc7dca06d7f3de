/** An inference over HTTP: JSON, and behind it the tensors. Source: protocol §4. */
import type { Parameter } from "../../../schema/Inference.ts"
import * as Elements from "../Elements.ts"
import { invalid, type WireRequest } from "../WireRequest.ts"
import type { WireResponse } from "../WireResponse.ts"
import { readInferAnswer } from "./InferAnswer.ts"
import { nameOf, type Operation } from "./Operation.ts"
import { modelPath } from "./Paths.ts"

const headerLength = "Inference-Header-Content-Length"

/** With `binary`, tensors travel as bytes in both directions; without it as JSON, for servers that know nothing else. @internal */
export const infer = (request: WireRequest, binary: boolean): Operation<WireResponse> => {
  const path = `${modelPath(request.model, request.version)}/infer`
  const json = new TextEncoder().encode(requestJson(request, binary))
  const operation = {
    method: "POST",
    path,
    inference: true,
    repeatable: request.sequence === undefined,
    read: (answer) => readInferAnswer(nameOf({ method: "POST", path }), answer)
  } as const satisfies Partial<Operation<WireResponse>>
  if (!binary) return { ...operation, headers: { "Content-Type": "application/json" }, body: json }
  return {
    ...operation,
    headers: { "Content-Type": "application/octet-stream", [headerLength]: String(json.byteLength) },
    body: join(json, request)
  }
}

const join = (json: Uint8Array, { inputs }: WireRequest): Elements.Bytes => {
  const body = new Uint8Array(inputs.reduce((length, { data }) => length + data.byteLength, json.byteLength))
  body.set(json)
  let at = json.byteLength
  for (const { data } of inputs) {
    body.set(data, at)
    at += data.byteLength
  }
  return body
}

const requestJson = (request: WireRequest, binary: boolean): string => {
  const { id, outputs } = request
  const parameters = parametersOf(request)
  if (binary && outputs.length === 0) parameters.push("\"binary_data_output\":true")
  return `{${id === "" ? "" : `"id":${JSON.stringify(id)},`}` +
    (parameters.length === 0 ? "" : `"parameters":{${parameters.join(",")}},`) +
    `"inputs":[${
      request.inputs.map(({ data, datatype, name, shape }) =>
        `{"name":${JSON.stringify(name)},"shape":[${shape.join(",")}],"datatype":"${datatype}",` +
        (binary
          ? `"parameters":{"binary_data_size":${data.byteLength}}}`
          : `"data":[${dataJson(request.model, name, datatype, shape, data)}]}`)
      ).join(",")
    }]` +
    (outputs.length === 0 ?
      "" :
      `,"outputs":[${
        outputs.map(({ classification, name }) =>
          `{"name":${JSON.stringify(name)},"parameters":{"binary_data":${binary}${
            classification === 0 ? "" : `,"classification":${classification}`
          }}}`
        ).join(",")
      }]`) +
    "}"
}

const member = (name: string, value: Parameter): string =>
  `${JSON.stringify(name)}:${typeof value === "bigint" ? value : JSON.stringify(value)}`

const parametersOf = (request: WireRequest): Array<string> => {
  const { priority, queueTimeoutMicros, sequence } = request
  const members = request.parameters.map(([name, value]) => member(name, value))
  if (priority !== 0) members.push(member("priority", priority))
  if (queueTimeoutMicros !== 0) members.push(member("timeout", queueTimeoutMicros))
  if (sequence !== undefined) {
    members.push(
      member("sequence_id", sequence.id),
      member("sequence_start", sequence.start),
      member("sequence_end", sequence.end)
    )
  }
  return members
}

/** Tensors as JSON: `NaN` and `Infinity` as servers take them, 64-bit integers exactly. */
const dataJson = (
  model: string,
  name: string,
  datatype: WireRequest["inputs"][number]["datatype"],
  shape: ReadonlyArray<number>,
  data: Uint8Array
): string => {
  const fail = (problem: string) => invalid(model, `input '${name}' of model '${model}' ${problem}`)
  if (datatype === "FP16" || datatype === "BF16") {
    throw fail(`is ${datatype}, which has no form in JSON; send it in binary`)
  }
  const bytes = new Uint8Array(data)
  const values = Elements.decode(datatype, bytes, shape.reduce((product, size) => product * size, 1), true, fail)
  return Array.from(values as ArrayLike<unknown>, valueJson).join(",")
}

const valueJson = (value: unknown): string => {
  if (typeof value === "string") return JSON.stringify(value)
  return Object.is(value, -0) ? "-0.0" : String(value)
}
