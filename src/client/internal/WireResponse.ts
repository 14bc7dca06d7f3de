/** The answer to an inference as it travels, and what the caller gets of it. */
import type { DataType } from "../../schema/DataType.ts"
import type { Parameter } from "../../schema/Inference.ts"
import type { InferResponse } from "../InferenceClient.ts"
import { InferenceServerError } from "../InferenceServerError.ts"
import type { BytesAs } from "../Values.ts"
import * as Elements from "./Elements.ts"
import { elements } from "./WireRequest.ts"

/** An output in its binary form. @internal */
export interface WireTensor {
  readonly name: string
  readonly datatype: DataType
  readonly shape: ReadonlyArray<number>
  readonly data: Elements.Bytes
}

/** @internal */
export interface WireResponse {
  readonly id: string
  readonly modelName: string
  readonly modelVersion: string
  readonly parameters: Readonly<Record<string, Parameter>>
  readonly outputs: ReadonlyArray<WireTensor>
}

/** What answered does not keep to the protocol. @internal */
export const unexpected = (request: string, message: string): InferenceServerError =>
  new InferenceServerError(message, { code: "UNEXPECTED_ANSWER", request })

/** @internal */
export const toResponse = <Outputs>(
  response: WireResponse,
  bytesAs: BytesAs | undefined,
  request: string
): InferResponse<Outputs> => {
  const outputs = Object.fromEntries(response.outputs.map(({ data, datatype, name, shape }) => {
    const fail = (problem: string) =>
      unexpected(request, `output '${name}' of model '${response.modelName}' ${problem}`)
    const values = Elements.decode(datatype, data, elements(shape), bytesAs !== "Uint8Array", fail)
    return [name, { datatype, shape, data: values }]
  }))
  const { id, modelName, modelVersion, parameters } = response
  return { id, modelName, modelVersion, parameters, outputs: outputs as Outputs }
}
