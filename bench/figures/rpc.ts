/** Effect RPC beside the server's gRPC, and calls of a program that has the server inside. */
import * as grpc from "../grpc.ts"
import { drive } from "../load.ts"
import { metered } from "../processor.ts"
import * as requests from "../requests.ts"
import * as rpcRequests from "../rpcRequests.ts"
import { yardstick } from "../server.ts"
import { type Context, type Figure, half, inTurns, warmed } from "./Figure.ts"
import { calls } from "./grpc.ts"

const overRpc = ({ pid, seconds, url }: Context, request: requests.BinaryRequest, connections: number) =>
  metered(pid(), () => drive({ ...request, url: `${url()}/rpc`, connections, seconds: half(seconds) }))

/** Requests per second of `simple`, over RPC and over gRPC. */
const besideGrpc = (context: Context, connections: number) => {
  const body = grpc.inferBody("simple", requests.simpleInputs())
  const value = () => overRpc(context, rpcRequests.simple(), connections)
  return warmed(() => inTurns(value, () => calls(context, body, connections)), value)
}

export const rpc = (context: Context): ReadonlyArray<Figure> =>
  grpc.available
    ? [1, 32].map((connections): Figure => ({
      name: `rpc: \`simple\`, binary, ${connections} connection${connections === 1 ? "" : "s"}, beside gRPC`,
      unit: "requests/s",
      goal: "–",
      reached: () => true,
      measure: besideGrpc(context, connections)
    }))
    : []

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
