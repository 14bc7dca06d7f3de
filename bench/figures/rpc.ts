/** Effect RPC beside the server's gRPC and binary HTTP, and calls of a program that has the server inside. */
import * as grpc from "../grpc.ts"
import { drive, type Outcome } from "../load.ts"
import * as models from "../models.ts"
import * as requests from "../requests.ts"
import * as rpcRequests from "../rpcRequests.ts"
import { yardstick } from "../server.ts"
import { atLeast, type Context, type Figure, inTurns, load } from "./Figure.ts"

const overRpc = async (
  { seconds, url }: Context,
  request: requests.BinaryRequest,
  connections: number
): Promise<Outcome> => {
  const target = { ...request, url: `${url()}/rpc`, connections }
  await drive({ ...target, seconds: 1 })
  return drive({ ...target, seconds })
}

/** Requests per second of the same model, over RPC and over HTTP. */
const besideHttp = (
  context: Context,
  model: string,
  rpc: requests.BinaryRequest,
  http: requests.BinaryRequest,
  connections: number
) =>
() => {
  const half = { ...context, seconds: context.seconds / 2 }
  return inTurns(() => overRpc(half, rpc, connections), () => load(half, model, http, connections))
}

/** Requests per second of `simple`, over RPC and over gRPC. */
const besideGrpc = (context: Context, connections: number) => () => {
  const half = { ...context, seconds: context.seconds / 2 }
  const body = grpc.inferBody("simple", requests.simpleInputs())
  return inTurns(
    () => overRpc(half, rpcRequests.simple(), connections),
    () => grpc.drive({ body, connections, streams: 1, seconds: half.seconds, port: context.grpcPort() })
  )
}

export const rpc = (context: Context): ReadonlyArray<Figure> => [
  ...(grpc.available
    ? [1, 32].map((connections): Figure => ({
      name: `rpc: \`simple\`, binary, ${connections} connection${connections === 1 ? "" : "s"}, beside gRPC`,
      unit: "requests/s",
      goal: "≥ 0.5 of gRPC",
      reached: atLeast(0.5),
      measure: besideGrpc(context, connections)
    }))
    : []),
  {
    name: "rpc: `simple`, binary, 32 connections, beside binary HTTP",
    unit: "requests/s",
    goal: "–",
    reached: () => true,
    measure: besideHttp(context, "simple", rpcRequests.simple(), requests.simple(), 32)
  },
  {
    name: "rpc: FP32 identity, binary, 602 kB each way, 8 connections, beside binary HTTP",
    unit: "requests/s",
    goal: "–",
    reached: () => true,
    measure: besideHttp(
      context,
      "identity_fp32",
      rpcRequests.float32("identity_fp32", "INPUT0", models.identityShape),
      requests.float32("INPUT0", models.identityShape),
      8
    )
  }
]

/** Microseconds of CPU time of the thread that calls `simple`, beside those that it may cost. */
const callers = (name: string, which: 0 | 1, repository: string, seconds: number): Figure => ({
  name: `in process: CPU time of the calling thread per call of \`simple\`, ${name}`,
  unit: "µs",
  goal: "≤ 50 µs",
  reached: (ratio) => ratio <= 1,
  measure: async () => {
    const { line } = await yardstick("inProcess.ts", [repository, String(seconds / 2)])
    const value = Number(line.split(" ")[which])
    return { value, beside: 50, ratio: value / 50 }
  }
})

export const inProcess = (repository: string, seconds: number): ReadonlyArray<Figure> => [
  callers("without the hop to a worker", 0, repository, seconds),
  callers("with the hop, 32 at a time", 1, repository, seconds)
]
