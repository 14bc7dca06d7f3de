/** Inference over gRPC, beside bare servers that answer every call with a fixed message, and beside HTTP. */
import * as grpc from "../grpc.ts"
import { drive } from "../load.ts"
import * as models from "../models.ts"
import * as requests from "../requests.ts"
import { yardstick } from "../server.ts"
import { atLeast, type Context, type Figure, inTurns, type Measured } from "./Figure.ts"

const simple = (): Uint8Array => grpc.inferBody("simple", requests.simpleInputs())

/** The server and a bare one, in turns, with the same load. */
const besideBare =
  (context: Context, script: string, connections: number, streams: number) => async (): Promise<Measured> => {
    const body = simple()
    const load = { body, connections, streams, seconds: context.seconds / 2 }
    const port = context.grpcPort()
    const bare = await yardstick(script, [String(await grpc.answerBytes(port, body))])
    try {
      return await inTurns(
        () => grpc.drive({ ...load, port }),
        () => grpc.drive({ ...load, port: Number(bare.line) })
      )
    } finally {
      bare.stop()
    }
  }

const kinds = [
  { shown: "32 connections", connections: 32, streams: 1 },
  { shown: "32 streams on one connection", connections: 1, streams: 32 }
] as const

const besideHttp = (context: Context, connections: number) => (): Promise<Measured> => {
  const shape = models.identityShape
  const request = requests.float32("INPUT0", shape)
  const body = grpc.inferBody("identity_fp32", requests.float32Inputs("INPUT0", shape))
  const seconds = context.seconds / 2
  return inTurns(
    () => grpc.drive({ body, connections, streams: 1, seconds, port: context.grpcPort() }),
    () => drive({ ...request, connections, seconds, url: `${context.url()}/v2/models/identity_fp32/infer` })
  )
}

export const grpcServing = (context: Context): ReadonlyArray<Figure> =>
  grpc.available
    ? [
      ...kinds.flatMap(({ connections, shown, streams }): ReadonlyArray<Figure> => [
        {
          name: `\`simple\` over gRPC, ${shown}, beside a bare echo on the same transport`,
          unit: "requests/s",
          goal: "≥ 0.75 of the echo",
          reached: atLeast(0.75),
          measure: besideBare(context, "grpcEcho.ts", connections, streams)
        },
        {
          name: `\`simple\` over gRPC, ${shown}, beside an echo on \`node:http2\``,
          unit: "requests/s",
          goal: "≥ 0.75 of the echo",
          reached: atLeast(0.75),
          measure: besideBare(context, "http2Echo.ts", connections, streams)
        }
      ]),
      {
        name: "FP32 identity over gRPC, 602 kB each way, 8 connections, beside HTTP",
        unit: "requests/s",
        goal: "≥ 0.75 of HTTP",
        reached: atLeast(0.75),
        measure: besideHttp(context, 8)
      }
    ]
    : []
