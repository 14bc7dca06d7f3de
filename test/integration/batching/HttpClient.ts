/** A client of a scenario over HTTP, with JSON tensors. */
import type { FrontEnd, Received } from "./Driver.ts"
import type { Request } from "./Scenario.ts"
import { modelName } from "./Server.ts"

interface Body {
  readonly error?: string
  readonly outputs?: ReadonlyArray<{
    readonly name: string
    readonly shape: ReadonlyArray<number>
    readonly data: ReadonlyArray<number>
  }>
}

/** A whole integer of 64 bits has no number in JavaScript, and JSON has no other. */
const integer = (key: string, value: bigint | number | undefined): ReadonlyArray<string> =>
  value === undefined ? [] : [`${JSON.stringify(key)}:${value}`]

const sequence = ({ sequence: step }: Request): ReadonlyArray<string> =>
  step === undefined ? [] : [
    `"sequence_id":${JSON.stringify(step.id)}`,
    `"sequence_start":${step.start === true}`,
    `"sequence_end":${step.end === true}`
  ]

export const http: FrontEnd = {
  name: "HTTP",
  ask: (server, request, tensors, signal) => {
    const inputs = tensors.map(({ name, shape, values }) => ({ name, shape, datatype: "FP32", data: values }))
    const parameters = [
      ...integer("priority", request.priority),
      ...integer("timeout", request.timeout),
      ...sequence(request)
    ]
    const outputs = (request.outputs ?? []).map((name) => ({ name }))
    const body = `{"parameters":{${parameters}},"inputs":${JSON.stringify(inputs)},"outputs":${
      JSON.stringify(outputs)
    }}`
    return fetch(`http://127.0.0.1:${server.port}/v2/models/${modelName}/infer`, { method: "POST", body, signal })
      .then(async (response): Promise<Received> => {
        const answer = await response.json() as Body
        return answer.outputs === undefined
          ? { error: answer.error ?? "", status: response.status }
          : { outputs: answer.outputs.map(({ data, name, shape }) => ({ name, shape, values: data })) }
      })
  }
}
