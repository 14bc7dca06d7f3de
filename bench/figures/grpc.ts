/** Inference over gRPC, beside a `node:http2` server that answers every call with a fixed message, beside itself, and beside HTTP. */
import * as grpc from "../grpc.ts"
import * as models from "../models.ts"
import { metered } from "../processor.ts"
import * as requests from "../requests.ts"
import { yardstick } from "../server.ts"
import {
  atLeast,
  type Context,
  type Figure,
  half,
  inTurns,
  load,
  type Measured,
  type Metered,
  warmed
} from "./Figure.ts"
import * as Triton from "./Triton.ts"

const simple = (): Uint8Array => grpc.inferBody("simple", requests.simpleInputs())

/** One load of the server, of half of the measurement. */
export const calls = (context: Context, body: Uint8Array, connections: number, streams = 1): Promise<Metered> =>
  metered(
    context.pid(),
    () => grpc.drive({ body, connections, streams, port: context.grpcPort(), seconds: half(context.seconds) })
  )

/** The server and the bare one, in turns, with the same load. */
const besideEcho = (context: Context, connections: number): () => Promise<Measured> => {
  const body = simple()
  const serve = () => calls(context, body, connections)
  return warmed(async () => {
    const echo = await yardstick("http2Echo.ts", [String(await grpc.answerBytes(context.grpcPort(), body))])
    const bare = { body, connections, streams: 1, port: Number(echo.line) }
    try {
      await grpc.drive({ ...bare, seconds: 1 })
      return await inTurns(
        serve,
        () => metered(echo.pid, () => grpc.drive({ ...bare, seconds: half(context.seconds) }))
      )
    } finally {
      echo.stop()
    }
  }, serve)
}

const goals = { 1: 0.7, 8: 0.95, 32: 0.95, 128: 0.95 } as const

const besideHttp = (context: Context, connections: number): () => Promise<Measured> => {
  const shape = models.identityShape
  const request = requests.float32("INPUT0", shape)
  const body = grpc.inferBody("identity_fp32", requests.float32Inputs("INPUT0", shape))
  const value = () => calls(context, body, connections)
  return warmed(() => inTurns(value, () => load(context, "identity_fp32", request, connections)), value)
}

export const grpcServing = (context: Context): ReadonlyArray<Figure> =>
  grpc.available
    ? [
      ...Object.entries(goals).map(([key, goal]): Figure => ({
        name: `gRPC: \`simple\`, ${key} connection${key === "1" ? "" : "s"}`,
        unit: "requests/s",
        goal: `≥ ${goal.toFixed(2)} of the \`node:http2\` echo`,
        reached: atLeast(goal),
        triton: Triton.grpc[Number(key)],
        measure: besideEcho(context, Number(key))
      })),
      {
        name: "gRPC: `simple`, 32 streams on one connection, beside 32 connections",
        unit: "requests/s",
        goal: "≥ 1 of them",
        reached: atLeast(1),
        triton: Triton.streams,
        measure: () => inTurns(() => calls(context, simple(), 1, 32), () => calls(context, simple(), 32))
      },
      ...[1, 8].map((connections): Figure => ({
        name: `gRPC: FP32 identity, 602 kB each way, ${connections} connection${
          connections === 1 ? "" : "s"
        }, beside HTTP`,
        unit: "requests/s",
        goal: "≥ 0.9 of HTTP",
        reached: atLeast(0.9),
        triton: Triton.largeGrpc[connections],
        measure: besideHttp(context, connections)
      }))
    ]
    : []
