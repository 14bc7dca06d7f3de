/** A client of a scenario over gRPC, with raw tensors. A connection for each request, so that they arrive in the order of the table. */
import * as Http2 from "node:http2"
import { codes } from "../../../src/schema/Errors.ts"
import * as Messages from "../../frontend/grpc/Messages.ts"
import { Client, framed } from "../grpc/Client.ts"
import type { FrontEnd, Received, Values } from "./Driver.ts"
import { modelName } from "./Server.ts"

/** The scenarios name failures by their HTTP status. */
const httpStatus: ReadonlyMap<number, number> = new Map(
  Object.values(codes).map(({ grpc, http }) => [grpc, http] as const)
)

const bytesOf = (values: ReadonlyArray<number>): Uint8Array => new Uint8Array(Float32Array.from(values).buffer)

const valuesOf = (bytes: Uint8Array): ReadonlyArray<number> => [...new Float32Array(Uint8Array.from(bytes).buffer)]

const outputsOf = ({ outputs, raw_output_contents }: Messages.Response): ReadonlyArray<Values> =>
  outputs.map(({ name, shape }, i) => ({ name, shape, values: valuesOf(raw_output_contents[i]!) }))

export const grpc: FrontEnd = {
  name: "gRPC",
  ask: (server, request, tensors, signal) => {
    const { priority, sequence: step, timeout } = request
    const message = Messages.request({
      model_name: modelName,
      parameters: {
        ...(priority === undefined ? {} : { priority: { uint64_param: BigInt(priority) } }),
        ...(timeout === undefined ? {} : { timeout: { int64_param: BigInt(timeout) } }),
        ...(step === undefined ? {} : {
          sequence_id: typeof step.id === "string" ? { string_param: step.id } : { int64_param: BigInt(step.id) },
          sequence_start: { bool_param: step.start === true },
          sequence_end: { bool_param: step.end === true }
        })
      },
      inputs: tensors.map(({ name, shape }) => ({ name, shape, datatype: "FP32" })),
      outputs: (request.outputs ?? []).map((name) => ({ name })),
      raw_input_contents: tensors.map(({ values }) => bytesOf(values))
    })
    return new Promise<Received>((resolve, reject) => {
      const session = Http2.connect(`http://127.0.0.1:${server.grpcPort}`)
      session.on("error", reject)
      const call = new Client(session).begin("ModelInfer")
      signal.addEventListener("abort", () => {
        call.cancel()
        session.close()
        reject(signal.reason)
      })
      call.stream.on("close", () => {
        session.close()
        const { message: text, status } = call.ended!
        if (status === 0) resolve({ outputs: outputsOf(Messages.response(call.messages[0]!)) })
        else resolve({ error: text, status: httpStatus.get(status ?? 2) ?? 0 })
      })
      call.stream.end(framed(message))
    })
  }
}
