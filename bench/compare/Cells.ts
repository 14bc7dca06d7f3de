/** What two revisions are compared by: loads of one second of models that both serve. */
import * as grpc from "../grpc.ts"
import { drive, type Outcome } from "../load.ts"
import * as models from "../models.ts"
import * as requests from "../requests.ts"
import type { Started } from "../server.ts"

/** @category models */
export interface Cell {
  readonly name: string
  readonly load: (server: Started) => Promise<Outcome>
}

const seconds = 1

const shown = (connections: number): string => `${connections} connection${connections === 1 ? "" : "s"}`

const http = (name: string, model: string, request: requests.BinaryRequest, connections: number): Cell => ({
  name: `HTTP: ${name}, ${shown(connections)}`,
  load: ({ url }) => drive({ ...request, url: `${url}/v2/models/${model}/infer`, connections, seconds })
})

const overGrpc = (
  name: string,
  model: string,
  inputs: ReadonlyArray<requests.BinaryInput>,
  connections: number,
  streams = 1
): Cell => {
  const body = grpc.inferBody(model, inputs)
  return {
    name: `gRPC: ${name}, ${streams === 1 ? "" : `${streams} streams on `}${shown(connections)}`,
    load: ({ grpcPort }) => grpc.drive({ body, connections, streams, port: grpcPort, seconds })
  }
}

/** @category constructors */
export const cells = (): ReadonlyArray<Cell> => {
  const large = requests.float32("INPUT0", models.identityShape)
  return [
    http("`simple`, binary", "simple", requests.simple(), 1),
    http("`simple`, binary", "simple", requests.simple(), 32),
    http("`simple`, JSON", "simple", requests.simpleJson(), 32),
    http("FP32 identity, 602 kB each way", "identity_fp32", large, 8),
    http("Silero VAD, batched", "silero_batched", requests.silero(), 32),
    ...(grpc.available
      ? [
        overGrpc("`simple`", "simple", requests.simpleInputs(), 1),
        overGrpc("`simple`", "simple", requests.simpleInputs(), 32),
        overGrpc("`simple`", "simple", requests.simpleInputs(), 1, 32),
        overGrpc(
          "FP32 identity, 602 kB each way",
          "identity_fp32",
          requests.float32Inputs("INPUT0", models.identityShape),
          8
        )
      ]
      : [])
  ]
}
